"""All keys, from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from naq_tui import keys
from naq_tui.screens.dialog import Dialog
from naq_tui.text import fit
from naq_tui.widgets.document import Document

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

_KEYS = 13


class HelpScreen(Dialog[None]):
    """The keys of this place first, then those that work elsewhere.

    Args:
        place: pane or screen that was in front.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss", show=False)]
    AUTO_FOCUS = "Document"
    place = "help"
    app: NaqConsole

    def __init__(self, place: str) -> None:
        super().__init__()
        self.about = place

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            dialog.border_subtitle = "esc closes"
            yield Document(help_lines(self.about, self.app.actions))


def help_lines(place: str, actions: Sequence[keys.Action] = keys.ACTIONS) -> list[list[tuple[str, str]]]:
    """Every action of the registry by group; those that don't work in `place` are muted and say where they do."""
    lines: list[list[tuple[str, str]]] = [
        [("Upper case changes the system, and asks first. Lower case only looks,", "muted")],
        [("except for launching.", "muted")],
    ]
    for group in (group for group in keys.GROUPS if any(action.group == group for action in actions)):
        lines += [[], [(group, "accent")]]
        for action in (action for action in actions if action.group == group):
            works = action.works_in(place) or place in ("dialog", "overview")
            tone = "" if works else "muted"
            where = "" if works or not action.where else f"  in {_places(action.where)}"
            key_tone = "waiting" if action.acts and action.keys[0].isupper() else "key" if works else "muted"
            lines.append([("  ", ""), (fit(action.all_key_labels, _KEYS), key_tone), (action.help + where, tone)])
    return lines


def _places(where: frozenset[str]) -> str:
    names = [title for name, (_, title) in keys.SCREENS.items() if name in where]
    return ", ".join(names) if names and len(names) < 4 else "lists" if names else "reports"
