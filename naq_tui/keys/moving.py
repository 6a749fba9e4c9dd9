"""Keys that move in a list."""

from __future__ import annotations

from collections.abc import Sequence

from naq_tui.keys.action import Action


def _list(name: str, keys: Sequence[str], label: str, help_text: str) -> Action:
    return Action(
        id=f"list.{name}",
        keys=tuple(keys),
        label=label,
        help=help_text,
        group="Moving",
        call=f"list_{name}",
        owner="list",
    )


MOVING: tuple[Action, ...] = (
    _list("up", ("k", "up"), "up", "Up one row"),
    _list("down", ("j", "down"), "down", "Down one row"),
    _list("page_up", ("pageup", "ctrl+b"), "page up", "Up one page"),
    _list("page_down", ("pagedown", "ctrl+f"), "page down", "Down one page"),
    _list("first", ("g", "home"), "first", "To the first row"),
    _list("last", ("G", "end"), "last", "To the last row; in the log, follow it"),
)
