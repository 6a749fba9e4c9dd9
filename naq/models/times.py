"""Times as naq keeps them: aware UTC in memory, RFC 3339 with microseconds on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utcnow() -> datetime:
    """This machine's clock, aware UTC."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive datetime is taken as UTC already."""
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_time(moment: datetime) -> str:
    """`2026-11-24T14:03:00.123456Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def wire_time(moment: datetime) -> datetime | str:
    """What `codec.dumps` writes just as `format_time` does, at a fraction of the cost; any moment but now and then one.

    It leaves out microseconds that are zero: those are written out here.
    """
    return moment if moment.tzinfo is UTC and moment.microsecond else format_time(moment)


def parse_time(text: object) -> datetime | None:
    """A time written by naq or by a NATS server (nanoseconds are cut), or None where it is no time."""
    if not isinstance(text, str):
        return None
    if len(text) != 27 or text[-1] != "Z":  # not as `format_time` has it
        head, dot, tail = text.partition(".")
        if dot:
            digits = len(tail) - len(tail.lstrip("0123456789"))
            text = f"{head}.{tail[:digits][:6]:0<6}{tail[digits:]}"
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def from_nanoseconds(nanoseconds: int) -> datetime:
    """A NATS timestamp (nanoseconds since 1970) as aware UTC."""
    # in seconds and microseconds, which timedelta takes as they are: every delivery is read this way
    return _EPOCH + timedelta(0, nanoseconds // 1_000_000_000, nanoseconds % 1_000_000_000 // 1000)


def milliseconds_between(start: datetime, end: datetime) -> float:
    """Milliseconds from `start` to `end`, rounded to a microsecond; never negative (clocks of two hosts may differ)."""
    return max(0.0, round((end - start).total_seconds() * 1000, 3))
