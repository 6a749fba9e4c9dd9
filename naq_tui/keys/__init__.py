"""The one registry of keys: bindings, footer, help and palette are all made from it.

Lower-case keys never change the system, launching excepted; keys that do are upper case and ask first.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding, BindingType

from naq_tui import hints
from naq_tui.keys.acting import ACTING
from naq_tui.keys.action import Action, Owner
from naq_tui.keys.console import CONSOLE
from naq_tui.keys.instants import INSTANTS
from naq_tui.keys.keymap import rebound
from naq_tui.keys.launching import LAUNCHING
from naq_tui.keys.looking import LOOKING
from naq_tui.keys.moving import MOVING
from naq_tui.keys.output import OUTPUT
from naq_tui.keys.places import LISTS, PANES, REPORTS, SCREENS, TABLES
from naq_tui.keys.screens import SCREEN_KEYS

__all__ = [
    "ACTIONS",
    "GROUPS",
    "LISTS",
    "PANES",
    "REPORTS",
    "SCREENS",
    "TABLES",
    "Action",
    "Owner",
    "bindings",
    "find",
    "footer",
    "palette",
    "rebound",
]

ACTIONS: tuple[Action, ...] = (*LAUNCHING, *ACTING, *LOOKING, *INSTANTS, *OUTPUT, *SCREEN_KEYS, *MOVING, *CONSOLE)
hints.use(ACTIONS)
GROUPS = ("Launching", "Acting", "Looking", "Moving", "Screens", "Console")


def bindings(owner: Owner) -> list[BindingType]:
    """The Textual bindings of one owner."""
    return [
        Binding(
            ",".join(action.keys),
            action.call,
            action.label,
            show=False,
            id=action.id,
            tooltip=action.help,
            priority=action.id in ("pane.next", "pane.previous"),
        )
        for action in ACTIONS
        if action.owner == owner
    ]


def find(call: str, parameters: tuple[object, ...] = ()) -> list[Action]:
    """The actions that make this Textual action run."""
    text = f"{call}({', '.join(repr(p) for p in parameters)})" if parameters else call
    return [action for action in ACTIONS if action.call == text]


def footer(place: str, actions: Sequence[Action] = ACTIONS, *, is_past: bool = False) -> list[Action]:
    """What the footer of a pane or screen offers, in order. `actions` are those of the running console."""
    hidden = "Launching" if place in REPORTS else ""
    return [
        action
        for action in actions
        if action.footer
        and action.works_in(place)
        and (not action.footer_where or place in action.footer_where)
        and action.group != hidden
        and (is_past or not action.in_past)
    ]


def palette(place: str, actions: Sequence[Action] = ACTIONS) -> list[Action]:
    """What the palette offers in a pane or screen: all but itself. `actions` are those of the running console."""
    return [action for action in actions if action.id != "palette" and action.works_in(place)]
