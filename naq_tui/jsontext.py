"""Values of jobs as text: one line for lists, indented and coloured for reports. Bounded, whatever comes in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from naq_tui import masking
from naq_tui.text import safe

TAG: Final = "$naq"
"""Marks a packed value, as in `naq.codec`."""
_DEEPEST = 60
WHOLE = 2_000_000
"""Characters of one text in a report; no record that fits into a message holds more."""
_PLAIN = ("datetime", "date", "time", "decimal", "uuid", "float")


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
    if depth > _DEEPEST:
        yield "…"
    elif isinstance(value, Mapping):
        yield from _flat_tagged(value, depth) if TAG in value else _flat_object(value, depth)
    elif isinstance(value, list | tuple):
        yield from _flat_items(value, "[", "]", depth)
    else:
        yield scalar(value)


def _flat_object(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    yield "{"
    for place, (key, item) in enumerate(value.items()):
        yield f"{', ' if place else ''}{scalar(key)}: "
        yield from _hidden(key, item) or _flat(item, depth + 1)
    yield "}"


def _hidden(key: Any, value: Any) -> str:
    """What stands in place of a secret; empty where it is none."""
    rules = masking.active()
    return masking.MASK if rules.hides(key) and value is not None and not isinstance(value, bool) else ""


def _flat_items(items: Any, opening: str, closing: str, depth: int) -> Iterator[str]:
    yield opening
    for place, item in enumerate(items):
        if place:
            yield ", "
        yield from _flat(item, depth + 1)
    yield closing


def _flat_tagged(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    kind, body = value[TAG], value.get("v")
    if kind in ("tuple", "set", "frozenset") and isinstance(body, list):
        opening, closing = ("(", ")") if kind == "tuple" else ("{", "}")
        yield from _flat_items(body, opening, closing, depth)
    elif kind == "int" and isinstance(body, str):
        yield _decimal(body)
    elif kind in _PLAIN and isinstance(body, str):
        yield body[:400]
    elif kind == "dict" and isinstance(body, list):
        yield "{"
        for place, pair in enumerate(body):
            key, item = pair if isinstance(pair, list) and len(pair) == 2 else (pair, None)
            yield ", " if place else ""
            yield from _flat(key, depth + 1)
            yield ": "
            yield from _hidden(key, item) or _flat(item, depth + 1)
        yield "}"
    else:
        yield f"{value.get('class') or kind}("
        yield from _flat(body, depth + 1)
        yield ")"


def _decimal(body: str) -> str:
    """A whole number beyond 64 bits, which is packed as hex."""
    try:
        return str(int(body, 16)) if len(body) <= 400 else body[:400]
    except ValueError:
        return body[:400]


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


def pretty(value: Any, depth: int = _DEEPEST, limit: int = 5_000) -> list[tuple[Span, ...]]:
    """`value` as indented lines of coloured text, already safe; at most `limit` lines, the last one then says so.

    Objects and lists nested deeper than `depth` are folded to one line that says how much they hold.
    """
    lines: list[tuple[Span, ...]] = []
    for indent, spans in _tree(value, 0, (), "", depth):
        if len(lines) >= limit:
            lines.append((("… more: y copies all of it", "muted"),))
            break
        lines.append((("  " * indent, ""), *spans) if indent else spans)
    return lines


def _tree(
    value: Any, depth: int, head: tuple[Span, ...], tail: str, unfolded: int
) -> Iterator[tuple[int, tuple[Span, ...]]]:
    end: tuple[Span, ...] = ((tail, "muted"),) if tail else ()
    is_object = isinstance(value, Mapping) and TAG not in value
    if (is_object or isinstance(value, list | tuple)) and value and depth < _DEEPEST:
        short = one_line(value, 72)
        if len(short) <= 60 and not (is_object and depth == 0):
            yield depth, (*head, (short, ""), *end)
            return
        if depth >= unfolded:
            held = f"{{… {len(value):,} keys}}" if is_object else f"[… {len(value):,} items]"
            yield depth, (*head, (held, "muted"), *end)
            return
        yield depth, (*head, ("{" if is_object else "[", "muted"))
        items = list(value.items()) if isinstance(value, Mapping) else [(None, item) for item in value]
        for place, (key, item) in enumerate(items):
            label: tuple[Span, ...] = () if key is None else ((safe(scalar(key)), "accent"), (": ", "muted"))
            comma = "," if place < len(items) - 1 else ""
            secret = "" if key is None else _hidden(key, item)
            if secret:
                yield depth + 1, (*label, (secret, "muted"), (comma, "muted"))
            else:
                yield from _tree(item, depth + 1, label, comma, unfolded)
        yield depth, (("}" if is_object else "]", "muted"), *end)
        return
    text = safe(scalar(value, WHOLE), WHOLE + 2) if isinstance(value, str) else one_line(value, 8000)
    pieces = [text[i : i + 1000] for i in range(0, len(text), 1000)] or [""]
    yield depth, (*head, (pieces[0], ""), *(end if len(pieces) == 1 else ()))
    for place, piece in enumerate(pieces[1:], 2):
        yield depth, ((piece, ""), *(end if place == len(pieces) else ()))
