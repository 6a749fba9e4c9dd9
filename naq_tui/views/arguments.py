"""Arguments of a call as JSON that a person typed. Whole numbers stay exact, however long."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Never

from naq import codec
from naq_tui import masking
from naq_tui.text import safe


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


def editable(value: Any, indent: int | None = None) -> str:
    """A JSON value as it is edited: its secrets hidden, and in ASCII where other letters would not be harmless."""
    hidden = masking.active().value(value)
    text = json.dumps(hidden, indent=indent, ensure_ascii=False)
    is_harmless = all(safe(line, len(line) + 1) == line for line in text.split("\n"))
    return text if is_harmless else json.dumps(hidden, indent=indent)


def put_back(edited: Any, original: Any) -> Any:
    """What was edited of `original` (in packed form) as `editable` shows it, in packed form too, with the secrets that
    were left hidden as they were.

    Raises ValueError for one that stands where it can't be told which it was.
    """
    whole = _put_back(edited, masking.active().value(original), original)
    if _has_mask(whole) and not _has_mask(original):
        raise ValueError(f"a hidden value ({masking.MASK}) can't be kept where it stands now: type it out")
    return _packed(whole)


def _packed(value: Any) -> Any:
    """The same with whole numbers that were typed in the form in which those of any length travel."""
    if isinstance(value, dict):
        return {key: _packed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_packed(item) for item in value]
    return codec.pack(value) if type(value) is int else value


def _put_back(edited: Any, shown: Any, original: Any) -> Any:
    if isinstance(edited, dict) and isinstance(shown, dict) and isinstance(original, Mapping):
        return {
            key: _put_back(value, shown[key], original[key]) if key in shown and key in original else value
            for key, value in edited.items()
        }
    if isinstance(edited, list) and isinstance(shown, list) and isinstance(original, list | tuple):
        return _put_back_in_list(edited, shown, original)
    # 1, 1.0 and true are equal, and yet not the same
    return original if type(edited) is type(shown) and edited == shown else edited


def _put_back_in_list(edited: list[Any], shown: list[Any], original: Sequence[Any]) -> list[Any]:
    """Items have no names, and may have changed places. What is hidden in one is put back where its looks tell which
    it is: none of the others looks so, or all of them still stand where they stood. One that is changed itself is
    taken for the one that was there, where no other place with something hidden has changed."""
    looks, before = [_look(item) for item in edited], [_look(item) for item in shown]
    pairs = enumerate(zip_longest(looks, before, fillvalue=""))
    changed = [place for place, (now, was) in pairs if now != was and masking.MASK in now + was]
    were, are = _places(before), _places(looks)
    found: list[Any] = []
    for place, (item, look) in enumerate(zip(edited, looks, strict=True)):
        alike = were.get(look, [])
        if alike == are[look]:
            found.append(original[place])
        elif alike and len({_look(original[other]) for other in alike}) == 1:
            found.append(original[alike[0]])
        elif not alike and changed == [place] and len(edited) == len(shown):
            found.append(_put_back(item, shown[place], original[place]))
        else:
            found.append(item)
    return found


def _look(value: Any) -> str:
    """What tells it from any that is not the same: 1, 1.0 and true are equal."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _places(looks: Sequence[str]) -> dict[str, list[int]]:
    """Where each of them stands."""
    found: dict[str, list[int]] = {}
    for place, look in enumerate(looks):
        found.setdefault(look, []).append(place)
    return found


def _has_mask(value: Any) -> bool:
    return masking.MASK in json.dumps(value, ensure_ascii=False)


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
