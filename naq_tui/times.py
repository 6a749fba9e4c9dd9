"""How moments are told on every screen: in which zone, and as a time of day or as an age.

One choice for the whole process, like the masking of secrets: it changes how things look, never what they are.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Mode = Literal["", "relative", "absolute"]
"""Empty gives each column the one that suits it."""
MODES: tuple[Mode, ...] = ("", "relative", "absolute")


class Style(NamedTuple):
    """How moments are told."""

    zone: tzinfo | None = UTC
    """None is this machine's."""
    mode: Mode = ""


_active = Style()


def use(style: Style) -> None:
    """The style from now on."""
    global _active
    _active = style


def active() -> Style:
    return _active


def zone_of(name: str) -> tzinfo | None:
    """The zone of a name that `config.zone_name` has passed; None is this machine's."""
    return UTC if name == "UTC" else None if name == "local" else ZoneInfo(name)


def zone_at(moment: datetime) -> tzinfo:
    """The chosen zone, as times of day that are typed are read in."""
    return in_zone(moment).tzinfo or UTC


def in_zone(moment: datetime) -> datetime:
    """The same moment by the chosen zone's clock; as it is where that clock has no such year."""
    zone = _active.zone
    try:
        return moment if moment.tzinfo is zone else moment.astimezone(zone)
    except OverflowError:
        return moment


def zone_label(moment: datetime) -> str:
    """`UTC`, `CET`, `+03`: short for the chosen zone at that moment."""
    return in_zone(moment).strftime("%Z")
