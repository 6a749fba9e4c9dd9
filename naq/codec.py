"""Values to JSON and back, losslessly, as data and never as code.

Plain JSON values are themselves; everything else is an object `{"$naq": kind, "v": …}`. A class named on the wire is
looked up among modules that are imported already: a payload never triggers an import and never runs a constructor.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, overload
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from naq.errors import SerializationError

TAG = "$naq"
MAX_DEPTH = 100
ClassResolver = Callable[[str], type]
_SCALARS = frozenset({str, bool, type(None)})
_INT64 = 2**63


def dumps(record: Any) -> bytes:
    """Plain JSON data (what `pack` returns, or a record of it) as bytes.

    Raises:
        SerializationError: it holds something that is not plain, or text with lone surrogates.
    """
    try:
        return orjson.dumps(record)
    except (TypeError, ValueError) as exc:
        raise SerializationError(f"can't be written as JSON: {exc}") from None


def loads(raw: bytes) -> Any:
    """The JSON value in `raw`.

    Raises:
        SerializationError: it is not JSON; the message has the position, `raw` the bytes.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise SerializationError(f"not JSON: {exc}", raw=bytes(raw)) from None


def text(record: Mapping[str, Any], key: str, default: str) -> str:
    """`record[key]` where it is text, else `default`."""
    value = record.get(key)
    return value if isinstance(value, str) else default


def texts(record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The texts in the list `record[key]`; empty where it is no list."""
    value = record.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


@overload
def number(record: Mapping[str, Any], key: str, default: float) -> float: ...
@overload
def number(record: Mapping[str, Any], key: str, default: None) -> float | None: ...
def number(record: Mapping[str, Any], key: str, default: float | None) -> float | None:
    """`record[key]` where it is a finite number, else `default`."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    return value


def pack(value: Any, path: str = "value") -> Any:
    """`value` as plain JSON data; `path` names it in errors.

    Raises:
        SerializationError: a part of it can't travel; the message says which, and what to do.
    """
    return _pack(value, path, 0)


def pack_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as plain JSON data. Raises SerializationError naming the argument."""
    return (
        [_pack(value, f"args[{position}]", 0) for position, value in enumerate(args)],
        {name: _pack(value, f"kwargs[{name!r}]", 0) for name, value in kwargs.items()},
    )


def _pack(value: Any, path: str, depth: int) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        if kind is str:
            _check_text(value, path)
        return value
    if kind is int:
        return value if -_INT64 <= value < _INT64 else {TAG: "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "v": repr(value)}
    if depth >= MAX_DEPTH:
        raise SerializationError(f"{path[:200]} is nested deeper than {MAX_DEPTH} levels (does it contain itself?)")
    if kind is dict:
        if TAG not in value and all(type(key) is str for key in value):
            for key in value:
                _check_text(key, path)
            return {key: _pack(item, f"{path}[{key!r}]", depth + 1) for key, item in value.items()}
        pairs = [
            [
                _pack(key, f"key {key!r:.50} of {path}", depth + 1),
                _pack(item, f"{path}[{key!r:.50}]", depth + 1),
            ]
            for key, item in value.items()
        ]
        return {TAG: "dict", "v": pairs}
    if kind is list:
        return [_pack(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
    if kind in _PACKERS:
        return {TAG: _PACKERS[kind][0], "v": _PACKERS[kind][1](value)}
    if kind in (tuple, set, frozenset):
        items = [_pack(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        return {TAG: kind.__name__, "v": items}
    if isinstance(value, Enum):
        return {TAG: "enum", "class": _class_reference(kind, path), "v": value.name}
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        items = [_pack(item, f"{path}.{name}", depth + 1) for name, item in zip(kind._fields, value, strict=True)]
        return {TAG: "namedtuple", "class": _class_reference(kind, path), "v": items}
    if dataclasses.is_dataclass(value):
        fields = {
            field.name: _pack(getattr(value, field.name), f"{path}.{field.name}", depth + 1)
            for field in dataclasses.fields(value)
        }
        return {TAG: "dataclass", "class": _class_reference(kind, path), "v": fields}
    raise SerializationError(
        f"{path[:200]} is a {kind.__module__}.{kind.__qualname__}, which can't travel as JSON: "
        "pass plain values, dates, Decimal, UUID, bytes, tuples, sets, enums or dataclasses"
    )


def _check_text(value: str, path: str) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise SerializationError(f"{path[:200]} holds lone surrogates, which are no text: pass bytes") from None


def _class_reference(cls: type, path: str) -> str:
    from naq.callables import module_name_of_main

    module = cls.__module__
    if module == "__main__":
        module = module_name_of_main() or "__main__"
    if "<locals>" in cls.__qualname__ or module == "__main__":
        raise SerializationError(
            f"{path[:200]} is a {cls.__qualname__}, which nobody else can import: define it at the top of a module"
        )
    return f"{module}:{cls.__qualname__}"


def _pack_datetime(value: datetime) -> Any:
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key:
        return {"t": value.isoformat(), "zone": value.tzinfo.key, "fold": value.fold}
    return value.isoformat()


def _unpack_datetime(packed: Any) -> datetime:
    if isinstance(packed, dict):
        moment = datetime.fromisoformat(packed["t"])
        return moment.replace(tzinfo=ZoneInfo(packed["zone"]), fold=1 if packed["fold"] else 0)
    return datetime.fromisoformat(packed)


def _pack_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_PACKERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", _pack_datetime),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    timedelta: ("timedelta", _pack_timedelta),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
}
_UNPACKERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _unpack_datetime,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda v: timedelta(days=v[0], seconds=v[1], microseconds=v[2]),
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": lambda v: base64.b64decode(v, validate=True),
    "int": lambda v: int(v, 16),
    "float": lambda v: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[v],
}


def unpack(packed: Any, classes: ClassResolver | None = None) -> Any:
    """The value that `pack` was given.

    Args:
        classes: finds a class by its reference; None means among the modules imported here (`loaded_class`).

    Raises:
        SerializationError: a tag is malformed, or a class is not known here.
    """
    return _unpack(packed, classes or loaded_class, 0)


def _unpack(packed: Any, classes: ClassResolver, depth: int) -> Any:
    kind = type(packed)
    if kind is not dict and kind is not list:
        return packed
    if depth > MAX_DEPTH * 2:
        raise SerializationError(f"nested deeper than {MAX_DEPTH * 2} levels")
    if kind is list:
        return [_unpack(item, classes, depth + 1) for item in packed]
    if TAG not in packed:
        return {key: _unpack(item, classes, depth + 1) for key, item in packed.items()}
    tag, body = packed[TAG], packed.get("v")
    try:
        if tag in ("tuple", "set", "frozenset"):
            items = [_unpack(item, classes, depth + 1) for item in _expect(body, list)]
            return {"tuple": tuple, "set": set, "frozenset": frozenset}[tag](items)
        if tag == "dict":
            pairs = [_expect(pair, list) for pair in _expect(body, list)]
            return {_unpack(k, classes, depth + 1): _unpack(v, classes, depth + 1) for k, v in pairs}
        if tag in ("enum", "namedtuple", "dataclass"):
            return _unpack_object(tag, classes(_expect(packed.get("class"), str)), body, classes, depth)
        return _UNPACKERS[tag](body)
    except SerializationError:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        binascii.Error,
    ) as exc:
        raise SerializationError(f"a value tagged {tag!r:.40} can't be read: {exc!r:.200}") from None
    except (InvalidOperation, OSError) as exc:
        raise SerializationError(f"a value tagged {tag!r:.40} can't be read: {exc!r:.200}") from None


def _unpack_object(tag: str, cls: type, body: Any, classes: ClassResolver, depth: int) -> Any:
    if tag == "enum" and issubclass(cls, Enum):
        return cls[_expect(body, str)]
    if tag == "namedtuple" and issubclass(cls, tuple) and hasattr(cls, "_fields"):
        items = [_unpack(item, classes, depth + 1) for item in _expect(body, list)]
        if len(items) != len(cls._fields):
            raise SerializationError(f"{cls.__qualname__} has {len(cls._fields)} fields here, {len(items)} on the wire")
        return tuple.__new__(cls, items)
    if tag == "dataclass" and dataclasses.is_dataclass(cls):
        known = {field.name for field in dataclasses.fields(cls)}
        given = _expect(body, dict)
        if known != set(given):
            odd = ", ".join(sorted(known ^ set(given)))[:200]
            raise SerializationError(f"{cls.__qualname__} has other fields here than on the wire: {odd}")
        instance = object.__new__(cls)
        for name, item in given.items():
            object.__setattr__(instance, name, _unpack(item, classes, depth + 1))
        return instance
    raise SerializationError(f"{cls.__module__}:{cls.__qualname__} is no {tag}")


def loaded_class(reference: str) -> type:
    """The class of this reference among the modules imported already.

    Raises:
        SerializationError: its module is not imported here, or it is no class defined there.
    """
    from naq.callables import module_name_of_main

    module_name, _, qualname = reference.partition(":")
    module = sys.modules.get(module_name)
    if module is None and module_name and module_name == module_name_of_main():
        module = sys.modules.get("__main__")
    if module is None:
        raise SerializationError(f"class {reference!r:.200} is not known here: import its module first")
    found: Any = module
    for part in qualname.split("."):
        found = None if part.startswith("__") else vars(found).get(part) if hasattr(found, "__dict__") else None
        if not isinstance(found, type):
            raise SerializationError(f"class {reference!r:.200} is not defined in that module")
    if found.__module__ != module.__name__:
        raise SerializationError(f"class {reference!r:.200} is not defined in that module")
    return found  # type: ignore[no-any-return]


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise SerializationError(f"a {kind.__name__} was expected, not {value!r:.60}")
    return value


def display(packed: Any, depth: int = 0) -> Any:
    """Packed data as people read it: plain JSON, no class looked up. Never raises."""
    if depth > MAX_DEPTH * 2:
        return "…"
    if isinstance(packed, list | tuple):
        return [display(item, depth + 1) for item in packed]
    if not isinstance(packed, dict):
        return packed
    if TAG not in packed:
        return {str(key): display(item, depth + 1) for key, item in packed.items()}
    tag, body = packed.get(TAG), packed.get("v")
    if tag == "dict" and isinstance(body, list):
        pairs = [pair for pair in body if isinstance(pair, list) and len(pair) == 2]
        return {_key_text(display(k, depth + 1)): display(v, depth + 1) for k, v in pairs}
    if tag in ("dataclass", "namedtuple", "enum"):
        name = str(packed.get("class", "?")).rsplit(":", 1)[-1]
        return f"{name}.{body}" if tag == "enum" else {name: display(body, depth + 1)}
    if tag == "timedelta" and isinstance(body, list):
        try:
            return str(_UNPACKERS["timedelta"](body))
        except (ValueError, TypeError, IndexError, OverflowError):
            return str(body)
    if tag == "datetime" and isinstance(body, dict):
        return f"{body.get('t')}[{body.get('zone')}]"
    if tag == "int" and isinstance(body, str) and len(body) < 500:
        try:
            return str(int(body, 16))
        except ValueError:
            return body
    return display(body, depth + 1)


def display_text(packed: Any, limit: int | None) -> str:
    """Packed data on one line, cut to `limit` characters where given."""
    try:
        line = orjson.dumps(display(packed)).decode()
    except (TypeError, ValueError):
        line = repr(display(packed))
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def display_call(args: Any, kwargs: Any, limit: int | None) -> str:
    """Packed arguments as in a call: `2, 3, region="eu"`."""
    parts = [display_text(value, limit) for value in (args if isinstance(args, list | tuple) else ())]
    parts += [
        f"{name}={display_text(value, limit)}" for name, value in (kwargs if isinstance(kwargs, dict) else {}).items()
    ]
    line = ", ".join(parts)
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def _key_text(key: Any) -> str:
    return key if isinstance(key, str) else display_text(key, 100)
