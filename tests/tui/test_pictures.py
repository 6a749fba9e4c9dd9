"""Every screen, report, list and state has its picture, in every size and look that it has to have.

What a picture shows stands in the picture itself (tests/tui/pictures.py), and every run compares that with what is
shown: so what is asked here is answered by the screens and not by a list that somebody keeps.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import get_args

import pytest
from textual.screen import Screen

import naq_tui.screens
from naq.models.event import JobEventType
from naq_tui import keys, status
from naq_tui.views.detail import Kind
from tests.tui.pictures import OTHER_LOOKS, ROOT, SNAPSHOTS, Picture, pictures

BOTH = ("80x24", "120x40")
LISTS = tuple(keys.SCREENS)
JOB_STATUSES = ("PENDING", "RUNNING", "RETRY", "SCHEDULED", "PAUSED", "COMPLETED", "FAILED", "CANCELLED")


def screens() -> set[str]:
    """All that can be in front: what nothing else is made of."""
    for module in pkgutil.iter_modules(naq_tui.screens.__path__):
        importlib.import_module(f"naq_tui.screens.{module.name}")
    found, left = {"CommandPalette"}, [Screen]
    while left:
        kind = left.pop()
        below = [each for each in kind.__subclasses__() if each.__module__.startswith(("naq_tui", "textual.screen"))]
        left += below
        if not below and kind.__module__.startswith("naq_tui"):
            found.add(kind.__name__)
    return found


def missing(wanted: Iterable[Picture]) -> list[str]:
    """Those that no picture is like; what is empty in them does not matter."""
    there = [picture for _, picture in pictures()]
    names = [field.name for field in fields(Picture)]

    def is_there(one: Picture) -> bool:
        given = [(name, getattr(one, name)) for name in names if getattr(one, name)]
        return any(all(getattr(picture, name) == value for name, value in given) for picture in there)

    return [str(one) for one in wanted if not is_there(one)]


def test_every_picture_says_what_it_shows() -> None:
    assert [name for name, picture in pictures() if not picture.size or not picture.screen] == []


def test_every_screen_has_its_pictures() -> None:
    """In both sizes, in the light theme and without colours."""
    names = screens()
    assert {"MainScreen", "DetailScreen", "OutputScreen", "ConfirmScreen", "AddJobScreen"} <= names
    assert missing(Picture(size=size, screen=name) for name in sorted(names) for size in BOTH) == []
    assert missing(Picture(look=look, screen=name) for name in sorted(names) for look in OTHER_LOOKS) == []


def test_every_report_has_its_pictures() -> None:
    kinds = get_args(Kind)
    assert missing(Picture(size=size, screen="DetailScreen", about=kind) for kind in kinds for size in BOTH) == []
    looks = (Picture(look=look, screen="DetailScreen", about=kind) for kind in kinds for look in OTHER_LOOKS)
    assert missing(looks) == []


@pytest.mark.parametrize("state", ["rows", "empty", "reading", "lost", "failed", "past"])
def test_every_list_has_its_pictures_in_every_state(state: str) -> None:
    # processes are of this machine: there is nothing to wait for
    names = [name for name in LISTS if (name, state) != ("processes", "reading")]
    assert (
        missing(Picture(size=size, screen="MainScreen", about=name, state=state) for name in names for size in BOTH)
        == []
    )


def test_every_list_has_its_pictures_in_every_look_and_wide() -> None:
    shown = {"screen": "MainScreen", "state": "rows"}
    assert missing(Picture(look=look, about=name, **shown) for name in LISTS for look in OTHER_LOOKS) == []
    assert missing(Picture(size="200x60", about=name, **shown) for name in LISTS) == []


def test_every_status_has_its_pictures() -> None:
    """Of jobs, workers and schedules; of events one of each kind of record."""
    wanted = {("job", status.of_job(name).word) for name in JOB_STATUSES}
    wanted |= {("worker", status.of_worker(name).word) for name in status.WORKER_ORDER}
    wanted |= {("schedule", status.of_schedule(name).word) for name in status.SCHEDULE_ORDER}
    assert missing(Picture(size=size, about=about, state=word) for about, word in sorted(wanted) for size in BOTH) == []
    words = {kind: status.of_event(kind).word for kind in JobEventType}
    for size in BOTH:
        seen = {picture.state for _, picture in pictures() if picture.about == "event" and picture.size == size}
        for family in ("WORKER_", "SCHEDULE_", "QUEUE_", "OPERATOR_", "COMPLETED", "FAILED"):
            assert seen & {word for kind, word in words.items() if kind.startswith(family)}, (family, size)


def test_the_readme_shows_five_of_them() -> None:
    """Those that the tests compare, so that they are of today."""
    shown = re.findall(r"\]\(snapshots/([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    names = {name.replace("%5B", "[").replace("%5D", "]") for name in shown}
    assert len(names) >= 5
    assert names <= {name for name, _ in pictures()}, SNAPSHOTS
