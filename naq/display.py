"""Packed values as people read them: no class is looked up, nothing here ever raises.

The data may come from anybody: what a terminal would obey is escaped in the one-line forms.
"""

from __future__ import annotations

import base64
import math
from contextlib import suppress
from datetime import timedelta
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

TAG = "$naq"
MAX_DEPTH = 100
_BYTES_SHOWN = 64
_DIGITS_SHOWN = 4_000


def display(packed: Any, depth: int = 0) -> Any:
    """Packed data as plain JSON: times and numbers as text, tuples and sets as lists, `{"Invoice": {…fields}}`."""
    if depth > 2 * MAX_DEPTH:
        return "…"
    if isinstance(packed, list | tuple):
        return [display(item, depth + 1) for item in packed]
    if isinstance(packed, dict):
        if TAG in packed:
            return _tagged(packed, depth)
        return {_key(key): display(item, depth + 1) for key, item in packed.items()}
    if isinstance(packed, float) and not math.isfinite(packed):
        return repr(packed)
    if packed is None or isinstance(packed, str | int | float):
        return packed
    return cut(f"<{type(packed).__name__}>", 100)


def display_text(packed: Any, limit: int | None) -> str:
    """Packed data on one line, cut to `limit` characters where given: `{"sent": true}`."""
    line = _Line(limit)
    with suppress(_FullError):
        line.write(packed, 0)
    return cut("".join(line.pieces), limit)


def display_call(args: Any, kwargs: Any, limit: int | None) -> str:
    """Packed arguments as in a call, cut to `limit` characters where given: `2, 3, region="eu"`."""
    line, gap = _Line(limit), ""
    with suppress(_FullError):
        for value in args if isinstance(args, list | tuple) else ():
            line.add(gap)
            line.write(value, 0)
            gap = ", "
        for name, value in kwargs.items() if isinstance(kwargs, dict) else ():
            line.add(f"{gap}{inert_json(str(name))}=")
            line.write(value, 0)
            gap = ", "
    return cut("".join(line.pieces), limit)


def cut(line: str, limit: int | None) -> str:
    """`line`, its end replaced by `…` where it is longer than `limit` characters."""
    return line if limit is None or len(line) <= limit else f"{line[: max(limit - 1, 0)]}…"


def inert(text: str) -> str:
    """`text` on one line with nothing in it that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def _tagged(packed: dict[Any, Any], depth: int) -> Any:
    tag: Any = packed[TAG]
    body: Any = packed.get("v")
    if tag == "dict" and isinstance(body, list):
        shown: dict[str, Any] = {}
        for pair in body:
            key, item = pair if isinstance(pair, list) and len(pair) == 2 else (pair, None)
            name = _key(key)
            while name in shown:  # 1 and "1" are two keys
                name = display_text(key, 100) if name == key else f"{name}'"
            shown[name] = display(item, depth + 1)
        return shown
    if tag == "enum":
        return f"{_class_name(packed)}.{body}" if isinstance(body, str) else _class_name(packed)
    if tag in ("dataclass", "namedtuple"):
        return {_class_name(packed): display(body, depth + 1)}
    try:
        if tag == "bytes":
            return _bytes(body)
        if tag == "timedelta":
            return str(timedelta(days=body[0], seconds=body[1], microseconds=body[2]))
        if tag == "int" and len(body) < _DIGITS_SHOWN * 3 // 4:
            return str(int(body, 16))
        if tag in ("datetime", "time") and isinstance(body, dict):
            return f"{body['t']} {body['zone']}" if body["zone"] else str(body["t"])
    except (ValueError, TypeError, LookupError, OverflowError):
        pass
    return display(body, depth + 1)


def _bytes(body: str) -> str:
    raw = base64.b64decode(body, validate=True)
    return repr(raw) if len(raw) <= _BYTES_SHOWN else f"{raw[:_BYTES_SHOWN]!r}… ({len(raw):,} bytes)"


def _class_name(packed: dict[Any, Any]) -> str:
    reference = packed.get("class")
    return reference.rpartition(":")[2] or "?" if isinstance(reference, str) else "?"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else display_text(key, 100)


class _FullError(Exception):
    """The line is longer than what is shown of it."""


class _Line:
    """A line written bit by bit, so that a large payload costs no more than what is shown of it."""

    def __init__(self, limit: int | None) -> None:
        self.pieces: list[str] = []
        self._limit = limit
        self._length = 0

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        self._length += len(piece)
        if self._limit is not None and self._length > self._limit:
            raise _FullError

    def write(self, packed: Any, depth: int) -> None:
        if isinstance(packed, dict) and TAG in packed:
            # long collections are not made ready as a whole
            is_list = packed[TAG] in ("tuple", "set", "frozenset")
            packed = packed.get("v") if is_list else display(packed, depth)
        if isinstance(packed, str):
            self.add(self._quoted(packed))
        elif depth > 2 * MAX_DEPTH:
            self.add("…")
        elif isinstance(packed, list | tuple):
            gap = "["
            for item in packed:
                self.add(gap)
                self.write(item, depth + 1)
                gap = ", "
            self.add("]" if packed else "[]")
        elif isinstance(packed, dict):
            gap = "{"
            for key, item in packed.items():
                self.add(f"{gap}{self._quoted(_key(key))}: ")
                self.write(item, depth + 1)
                gap = ", "
            self.add("}" if packed else "{}")
        else:
            self.add(_plain(packed))

    def _quoted(self, value: str) -> str:
        return inert_json(encode_basestring(value if self._limit is None else value[: self._limit + 1]))


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        return repr(value) if isinstance(value, int | float) else f"<{type(value).__name__}>"
    except ValueError:  # more digits than Python is willing to write
        return hex(value)


def inert_json(value: str) -> str:
    """JSON on one line, of the same value, with what a terminal would obey written as `\\u009b`."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else encode_basestring_ascii(c)[1:-1] for c in value)
