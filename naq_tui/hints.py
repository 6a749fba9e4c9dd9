"""Keys named inside sentences: those of the running console, and none for what it may not do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from naq_tui.keys.action import Action

_labels: dict[str, str] = {}


def use(actions: Sequence[Action]) -> None:
    """The actions of the running console, as its keymap and its rights leave them."""
    _labels.clear()
    _labels.update((action.id, action.key_label) for action in actions)


def hint(action_id: str, words: str) -> str:
    """`words` with the action's key in place of `{}`, in front where there is none; empty where it can't be done here.

    `hint("launch.worker", "starts one here")` is `w starts one here`.
    """
    label = _labels.get(action_id)
    if label is None:
        return ""
    return words.replace("{}", label, 1) if "{}" in words else f"{label} {words}"


def advice(sentence: str, *hints: str, end: str = ".") -> str:
    """A sentence and what can be done about it: `No workers yet: press w to start one here.`"""
    given = ", ".join(filter(None, hints))
    return f"{sentence}: {given}{end}" if given else f"{sentence}{end}"
