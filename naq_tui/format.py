"""Figures as people read them. The moment that is now is always an argument; the zone is that of `naq_tui.times`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from naq_tui import times

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
BARS = "▁▂▃▄▅▆▇█"
BARS_ASCII = "_.-:=+*#"
_LONGEST_S = 1e15
"""What somebody else wrote may be a number that is no time, and more than a float can hold."""


def count(number: float) -> str:
    """`4,910`."""
    return f"{number:,.0f}"


def short_count(number: float) -> str:
    """At most five characters: `4,910`, `48.2k`, `3.1M`."""
    if number < 10_000:
        return f"{number:,.0f}"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.0f}{unit}" if value >= 100 else f"{value:.1f}{unit}"
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """One unit, two or three digits: `0.4 ms`, `228 ms`, `1.2 s`, `41 s`, `14 min`, `6 d`."""
    seconds = min(max(seconds, 0.0), _LONGEST_S)
    if seconds < 0.0995:
        ms = seconds * 1000
        return f"{ms:.1f} ms" if ms < 9.95 and ms else f"{ms:.0f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s" if round(seconds, 1) % 1 else f"{seconds:.0f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    for size, unit in _UNITS:
        if seconds >= size:
            value = seconds / size
            coarse = value >= 9.95 or unit == "min" or not round(value, 1) % 1
            return f"{value:.0f} {unit}" if coarse else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s"


def milliseconds(ms: float | None) -> str:
    """A duration given in milliseconds; empty where it is not known."""
    return "" if ms is None else duration(ms / 1000)


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in whole units that change at most once a second; empty where `moment` is None."""
    if moment is None:
        return ""
    seconds = max(0.0, (now - moment).total_seconds())
    return f"{int(seconds)} s" if seconds < 100 else duration(seconds)


def until(moment: datetime | None, now: datetime) -> str:
    """`in 48 s`, `in 11 h 53 min`, `now`; `12 s late` where it lies behind; empty where None."""
    if moment is None:
        return ""
    seconds = (moment - now).total_seconds()
    if seconds <= -2:
        return f"{age(moment, now)} late"
    if seconds < 1:
        return "now"
    return f"in {span(seconds)}"


def span(seconds: float) -> str:
    """Two units where the first alone would be coarse: `48 s`, `14 min`, `11 h 53 min`, `6 d 2 h`."""
    whole = int(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = whole // 86_400, whole % 86_400 // 3600
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


def clock(moment: datetime) -> str:
    """`14:07:12`."""
    return times.in_zone(moment).strftime("%H:%M:%S")


def clock_ms(moment: datetime) -> str:
    """`14:07:12.140`."""
    return f"{times.in_zone(moment):%H:%M:%S}.{moment.microsecond // 1000:03d}"


def exact(moment: datetime | None) -> str:
    """`2026-11-24 14:07:12.140 UTC`; empty where None."""
    if moment is None:
        return ""
    there = times.in_zone(moment)
    return f"{there:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} {there:%Z}"


def since(moment: datetime | None, now: datetime) -> str:
    """In a column of ages: how long ago; the time of day where times were chosen."""
    return _short(moment, now) if times.active().mode == "absolute" else age(moment, now)


def due(moment: datetime | None, now: datetime) -> str:
    """In a column of what is to come: in how long; the time of day where times were chosen."""
    return _short(moment, now) if times.active().mode == "absolute" else until(moment, now)


def at(moment: datetime | None, now: datetime) -> str:
    """In a column of times: the time of day; how long ago where ages were chosen."""
    if moment is None:
        return ""
    return age(moment, now) if times.active().mode == "relative" else clock(moment)


def at_ms(moment: datetime, now: datetime) -> str:
    """As `at`, to the millisecond."""
    return age(moment, now) if times.active().mode == "relative" else clock_ms(moment)


def _short(moment: datetime | None, now: datetime) -> str:
    """`14:07`, of another day `24 Nov`: six cells."""
    if moment is None:
        return ""
    there = times.in_zone(moment)
    return f"{there:%H:%M}" if there.date() == times.in_zone(now).date() else f"{there.day} {there:%b}"


def size(size_bytes: float) -> str:
    """`812 B`, `4.2 KiB`, `31 MiB`."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1023.5 or unit == "GiB":
            return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError  # the loop ends at the last unit


def rate(per_second: float) -> str:
    """`398/s`, `2.4/s`, `<0.1/s`, `0/s`."""
    if 0 < per_second < 0.095:
        return "<0.1/s"
    return f"{per_second:.1f}/s" if 0 < per_second < 9.95 else f"{short_count(per_second)}/s"


def sparkline(values: Sequence[float], *, ascii_only: bool = False, floor: float = 1.0) -> str:
    """One character per value, scaled to the largest (at least `floor`); nothing at all is the lowest bar."""
    bars = BARS_ASCII if ascii_only else BARS
    top = max(floor, *values) if values else floor
    steps = len(bars) - 1
    return "".join(bars[0] if value <= 0 else bars[max(1, round(value / top * steps))] for value in values)


def plural(number: int, noun: str) -> str:
    """`1 worker`, `3 workers`."""
    return f"{number:,} {noun if number == 1 else many(noun)}"


def many(noun: str) -> str:
    """`workers`, `processes`."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"
