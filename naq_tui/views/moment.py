"""Moments as a person names them. Pure.

A place in the log is `14:03`, `-20m`, `yesterday 9:00`, an ISO time, `#184223`; a time to come `18:00`, `in 2h`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

DUE_EXAMPLES = "15m   in 2h   18:00   tomorrow 9:00   2026-12-24 18:00"
EXAMPLES = "14:03   14:03:20   -20m   yesterday 9:00   2026-11-24 14:03   #184223"
MOST_DIGITS = 18
"""Of a sequence; the server's own limit is near."""

_UNITS = {
    **dict.fromkeys(("s", "sec", "second"), 1),
    **dict.fromkeys(("m", "min", "minute"), 60),
    **dict.fromkeys(("h", "hour"), 3_600),
    **dict.fromkeys(("d", "day"), 86_400),
    **dict.fromkeys(("w", "week"), 604_800),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEQUENCE = re.compile(r"#\s*([0-9][0-9,._' ]*)")
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)")
_SPANS = re.compile(rf"(?:{_SPAN.pattern}\s*)+")
_AGO = re.compile(r"(?:-\s*(?P<minus>[0-9].*)|(?P<before>[0-9].*?)\s+ago)")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,6})?)?")
_DAY_AND_CLOCK = re.compile(r"([a-z]+)(?:\s+(?:at\s+)?([0-9].*))?")


def parse_moment(text: str, now: datetime, zone: tzinfo = UTC) -> datetime | int:
    """A moment (aware UTC), or the sequence of an event.

    A time of day alone is the last one there was; a day alone is its first moment.

    Args:
        now: the moment that "now" is, aware.
        zone: the time zone that times are read in, where they do not name their own.

    Raises:
        ValueError: the text names no moment; its message says what is wrong, for the reader.
    """
    words = " ".join(text.casefold().split())
    if not words:
        raise ValueError(f"try {EXAMPLES}")
    try:
        return _parse(words, now.astimezone(zone), zone)
    except OverflowError:
        raise ValueError(f"{text.strip()} lies outside of the calendar") from None


def _parse(words: str, now: datetime, zone: tzinfo) -> datetime | int:
    if sequence := _SEQUENCE.fullmatch(words):
        digits = re.sub(r"[^0-9]", "", sequence[1])
        if len(digits) > MOST_DIGITS:
            raise ValueError("no event has so high a number")
        return int(digits)
    if ago := _AGO.fullmatch(words):
        return (now - _span(ago["minus"] or ago["before"])).astimezone(UTC)
    if words == "now":
        return now.astimezone(UTC)
    if clock := _CLOCK.fullmatch(words):
        today = _at(now, _time_of(clock), zone)
        return today if today <= now else _at(now - timedelta(days=1), _time_of(clock), zone)
    if day := _DAY_AND_CLOCK.fullmatch(words):
        return _on_day(day[1], day[2], now, zone)
    return _iso(words, zone)


def parse_due(text: str, now: datetime, zone: tzinfo = UTC) -> datetime | timedelta | None:
    """A moment to come (aware UTC) or a delay; None for one that is now. A time of day alone is the next one.

    Raises:
        ValueError: the text names no moment to come; its message says what is wrong, for the reader.
    """
    words = " ".join(text.casefold().split()).removeprefix("at ")
    if words in ("", "now"):
        return None
    try:
        if span := words.removeprefix("in ") if words[:3] == "in " or _SPANS.fullmatch(words) else "":
            return _span(span)
        here = now.astimezone(zone)
        moment = _coming(words, here, zone)
    except OverflowError:
        raise ValueError(f"{text.strip()} lies outside of the calendar") from None
    if moment <= now:
        raise ValueError(f"{text.strip()} is over")
    return moment


def _coming(words: str, now: datetime, zone: tzinfo) -> datetime:
    day, _, rest = words.partition(" ")
    if day in ("today", "tomorrow") or _CLOCK.fullmatch(words):
        clock = _CLOCK.fullmatch(rest.removeprefix("at ") if day in ("today", "tomorrow") else words)
        if clock is None:
            raise ValueError(f"{words} is no moment; try {DUE_EXAMPLES}")
        at = _at(now + timedelta(days=day == "tomorrow"), _time_of(clock), zone)
        return at if at > now or day == "today" else _at(now + timedelta(days=1), _time_of(clock), zone)
    return _iso(words, zone, DUE_EXAMPLES)


def _span(text: str) -> timedelta:
    """`1h 30m`; all of the text must be read."""
    if _SPAN.sub("", text).strip():
        raise ValueError(f"{text} is no span of time: try 90s, 20m, 2h, 1h30m, 3d")
    total = 0.0
    for number, unit in _SPAN.findall(text):
        size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s") if len(unit) > 2 else "")
        if size is None:
            raise ValueError(f"{unit} is no unit of time: s, m, h, d and w are")
        total += float(number) * size
    return timedelta(seconds=total)


def _on_day(name: str, clock_text: str | None, now: datetime, zone: tzinfo) -> datetime:
    if name == "today":
        back = 0
    elif name == "yesterday":
        back = 1
    else:
        days = [i for i, day in enumerate(_DAYS) if len(name) >= 3 and day.startswith(name)]
        if not days:
            raise ValueError(f"{name} is no day: today, yesterday and the days of the week are")
        back = (now.weekday() - days[0]) % 7
    clock = _CLOCK.fullmatch(clock_text or "0:00")
    if clock is None:
        raise ValueError(f"{clock_text} is no time of day: try 9:00 or 14:03:20")
    moment = _at(now - timedelta(days=back), _time_of(clock), zone)
    # the day of the week that today is may still be to come: then the one before is meant
    return moment if back or name == "today" or moment <= now else moment - timedelta(days=7)


def _iso(words: str, zone: tzinfo, examples: str = EXAMPLES) -> datetime:
    try:
        moment = datetime.fromisoformat(words.upper())
    except ValueError:
        hint = f"; for an event write #{words}" if words.isdigit() else f"; try {examples}"
        raise ValueError(f"{words} is no moment{hint}") from None
    if words.isdigit():
        raise ValueError(f"{words} is no moment; for an event write #{words}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _time_of(clock: re.Match[str]) -> time:
    hour, minute, second, fraction = clock.groups()
    try:
        return time(int(hour), int(minute), int(second or 0), round(float(fraction or 0) * 1_000_000) % 1_000_000)
    except ValueError:
        raise ValueError(f"{clock[0]} is no time of day: 0:00 to 23:59 are") from None


def _at(day: datetime, clock: time, zone: tzinfo) -> datetime:
    return datetime.combine(day.date(), clock, zone).astimezone(UTC)
