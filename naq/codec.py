"""Values to JSON and back, losslessly, as data and never as code.

Plain JSON values are themselves; everything else is an object `{"$naq": kind, "v": …}`. A class named on the wire
is looked up among modules that are imported already: a payload never triggers an import and never runs a constructor.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum, Flag
from typing import Any, overload

import orjson

from naq.classes import ClassResolver, class_text, dataclass_fields, loaded_class, namedtuple_fields, reference_of_class
from naq.display import MAX_DEPTH, TAG, cut, display, display_call, display_text
from naq.errors import SerializationError
from naq.scalars import PACKERS, UNPACKERS, RefusalError, check_text, expect

__all__ = [
    "MAX_DEPTH",
    "TAG",
    "ClassResolver",
    "display",
    "display_call",
    "display_text",
    "dumps",
    "is_newer",
    "loaded_class",
    "loads",
    "number",
    "pack",
    "pack_call",
    "sequences",
    "text",
    "text_items",
    "texts",
    "unknown",
    "unpack",
    "whole",
]

_INT64 = 2**63
_WRITABLE_DEPTH = 200
"""Levels of nesting that can be written for sure."""
_NOTHING: Mapping[str, Any] = {}
_COLLECTIONS: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def dumps(record: Any) -> bytes:
    """Plain JSON data (what `pack` returns, or a record of it) as bytes.

    Raises:
        SerializationError: it holds something that is not plain, or text with lone surrogates.
    """
    try:
        return orjson.dumps(record, option=orjson.OPT_UTC_Z)
    except (TypeError, ValueError) as exc:
        raise SerializationError(f"can't be written as JSON: {exc}") from None


def loads(raw: bytes) -> Any:
    """The JSON value in `raw`.

    Raises:
        SerializationError: it is not JSON, or nested too deep; the message has the position, `raw` the bytes.
    """
    try:
        value = orjson.loads(raw)
        if len(raw) > _WRITABLE_DEPTH and raw.count(b"[") + raw.count(b"{") > _WRITABLE_DEPTH:
            orjson.dumps(value)  # it reads what is nested deeper than it writes, and what is read is stored again
    except orjson.JSONDecodeError as exc:
        raise SerializationError(f"not JSON: {exc}", raw=bytes(raw)) from None
    except TypeError as exc:
        raise SerializationError(f"nested deeper than can be stored: {exc}", raw=bytes(raw)) from None
    return value


def unknown(record: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    """The fields outside `known`, and "v" where a version newer than 1 wrote the record; mostly empty.

    Whoever stores the record again writes them back: what a newer version keeps there is not lost by an older one.
    """
    if record.keys() <= known and record.get("v", 1) == 1:
        return _NOTHING
    extra = {name: value for name, value in record.items() if name not in known}
    if whole(record, "v", 0) > 1:
        extra["v"] = record["v"]
    return extra


def is_newer(raw: bytes) -> bool:
    """Whether `raw` is the record of a version newer than 1."""
    try:
        record = loads(raw)
    except SerializationError:
        return False
    return isinstance(record, dict) and whole(record, "v", 0) > 1


def text(record: Mapping[str, Any], key: str, default: str) -> str:
    """`record[key]` where it is text, else `default`."""
    value = record.get(key)
    return value if isinstance(value, str) else default


def texts(record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The texts in the list `record[key]`; empty where it is no list."""
    value = record.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def text_items(record: Mapping[str, Any], key: str) -> dict[str, str]:
    """The items of the object `record[key]` whose value is text; empty where it is no object."""
    value = record.get(key)
    return {name: item for name, item in value.items() if isinstance(item, str)} if isinstance(value, dict) else {}


def sequences(record: Mapping[str, Any], key: str) -> tuple[int, ...]:
    """The positive whole numbers in the list `record[key]`; empty where it is no list."""
    value = record.get(key)
    return tuple(item for item in value if type(item) is int and item > 0) if isinstance(value, list) else ()


@overload
def number(record: Mapping[str, Any], key: str, default: float) -> float: ...
@overload
def number(record: Mapping[str, Any], key: str, default: None) -> float | None: ...
def number(record: Mapping[str, Any], key: str, default: float | None) -> float | None:
    """`record[key]` where it is a finite number (an int stays one), else `default`."""
    value = record.get(key)
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    return default


@overload
def whole(record: Mapping[str, Any], key: str, default: int) -> int: ...
@overload
def whole(record: Mapping[str, Any], key: str, default: None) -> int | None: ...
def whole(record: Mapping[str, Any], key: str, default: int | None) -> int | None:
    """`record[key]` where it is a number of at most 64 bits, its fraction cut off, else `default`.

    A larger one could be read but never be written again.
    """
    value = number(record, key, None)
    return default if value is None or not -_INT64 <= value < 2 * _INT64 else int(value)


def pack(value: Any, name: str = "value") -> Any:
    """`value` as plain JSON data; `name` is what errors call it.

    Raises:
        SerializationError: a part of it can't travel; the message says which, and what to do.
    """
    try:
        return _pack(value, 0)
    except RefusalError as refusal:
        raise refusal.told(name) from None


def pack_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as plain JSON data. Raises SerializationError naming the argument."""
    try:
        packed_args = _pack_items(args, 0)
    except RefusalError as refusal:
        raise refusal.told("args") from None
    try:
        return packed_args, _pack_values(kwargs, 0)
    except RefusalError as refusal:
        raise refusal.told("kwargs") from None


def _pack(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        if not value.isascii():
            check_text(value)
        return value
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if -_INT64 <= value < _INT64 else {TAG: "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "v": repr(value)}
    if depth >= MAX_DEPTH:
        raise RefusalError(f"is nested deeper than {MAX_DEPTH} levels: does it contain itself?")
    if kind is dict:
        if TAG not in value and all(type(key) is str for key in value):
            return _pack_values(value, depth + 1)
        return {TAG: "dict", "v": _pack_pairs(value, depth + 1)}
    if kind is list:
        return _pack_items(value, depth + 1)
    packer = PACKERS.get(kind)
    if packer is not None:
        return {TAG: packer[0], "v": packer[1](value)}
    if kind is tuple or kind is set or kind is frozenset:
        return {TAG: kind.__name__, "v": _pack_items(value, depth + 1)}
    return _pack_object(value, kind, depth)


def _pack_items(values: Any, depth: int) -> list[Any]:
    packed: list[Any] = []
    try:
        for item in values:
            packed.append(_pack(item, depth))
    except RefusalError as refusal:
        refusal.path.append(f"[{len(packed)}]")
        raise
    return packed


def _pack_values(values: Mapping[str, Any], depth: int) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    key = ""
    try:
        for key, item in values.items():
            if type(key) is not str:
                raise RefusalError("has a key that is no text: give it a name")
            if not key.isascii():
                check_text(key)
            packed[key] = _pack(item, depth)
    except RefusalError as refusal:
        refusal.path.append(f"[{key!r}]")
        raise
    return packed


def _pack_pairs(values: Mapping[Any, Any], depth: int) -> list[Any]:
    packed = []
    key: Any = None
    try:
        for key, item in values.items():
            packed.append([_pack(key, depth), _pack(item, depth)])
    except RefusalError as refusal:
        # only a plain key is written out: the repr of anything else is its author's code
        refusal.path.append(f"[{key!r}]" if type(key) in (str, int, float, bool) else f"[a {type(key).__name__}]")
        raise
    return packed


def _pack_object(value: Any, kind: type, depth: int) -> dict[str, Any]:
    if isinstance(value, Enum):
        members = type(value).__members__
        if not isinstance(value.name, str) or not all(part in members for part in value.name.split("|")):
            raise RefusalError(f"is {value!r:.60}, which has no name: pass its value")
        return {TAG: "enum", "class": _class_reference(kind), "v": value.name}
    names = namedtuple_fields(kind)
    if names is not None and len(names) == len(value) and not getattr(value, "__dict__", None):
        fields: dict[str, Any] = dict(zip(names, value, strict=True))
        return {TAG: "namedtuple", "class": _class_reference(kind), "v": _pack_fields(fields, depth + 1)}
    known = dataclass_fields(kind)
    if known is None:
        raise RefusalError(f"is a {class_text(kind)}, which can't travel: {_advice(value, kind)}")
    extra = vars(value).keys() - set(known) if hasattr(value, "__dict__") else ()
    for name in sorted(extra):
        if not isinstance(getattr(kind, name, None), functools.cached_property):
            raise RefusalError(f"has an attribute {name!r} that is no field of {class_text(kind)}: make it a field")
    missing = object()
    fields = {name: getattr(value, name, missing) for name in known}
    for name, item in fields.items():
        if item is missing:
            raise RefusalError(f"has no value for its field {name!r}: give it one")
    return {TAG: "dataclass", "class": _class_reference(kind), "v": _pack_fields(fields, depth + 1)}


def _pack_fields(fields: dict[str, Any], depth: int) -> dict[str, Any]:
    packed = {}
    for name, item in fields.items():
        try:
            packed[name] = _pack(item, depth)
        except RefusalError as refusal:
            refusal.path.append(f".{name}")
            raise
    return packed


def _advice(value: Any, kind: type) -> str:
    if isinstance(value, type) or callable(value):
        return "pass its name as text"
    for plain in (str, int, float, bytes, datetime, dict, list, tuple, set):
        if issubclass(kind, plain):
            return f"turn it into a plain {plain.__name__}"
    return "pass plain values, dates, Decimal, UUID, bytes, tuples, sets, enums or dataclasses"


def _class_reference(kind: type) -> str:
    try:
        return reference_of_class(kind)
    except LookupError:
        raise RefusalError(
            f"is a {class_text(kind)}, which nobody else can import by that name: "
            "define the class at the top of a module"
        ) from None


def unpack(packed: Any, classes: ClassResolver | None = None) -> Any:
    """The value that `pack` was given.

    Args:
        classes: finds a class by its reference; None means among the modules imported here (`loaded_class`).

    Raises:
        SerializationError: a tag is malformed, a class is not known here, or it is nested too deep.
    """
    return _unpack(packed, classes or loaded_class, 0)


def _unpack(packed: Any, classes: ClassResolver, depth: int) -> Any:
    kind = type(packed)
    if kind is not dict and kind is not list:
        return packed
    if depth > MAX_DEPTH:
        raise SerializationError(f"a value is nested deeper than {MAX_DEPTH} levels")
    depth += 1
    if kind is list:
        return [_unpack(item, classes, depth) for item in packed]
    if TAG not in packed:
        return {key: _unpack(item, classes, depth) for key, item in packed.items()}
    tag, body = packed[TAG], packed.get("v")
    try:
        if type(tag) is not str:
            raise TypeError("the tag is no text")
        if tag in _COLLECTIONS:
            return _COLLECTIONS[tag]([_unpack(item, classes, depth) for item in expect(body, list)])
        if tag == "dict":
            pairs = [expect(pair, list) for pair in expect(body, list)]
            return {_unpack(key, classes, depth): _unpack(item, classes, depth) for key, item in pairs}
        if tag in ("enum", "namedtuple", "dataclass"):
            return _unpack_object(tag, classes(expect(packed.get("class"), str)), body, classes, depth)
        if tag not in UNPACKERS:
            raise SerializationError(f"a value is tagged {tag!r:.40}, which this version of naq does not know")
        return UNPACKERS[tag](body)
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError) as exc:
        raise SerializationError(f"a value tagged {tag!r:.40} can't be read: {cut(repr(exc), 200)}") from None


def _unpack_object(tag: str, kind: type, body: Any, classes: ClassResolver, depth: int) -> Any:
    if tag == "enum" and issubclass(kind, Enum):
        return _member(kind, expect(body, str))
    names = namedtuple_fields(kind)
    if tag == "namedtuple" and names is not None:
        fields = _unpack_fields(kind, names, body, classes, depth)
        return tuple.__new__(kind, [fields[name] for name in names])
    known = dataclass_fields(kind)
    if tag == "dataclass" and known is not None:
        fields = _unpack_fields(kind, known, body, classes, depth)
        instance: Any = object.__new__(kind)
        for name, item in fields.items():
            object.__setattr__(instance, name, item)
        return instance
    raise SerializationError(f"class {class_text(kind)} is no {tag} here")


def _unpack_fields(kind: type, known: tuple[str, ...], body: Any, classes: ClassResolver, depth: int) -> dict[str, Any]:
    given = expect(body, dict)
    if given.keys() != set(known):
        odd = ", ".join(sorted(given.keys() ^ set(known)))
        raise SerializationError(f"class {class_text(kind)} has other fields here than on the wire: {cut(odd, 200)}")
    return {name: _unpack(item, classes, depth) for name, item in given.items()}


def _member(kind: type[Enum], name: str) -> Enum:
    if not issubclass(kind, Flag) or name in kind.__members__:
        return kind[name]
    return functools.reduce(lambda left, right: left | right, (kind[part] for part in name.split("|")))
