"""Values of jobs as text: what they are made of, and one line for lists, bounded, whatever comes in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, Final, NamedTuple

from naq_tui import masking
from naq_tui.text import safe

TAG: Final = "$naq"
"""Marks a packed value, as in `naq.codec`."""
_DEEPEST = 60
_PLAIN = ("int", "datetime", "date", "time", "decimal", "uuid", "float")
_TAGGED = frozenset({TAG, "v", "class"})
_HEX_DIGITS = 3_500
"""More of them can make a number that Python does not write in decimals."""


def one_line(value: Any, limit: int = 200) -> str:
    """`value` (in packed form) on one line of at most `limit` characters, already safe."""
    parts: list[str] = []
    used = 0
    for part in _flat(value, 0):
        parts.append(part if len(part) <= limit else part[:limit])
        used += len(part)
        if used > limit:
            parts.append("…")
            break
    return safe("".join(parts), limit + 1)


def _flat(value: Any, depth: int) -> Iterator[str]:
    box = box_of(value)
    if box is None:
        yield leaf(value)
    elif depth > _DEEPEST:
        yield "…"
    else:
        yield box.opening
        for place, (key, item) in enumerate(box.pairs):
            if place:
                yield ", "
            if key is not NO_KEY:
                yield from _flat(key, depth + 1)
                yield ": "
            yield from hidden(key, item) or _flat(item, depth + 1)
        yield box.closing


NO_KEY: Final = object()
"""In place of the key of what has none."""


class Box(NamedTuple):
    """What a value that holds others is made of."""

    opening: str
    closing: str
    noun: str
    """What it holds, in the singular."""
    size: int
    pairs: Iterable[tuple[Any, Any]]
    """Each key, `NO_KEY` in lists, with what is under it; in packed form."""


def box_of(value: Any) -> Box | None:
    """What `value` (in packed form) holds; None for a text, a number and the like."""
    if isinstance(value, Mapping):
        if TAG in value and value.keys() <= _TAGGED:
            return _tagged_box(value)
        return Box("{", "}", "key", len(value), value.items())
    if isinstance(value, list | tuple):
        return Box("[", "]", "item", len(value), zip(repeat(NO_KEY), value))
    return None


def _tagged_box(value: Mapping[str, Any]) -> Box | None:
    kind, body = value[TAG], value.get("v")
    if isinstance(body, list):
        if kind in ("tuple", "set", "frozenset"):
            opening, closing = ("(", ")") if kind == "tuple" else ("{", "}")
            return Box(opening, closing, "item", len(body), zip(repeat(NO_KEY), body))
        if kind == "dict":
            pairs = (tuple(pair) if isinstance(pair, list) and len(pair) == 2 else (pair, None) for pair in body)
            return Box("{", "}", "key", len(body), pairs)
    if kind in _PLAIN and isinstance(body, str):
        return None
    named = next((part for part in (value.get("class"), kind) if part and isinstance(part, str | int | float)), "…")
    name = safe(masking.active().text(str(named)[:200]))
    return Box(f"{name}(", ")", "item", 1, ((NO_KEY, body),))


def hidden(key: Any, value: Any) -> str:
    """What stands in place of a secret; empty where it is none."""
    if key is NO_KEY or value is None or isinstance(value, bool):
        return ""
    return masking.MASK if masking.active().hides(key) else ""


def leaf(value: Any, limit: int = 4000) -> str:
    """A value that holds no others, text beyond `limit` characters cut."""
    if not isinstance(value, Mapping):
        return scalar(value, limit)
    body: str = value["v"]
    return _decimal(body) if value[TAG] == "int" else body[:limit]


def _decimal(body: str) -> str:
    """A whole number beyond 64 bits, which is packed as hex; one too long to be told in decimals stays so."""
    try:
        return str(int(body, 16)) if len(body) <= _HEX_DIGITS else body
    except ValueError:
        return body


def scalar(value: Any, limit: int = 4000) -> str:
    """A JSON value that is no container; text beyond `limit` is cut early, so that it costs nothing."""
    if isinstance(value, str):
        return json.dumps(masking.active().text(value[:limit]), ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return masking.active().text(str(value)[:limit])


def dumps(value: Any) -> str:
    """`value` as indented JSON, for the clipboard."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


Span = tuple[str, str]
"""Text and its tone."""
