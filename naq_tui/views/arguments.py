"""Arguments of a call as JSON that a person typed. Whole numbers stay exact, however long."""

from __future__ import annotations

import json
import math
from typing import Any, Never


def list_of(text: str, name: str) -> list[Any]:
    """Positional arguments; none of an empty text. Raises ValueError with one line, `name` first."""
    value = _value(text or "[]", name)
    if not isinstance(value, list):
        raise ValueError(f'{name}: a JSON list is needed, like [42, "x"]')
    return value


def object_of(text: str, name: str) -> dict[str, Any]:
    """Arguments by name; none of an empty text. Raises ValueError with one line, `name` first."""
    value = _value(text or "{}", name)
    if not isinstance(value, dict):
        raise ValueError(f'{name}: a JSON object is needed, like {{"limit": 3}}')
    return value


def _value(text: str, name: str) -> Any:
    try:
        return loads(text)
    except ValueError as exc:
        raise ValueError(f"{name}: {exc}") from None


def loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, with what is wrong and where."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}" if "\n" in text else f"column {exc.colno}"
        raise ValueError(f"no JSON, {where}: {exc.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse(word: str) -> Never:
    raise ValueError(f"{word} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.40} is too large a number")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:60]!r} is given twice")
    return found
