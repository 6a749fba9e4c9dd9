"""Other keys for the actions of the registry, as the user wrote them down."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from naq_tui.keys.action import Action

_MODIFIERS = frozenset({"ctrl", "shift", "alt", "meta", "super", "hyper"})
_NAMED = frozenset(key.value for key in Keys) | {"space"}
_SAME_BYTE = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter", "ctrl+h": "backspace"}
"""What terminals can't tell apart."""
_NEUTRAL = frozenset({"enter", "space", "tab", "escape", "up", "down", "left", "right", "home", "end", "backspace"})


def rebound(
    actions: Sequence[Action], overrides: Mapping[str, Sequence[str]]
) -> tuple[tuple[Action, ...], dict[str, str]]:
    """The registry with other keys, and why an override, by its action's id, was left out.

    An override that is wrong or clashes has no effect: its action keeps the keys it had.
    """
    known = {action.id: action for action in actions}
    refused: dict[str, str] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    for action_id, given in overrides.items():
        try:
            if action_id not in known:
                raise ValueError(f"there is no action of this name{_meant(action_id, known)}")
            wanted[action_id] = _checked(known[action_id], given)
        except ValueError as exc:
            refused[action_id] = str(exc)
    while True:
        made = tuple(replace(action, keys=wanted.get(action.id, action.keys)) for action in actions)
        clash = next(_clashes(made, wanted), None)
        if clash is None:
            return made, refused
        action_id, reason = clash
        del wanted[action_id]
        refused[action_id] = reason


def _checked(action: Action, given: Sequence[str]) -> tuple[str, ...]:
    if action.group == "Screens" and action.id.startswith("screen."):
        raise ValueError("the digits of screens are on their tabs: they stay")
    keys = tuple(_normal(key) for key in given)
    if action.acts and action.group != "Launching":
        for key in keys:
            if key in _NEUTRAL or (not key.isupper() and "+" not in key and not _is_function_key(key)):
                raise ValueError(f"{key!r} is too easily pressed for what changes the system: upper case, ctrl+ or f1")
    return keys


def _is_function_key(key: str) -> bool:
    return key[:1] == "f" and key[1:].isdigit()


def _normal(key: str) -> str:
    """The key as Textual names it. Raises ValueError where there is no such key."""
    *modifiers, name = key.split("+") if len(key) > 1 and not key.endswith("++") else [key]
    if len(name) == 1 and not name.isalnum():
        try:
            name = unicodedata.name(name).lower().replace("-", "_").replace(" ", "_")
        except ValueError:
            raise ValueError(f"{key!r} is no key") from None
        name = KEY_NAME_REPLACEMENTS.get(name, name)
    is_known = len(name) == 1 or name in _NAMED or _is_symbol(name)
    if not is_known or not set(modifiers) <= _MODIFIERS:
        raise ValueError(f"{key!r} is no key: write it like 'x', 'X', 'ctrl+x', 'f5' or 'slash'")
    whole = "+".join([*modifiers, name])
    if whole in _SAME_BYTE:
        raise ValueError(f"{whole!r} is {_SAME_BYTE[whole]!r} to a terminal")
    return whole


def _is_symbol(name: str) -> bool:
    """`question_mark`, `slash`: a character by its Unicode name, as Textual shortens it."""
    long = {short: long for long, short in KEY_NAME_REPLACEMENTS.items()}.get(name, name)
    for spelled in (long.replace("_", " "), long.replace("_", "-")):
        try:
            unicodedata.lookup(spelled.upper())
        except KeyError:
            continue
        return True
    return False


def _clashes(actions: Sequence[Action], wanted: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Each override whose key means something else in the same place, and what."""
    places = sorted({place for action in actions for place in action.where})
    for action in actions:
        if action.id not in wanted:
            continue
        for other in actions:
            shared = set(action.keys) & set(other.keys)
            if other is action or not shared:
                continue
            here = [place for place in places if action.works_in(place) and other.works_in(place)]
            if here:
                yield action.id, f"{min(shared)!r} is {other.id} ({other.label}) in {here[0]} already"


def _meant(action_id: str, known: Mapping[str, Action]) -> str:
    close = get_close_matches(action_id, known, 1)
    return f" (did you mean {close[0]}?)" if close else "; naq-console --list-keys prints all"
