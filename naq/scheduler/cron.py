"""When a schedule is due: cron texts, intervals and time zones, as pure functions.

Cron texts are computed on local wall time. A local time that a clock change skips is due at the end of the gap, once;
one that comes twice is due the first time only. Patterns that run through every hour count in real time, so a
quarter-hourly schedule goes on quarter-hourly through both.
"""

from __future__ import annotations

import difflib
import functools
import re
from datetime import UTC, datetime, timedelta
from typing import Any
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
MAX_INTERVAL_S = 366 * 86_400.0
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def check_cron(text: str, timezone: str = "UTC") -> str:
    """The cron text, spaces normalised, aliases spelled out.

    Raises:
        ScheduleSpecError: it can't be understood; the message names the field and its column (from 1).
    """
    if not isinstance(text, str) or not text.strip():
        raise ScheduleSpecError("the cron text is empty: expected five fields like '0 2 * * *'")
    spec = ALIASES.get(text.strip().lower(), text)
    words = [(match.start() + 1, match.group()) for match in re.finditer(r"\S+", spec)]
    if len(words) not in (5, 6):
        raise ScheduleSpecError(
            f"cron {text!r} has {len(words)} fields: expected 5 (minute hour day month weekday) or 6 (second first)"
        )
    for (column, word), field in zip(words, _FIELDS[-len(words) :], strict=True):
        _check_field(text, column, word, *field)
    normal = " ".join(word.lower() for _, word in words)
    check_timezone(timezone)
    try:
        next_run(normal, timezone, datetime(2024, 1, 1, tzinfo=UTC))
    except ScheduleSpecError:
        raise
    except Exception as exc:  # croniter raises errors of several kinds, and has its own ideas of fields
        raise ScheduleSpecError(f"cron {text!r} can't be understood: {exc}") from None
    return normal


def check_timezone(name: str) -> ZoneInfo:
    """The time zone of this IANA name. Raises ScheduleSpecError, with similar names where there are any."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        close = difflib.get_close_matches(str(name), available_timezones(), n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else "; expected a name like Europe/Berlin"
        raise ScheduleSpecError(f"time zone {name!r} is not known{hint}") from None


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """The first due time strictly after `after` (aware), in UTC.

    Raises:
        ScheduleSpecError: it is never due (31 February).
    """
    zone = check_timezone(timezone)
    if _runs_every_hour(cron):
        return _next_naive(cron, after.astimezone(zone).replace(tzinfo=None), after, zone)
    # wall time never jumps back here: in a repeated hour the second pass shows times already gone by
    local = after.astimezone(zone)
    start = (local if local.fold == 0 else local.replace(fold=0)).replace(tzinfo=None)
    if local.fold == 1:
        start = _end_of_repeat(local, zone)
    # a gap's times are due at its end, so look a little behind as well
    candidate_from = start - timedelta(hours=3)
    for _ in range(100_000):
        wall = _croniter(cron, candidate_from)
        moment = _to_utc(wall, zone)
        if moment > after:
            return moment
        candidate_from = wall
    raise ScheduleSpecError(f"cron {cron!r} is never due")


def next_interval(anchor: datetime, interval_s: float, after: datetime) -> datetime:
    """The first `anchor + n x interval` strictly after `after`, n from 1."""
    elapsed = (after - anchor).total_seconds()
    steps = max(1, int(elapsed // interval_s) + 1)
    due = anchor + timedelta(seconds=steps * interval_s)
    while due <= after:  # a float's last bit
        steps += 1
        due = anchor + timedelta(seconds=steps * interval_s)
    return due


def parse_interval(interval: float | timedelta | str) -> float:
    """Seconds of a number, a timedelta, or a text like "90s", "15m", "2h", "1d" or "1h30m".

    Raises:
        ScheduleSpecError: none of these, not positive, or longer than a year.
    """
    seconds: float | None = None
    if isinstance(interval, timedelta):
        seconds = interval.total_seconds()
    elif isinstance(interval, int | float) and not isinstance(interval, bool):
        seconds = float(interval)
    elif isinstance(interval, str) and interval.strip():
        match = _DURATION.fullmatch(interval.strip().lower())
        if match and any(match.groups()):
            days, hours, minutes, rest = (float(part or 0) for part in match.groups())
            seconds = days * 86_400 + hours * 3_600 + minutes * 60 + rest
    if seconds is None or not 0 < seconds <= MAX_INTERVAL_S:
        raise ScheduleSpecError(
            f"interval {interval!r} is not valid: expected seconds, or text like '30s', '15m', '2h', '1d', up to a year"
        )
    return seconds


def in_words(cron: str) -> str:
    """A common pattern in English; any other as it is written."""
    words = cron.split()
    second = words.pop(0) if len(words) == 6 else "0"
    if len(words) != 5:
        return cron
    minute, hour, day, month, weekday = words
    rest_any = (day, month, weekday) == ("*", "*", "*")
    if second != "0":
        every = _step(second)
        return every_words(every, "second") if every and (minute, hour) == ("*", "*") and rest_any else cron
    if hour == "*" and rest_any:
        if minute == "*":
            return "every minute"
        if _step(minute):
            return every_words(_step(minute) or 1, "minute")
        return f"every hour at :{int(minute):02d}" if minute.isdigit() else cron
    if _step(hour) and minute.isdigit() and rest_any:
        return f"{every_words(_step(hour) or 1, 'hour')} at :{int(minute):02d}"
    if not (minute.isdigit() and hour.isdigit()):
        return cron
    at = f"at {int(hour):02d}:{int(minute):02d}"
    if rest_any:
        return f"every day {at}"
    if day == "*" and month == "*":
        days = _weekdays(weekday)
        return f"{days} {at}" if days else cron
    if weekday == "*" and day.isdigit():
        if month == "*":
            return f"on the {_ordinal(int(day))} of every month {at}"
        if month.isdigit():
            return f"every {_MONTHS[int(month) - 1].capitalize()} {int(day)} {at}"
    return cron


def every_words(count: int, unit: str) -> str:
    """`every minute`, `every 15 minutes`."""
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def _step(word: str) -> int | None:
    if word == "*":
        return 1
    match = re.fullmatch(r"\*/(\d+)", word)
    return int(match.group(1)) if match else None


def _weekdays(word: str) -> str | None:
    if word in ("1-5", "mon-fri"):
        return "every weekday"
    if word in ("0,6", "6,0", "sat,sun"):
        return "every weekend day"
    names = []
    for part in word.split(","):
        if part in _DAYS:
            names.append(_DAY_NAMES[_DAYS.index(part)])
        elif part.isdigit() and int(part) <= 7:
            names.append(_DAY_NAMES[int(part) % 7])
        else:
            return None
    return f"every {', '.join(names)}"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _check_field(text: str, column: int, word: str, name: str, low: int, high: int, names: tuple[str, ...]) -> None:
    def bad(why: str) -> ScheduleSpecError:
        return ScheduleSpecError(f"cron {text!r}: {name} field {word!r} (column {column}) {why}")

    for part in word.lower().split(","):
        bounds, slash, step = part.partition("/")
        if slash and (not step.isdigit() or int(step) == 0):
            raise bad(f"has a bad step {step!r}")
        if bounds in ("*", "?"):
            continue
        if (name == "day" and bounds == "l") or (name == "weekday" and re.fullmatch(r"(\w+#[1-5]|l[0-7])", bounds)):
            continue
        values = []
        for end in bounds.split("-"):
            if end in names:
                values.append(names.index(end) + (1 if name == "month" else 0))
            elif end.isascii() and end.isdigit():
                values.append(int(end))
            else:
                raise bad(f"has {end!r} where {low}-{high}{' or a name' if names else ''} was expected")
        if len(values) > 2:
            raise bad("has more than one '-'")
        for value in values:
            if not low <= value <= high:
                raise bad(f"is out of range {low}-{high}")
        if len(values) == 2 and values[0] > values[1]:
            raise bad("runs backwards")


def _runs_every_hour(cron: str) -> bool:
    words = cron.split()
    return words[1 if len(words) == 5 else 2] == "*" and words[-3:] == ["*", "*", "*"]


def _next_naive(cron: str, wall: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Every hour is alike: step in real time from the current wall time."""
    gap = _croniter(cron, wall) - wall
    return (after + gap).astimezone(UTC)


def _end_of_repeat(local: datetime, zone: ZoneInfo) -> datetime:
    """In a second pass of repeated times: the first wall time not seen yet (repeats end on a quarter hour)."""
    wall = local.replace(tzinfo=None, fold=0)
    quarter = wall.replace(minute=wall.minute - wall.minute % 15, second=0, microsecond=0)
    while True:
        quarter += timedelta(minutes=15)
        if quarter.replace(tzinfo=zone).utcoffset() == quarter.replace(tzinfo=zone, fold=1).utcoffset():
            return quarter - timedelta(microseconds=1)


def _to_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall time: its first pass where it comes twice, the end of the gap where it is skipped."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # skipped: find the jump between an hour before and after, to the second
    low, high = moment - timedelta(hours=3), moment + timedelta(hours=3)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@functools.lru_cache(maxsize=1)
def _library() -> Any:
    import croniter

    return croniter


def _croniter(cron: str, start: datetime) -> datetime:
    library = _library()
    try:
        found = library.croniter(
            cron,
            start.replace(tzinfo=UTC),
            ret_type=datetime,
            second_at_beginning=True,
            max_years_between_matches=10,
        ).get_next(datetime)
    except (library.CroniterBadDateError, library.CroniterBadCronError) as exc:
        raise ScheduleSpecError(f"cron {cron!r} is never due: {exc}") from None
    return found.replace(tzinfo=None)  # type: ignore[no-any-return]
