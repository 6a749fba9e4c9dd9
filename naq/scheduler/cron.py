"""When a schedule is due: cron texts, intervals and time zones, as pure functions.

Cron texts are read as local wall time. A time that a clock change skips is due once, when the gap ends; a time that
comes twice is due the first time only. Texts whose hour is `*` or `*/n` go by real time instead: they run in both
passes of a repeated hour, and one with every hour (`*/15 * * * *`) has nothing to make up after a gap.
"""

from __future__ import annotations

import difflib
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from naq.errors import ScheduleSpecError

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MIN_INTERVAL_S = 0.001
MAX_INTERVAL_S = 366 * 86_400.0
_YEARS_AHEAD = 10
"""A 29 February is at most eight years away."""
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII
)


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _DAYS),
)


def check_cron(text: str, timezone: str = "UTC") -> str:
    """The cron text with its spaces made single, its letters small and its alias spelled out.

    Five fields (minute hour day month weekday), or six with seconds first.

    Raises:
        ScheduleSpecError: it can't be understood or is never due; the message names the field and its column (from 1).
    """
    if not isinstance(text, str) or not text.strip():
        raise ScheduleSpecError("the cron text is empty: expected five fields like '0 2 * * *'")
    spec = ALIASES.get(text.strip().lower(), text)
    if spec.lstrip().startswith("@"):
        raise ScheduleSpecError(f"cron {text!r} is not known: expected five fields, or one of {', '.join(ALIASES)}")
    words = [(match.start() + 1, match.group().lower()) for match in re.finditer(r"\S+", spec)]
    if len(words) not in (5, 6):
        raise ScheduleSpecError(
            f"cron {text!r} has {len(words)} fields: expected 5 (minute hour day month weekday) or 6 (second first)"
        )
    for (column, word), field in zip(words, _FIELDS[-len(words) :], strict=True):
        problem = _problem(word, field)
        if problem:
            raise ScheduleSpecError(f"cron {text!r}: {field.name} field {word!r} (column {column}) {problem}")
    check_timezone(timezone)
    normal = " ".join(word for _, word in words)
    next_run(normal, timezone, datetime(2024, 1, 1, tzinfo=UTC))
    return normal


def check_timezone(name: str) -> ZoneInfo:
    """The time zone of this IANA name. Raises ScheduleSpecError, with similar names where there are any."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        names = {known.lower(): known for known in available_timezones()}
        close = [names[found] for found in difflib.get_close_matches(str(name).lower(), names, n=3)]
        hint = f"did you mean {' or '.join(close)}?" if close else "expected a name like Europe/Berlin"
        raise ScheduleSpecError(f"time zone {name!r} is not known: {hint}") from None


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """The first due time strictly after `after` (aware), in UTC.

    Raises:
        ScheduleSpecError: the text or the zone can't be understood, or it is never due (31 February).
    """
    zone = check_timezone(timezone)
    hour = _fields_of(cron)[-4]
    makes_up = hour not in ("*", "*/1", "0-23")
    is_real_time = not makes_up or hour.startswith("*/")
    # The time line is walked in stretches of one UTC offset, within which wall time and real time go alike.
    now = after.astimezone(UTC).replace(microsecond=0)
    offset = _offset(zone, now)
    start = now + offset
    if not is_real_time:
        start = max(start, _seen_until(zone, now))
    while True:
        wall = _next_wall(cron, start)
        due = wall - offset
        change = _next_change(zone, now, due)
        if change is None:
            return due
        before, offset, now = offset, _offset(zone, change), change
        if makes_up and wall < now + offset:
            return change  # skipped by the clocks: due as soon as they have jumped
        start = now + (offset if is_real_time else max(before, offset)) - _SECOND


def next_interval(anchor: datetime, interval_s: float, after: datetime) -> datetime:
    """The first `anchor + n x interval` strictly after `after`, n from 1."""
    steps = max(1, math.floor((after - anchor).total_seconds() / interval_s))
    while (due := anchor + timedelta(seconds=steps * interval_s)) <= after:
        steps += 1
    return due


def parse_interval(interval: float | timedelta | str) -> float:
    """Seconds of a number, a timedelta, or a text like "90s", "15m", "2h", "1d" or "1h30m".

    Raises:
        ScheduleSpecError: none of these, shorter than a millisecond, or longer than a year.
    """
    seconds: float | None = None
    if isinstance(interval, timedelta):
        seconds = interval.total_seconds()
    elif isinstance(interval, int | float) and not isinstance(interval, bool):
        seconds = interval
    elif isinstance(interval, str):
        match = _DURATION.fullmatch("".join(interval.lower().split()))
        if match and any(match.groups()):
            days, hours, minutes, rest = (float(part or 0) for part in match.groups())
            seconds = days * 86_400 + hours * 3_600 + minutes * 60 + rest
    if seconds is None or not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise ScheduleSpecError(
            f"interval {interval!r} is not valid: expected seconds or text like '30s', '15m', '1h30m', up to a year"
        )
    return float(seconds)


def in_words(cron: str) -> str:
    """A common pattern in English (`every day at 02:00`); any other as it is written."""
    try:
        second, minute, hour, day, month, weekday = _fields_of(ALIASES.get(cron.strip().lower(), cron))
    except ScheduleSpecError:
        return cron
    if (day, month, weekday) == ("*", "*", "*") and not hour.isdigit():
        return _several_a_day(second, minute, hour) or cron
    if not (minute.isdigit() and hour.isdigit() and second.isdigit()):
        return cron
    at = f"at {int(hour):02d}:{int(minute):02d}" + (f":{int(second):02d}" if int(second) else "")
    if (day, month) == ("*", "*"):
        days = "every day" if weekday == "*" else _weekdays(weekday)
        return f"{days} {at}" if days else cron
    if weekday == "*" and day.isdigit():
        if month == "*":
            return f"on the {_ordinal(int(day))} of every month {at}"
        if month.isdigit() or month in _MONTHS:
            name = _MONTHS[int(month) - 1] if month.isdigit() else month
            return f"every {name.capitalize()} {int(day)} {at}"
    return cron


def _several_a_day(second: str, minute: str, hour: str) -> str | None:
    seconds, minutes, hours = _step(second, 60), _step(minute, 60), _step(hour, 24)
    if (minute, hour) == ("*", "*") and seconds:
        return _every(seconds, "second")
    if second != "0":
        return None
    if hour == "*" and minutes:
        return _every(minutes, "minute")
    if hours and minute.isdigit():
        return f"{_every(hours, 'hour')} at :{int(minute):02d}"
    return None


def _every(count: int, unit: str) -> str:
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def _step(word: str, whole: int) -> int | None:
    """n of `*/n` where it goes evenly into the whole, else the distance is not the same each time; 1 for `*`."""
    if word == "*":
        return 1
    step = int(word[2:]) if word.startswith("*/") and _is_number(word[2:]) else 0
    return step if step and whole % step == 0 else None


def _weekdays(word: str) -> str | None:
    if word in ("1-5", "mon-fri"):
        return "every weekday"
    names = []
    for part in word.split(","):
        if part in _DAYS:
            names.append(_DAY_NAMES[_DAYS.index(part)])
        elif part.isdigit():
            names.append(_DAY_NAMES[int(part) % 7])
        else:
            return None
    return f"every {names[0]}" if len(names) == 1 else f"every {', '.join(names[:-1])} and {names[-1]}"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _fields_of(cron: str) -> list[str]:
    """The six fields of a checked text, second first. Raises ScheduleSpecError where it is none."""
    words = cron.lower().split()
    if len(words) == 5:
        words = ["0", *words]
    if len(words) != 6 or any(_problem(word, field) for word, field in zip(words, _FIELDS, strict=True)):
        raise ScheduleSpecError(f"cron {cron!r} can't be understood: expected five fields like '0 2 * * *'")
    return words


def _problem(word: str, field: _Field) -> str | None:
    """What is wrong with one field, if anything."""
    expected = f"{field.low}-{field.high}" + (f" or {field.names[0]}-{field.names[-1]}" if field.names else "")
    for part in word.split(","):
        bounds, slash, step = part.partition("/")
        if slash and not (_is_number(step) and 0 < int(step) <= field.high):
            return f"has a step of {step!r}: expected 1-{field.high}"
        if bounds == "*" or (bounds == "?" and field.name in ("day", "weekday")):
            continue
        if not slash and _is_special(bounds, field):
            continue
        values = []
        for end in bounds.split("-"):
            if end in field.names:
                values.append(field.names.index(end) + (1 if field.name == "month" else 0))
            elif _is_number(end):
                values.append(int(end))
            else:
                return f"has {end!r}: expected {expected}"
        if len(values) > 2:
            return "has more than one '-'"
        if not all(field.low <= value <= field.high for value in values):
            return f"is out of range {field.low}-{field.high}"
        if values[0] > values[-1]:
            return "runs backwards: write it as two ranges"
    return None


def _is_special(word: str, field: _Field) -> bool:
    """The last day of the month; the n-th or last Monday of it."""
    if field.name == "day":
        return word == "l"
    if field.name != "weekday":
        return False
    return re.fullmatch(rf"([0-7]|{'|'.join(_DAYS)})#[1-5]|l[0-7]", word, re.ASCII) is not None


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 4


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset


def _next_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """The first instant after `start` up to `end` at which the zone's UTC offset is another one than at `start`."""
    offset = _offset(zone, start)
    while start < end:
        stop = min(start + _DAY, end)
        if _offset(zone, stop) != offset:
            while stop - start > _SECOND:
                middle = start + timedelta(seconds=(stop - start) // _SECOND // 2)
                start, stop = (middle, stop) if _offset(zone, middle) == offset else (start, middle)
            return stop
        start = stop
    return None


def _seen_until(zone: ZoneInfo, now: datetime) -> datetime:
    """The wall time up to which clocks that went back within the last day had shown times already."""
    change = _next_change(zone, now - _DAY, now)
    if change is None:
        return datetime.min.replace(tzinfo=UTC)
    return change + _offset(zone, now - _DAY) - _SECOND


def _next_wall(cron: str, wall: datetime) -> datetime:
    """The next match strictly after `wall`, which is a wall time written as if it were UTC."""
    import croniter  # here, because it takes 60 ms to import

    try:
        found: Any = croniter.croniter(
            cron,
            wall,
            ret_type=datetime,
            second_at_beginning=True,
            max_years_between_matches=_YEARS_AHEAD,
        ).get_next()
    except croniter.CroniterBadDateError:
        raise ScheduleSpecError(f"cron {cron!r} is never due: no month of it has such a day") from None
    except (croniter.CroniterError, ValueError, OverflowError) as exc:
        raise ScheduleSpecError(f"cron {cron!r} can't be understood: {exc}") from None
    return found  # type: ignore[no-any-return]
