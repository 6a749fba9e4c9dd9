"""Times as naq keeps them: aware UTC in memory, RFC 3339 with microseconds on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utcnow() -> datetime:
    """This machine's clock, aware UTC."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive datetime is taken as UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_time(moment: datetime) -> str:
    """`2026-11-24T14:03:00.123456Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: object) -> datetime | None:
    """A time written by naq or by a NATS server (nanoseconds are cut), or None where it is no time."""
    if not isinstance(text, str):
        return None
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
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)


def milliseconds_between(start: datetime, end: datetime) -> float:
    """Milliseconds from `start` to `end`, rounded to a microsecond; never negative (clocks of two hosts may differ)."""
    return max(0.0, round((end - start).total_seconds() * 1000, 3))
