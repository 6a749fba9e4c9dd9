"""All keys, from the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
NOTHING_UNFIT: Mapping[str, str] = {}


class HelpScreen(Dialog[None]):
    """The keys of this place first, then those that work elsewhere.

    Args:
        place: pane or screen that was in front.
        unfit: the actions that can't be done there now, by id, and why.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss", show=False)]
    AUTO_FOCUS = "Document"
    place = "help"
    app: NaqConsole

    def __init__(self, place: str, unfit: Mapping[str, str] = NOTHING_UNFIT) -> None:
        super().__init__()
        self.about, self._unfit = place, unfit

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            dialog.border_subtitle = "esc closes"
            yield Document(help_lines(self.about, self.app.actions, self._unfit))


def help_lines(
    place: str, actions: Sequence[keys.Action] = keys.ACTIONS, unfit: Mapping[str, str] = NOTHING_UNFIT
) -> list[list[tuple[str, str]]]:
    """Every action of the registry: by group those that work in `place`, then the others, muted, and where they do.

    Below one of `unfit` it says why it can't be done now.
    """
    lines: list[list[tuple[str, str]]] = [
        [("Upper case changes the system, and asks first. Lower case only looks,", "muted")],
        [("except for launching.", "muted")],
    ]
    here = [action for action in actions if action.works_in(place) or place in ("dialog", "overview")]
    for group in keys.GROUPS:
        mine = [action for action in here if action.group == group]
        if mine:
            lines += [[], [(group, "accent")]]
            for action in mine:
                lines.append(_line(action, is_fit=action.id not in unfit))
                if action.id in unfit:
                    lines.append([(" " * (_KEYS + 2), ""), (unfit[action.id], "")])
    elsewhere = [action for action in actions if action not in here]
    if elsewhere:
        lines += [[], [("Elsewhere", "accent")], *(_line(action, is_here=False) for action in elsewhere)]
    return lines


def _line(action: keys.Action, *, is_here: bool = True, is_fit: bool = True) -> list[tuple[str, str]]:
    tone = "" if is_here and is_fit else "muted"
    key_tone = tone or ("waiting" if action.acts and action.keys[0].isupper() else "key")
    where = "" if is_here or not action.where else f"  in {_places(action.where)}"
    return [("  ", ""), (fit(action.all_key_labels, _KEYS), key_tone), (action.help + where, tone)]


def _places(where: frozenset[str]) -> str:
    names = [title for name, (_, title) in keys.SCREENS.items() if name in where]
    return ", ".join(names) if names and len(names) < 4 else "lists" if names else "reports"
