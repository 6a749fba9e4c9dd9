"""Single values that JSON has no form for: how each is written inside its tag, and read back."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from naq.display import cut
from naq.errors import SerializationError

_T = TypeVar("_T")


class RefusalError(Exception):
    """A part can't travel; `path` collects its place from the inside out, so that success costs nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def told(self, name: str) -> SerializationError:
        place = name + "".join(reversed(self.path))
        return SerializationError(f"{place if len(place) <= 200 else f'{place[:199]}…'} {self.reason}")


def check_text(value: str) -> None:
    """Raises RefusalError for text that no UTF-8 can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RefusalError("holds lone surrogates, which are no text: pass bytes instead") from None


def expect(value: Any, kind: type[_T]) -> _T:
    """`value` where it is exactly of this type; raises SerializationError otherwise."""
    if type(value) is not kind:
        shown = f"a {type(value).__name__}" if isinstance(value, list | dict) else cut(repr(value), 60)
        raise SerializationError(f"a {kind.__name__} was expected in a tagged value, not {shown}")
    return value


def _pack_datetime(value: datetime) -> Any:
    zone = _zone_key(value.tzinfo)
    if value.tzinfo is not None and value.utcoffset() is None:
        raise RefusalError("has a tzinfo that gives no offset: use a ZoneInfo or datetime.timezone")
    if zone is None and not value.fold:
        return value.isoformat()
    return {"t": value.isoformat(), "zone": zone, "fold": value.fold}


def _pack_time(value: time) -> Any:
    zone = _zone_key(value.tzinfo)
    if value.tzinfo is not None and zone is None and value.utcoffset() is None:
        raise RefusalError("has a tzinfo whose offset depends on the day: use a datetime, or a ZoneInfo")
    if zone is None and not value.fold:
        return value.isoformat()
    return {"t": value.isoformat(), "zone": zone, "fold": value.fold}


def _zone_key(zone: Any) -> str | None:
    return zone.key if type(zone) is ZoneInfo else None


PACKERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", _pack_datetime),
    date: ("date", date.isoformat),
    time: ("time", _pack_time),
    timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
}


def _unpack_datetime(body: Any) -> datetime:
    moment = datetime.fromisoformat(expect(body["t"] if type(body) is dict else body, str))
    if type(body) is not dict:
        return moment
    if body["zone"] is None:
        return moment.replace(fold=_fold(body))
    there = moment.replace(tzinfo=ZoneInfo(expect(body["zone"], str)), fold=_fold(body))
    if moment.tzinfo is None:
        raise ValueError("a zone but no offset")
    # where the zone's rules here are other ones than the writer's, the instant counts, not the wall time
    return there if there.utcoffset() == moment.utcoffset() else moment.astimezone(there.tzinfo)


def _unpack_time(body: Any) -> time:
    if type(body) is not dict:
        return time.fromisoformat(expect(body, str))
    moment = time.fromisoformat(expect(body["t"], str)).replace(fold=_fold(body))
    return moment if body["zone"] is None else moment.replace(tzinfo=ZoneInfo(expect(body["zone"], str)))


def _fold(body: dict[str, Any]) -> int:
    return 1 if body["fold"] == 1 else 0


def _unpack_timedelta(body: Any) -> timedelta:
    days, seconds, microseconds = (expect(part, int) for part in expect(body, list))
    return timedelta(days=days, seconds=seconds, microseconds=microseconds)


UNPACKERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _unpack_datetime,
    "date": lambda body: date.fromisoformat(expect(body, str)),
    "time": _unpack_time,
    "timedelta": _unpack_timedelta,
    "decimal": lambda body: Decimal(expect(body, str)),
    "uuid": lambda body: UUID(expect(body, str)),
    "bytes": lambda body: base64.b64decode(expect(body, str), validate=True),
    "int": lambda body: int(expect(body, str), 16),
    "float": lambda body: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[body],
}
