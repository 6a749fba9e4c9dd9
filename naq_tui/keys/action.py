"""What an action is: one key's name, words, place and effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Owner = Literal["app", "main", "jobs", "report", "output", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something a key does."""

    id: str
    keys: tuple[str, ...]
    """As Textual names them; the first is the one shown."""
    label: str
    """One or two words for the footer."""
    help: str
    group: str
    call: str
    """The Textual action: `name` or `name('argument')`."""
    owner: Owner
    """Who carries the binding: the app (works in every screen), the main screen, that and reports ("jobs"), reports,
    the screen of output, or each list."""
    where: frozenset[str] = frozenset()
    """Panes and screens it works in; empty means everywhere its owner is."""
    acts: bool = False
    """Whether it changes the system."""
    footer: int = 0
    """Rank in the footer: the lowest is dropped first where room is short; 0 is never shown."""
    footer_where: frozenset[str] = frozenset()
    """Places whose footer shows it; empty means all that it works in."""
    in_past: bool = False
    """Whether footers show it only while an instant of the past is shown."""

    @property
    def key_label(self) -> str:
        return _KEY_LABELS.get(self.keys[0], self.keys[0])

    @property
    def all_key_labels(self) -> str:
        return " ".join(_KEY_LABELS.get(key, key) for key in self.keys)

    def works_in(self, place: str) -> bool:
        return not self.where or place in self.where


_KEY_LABELS = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "escape": "esc",
    "space": "space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "at": "@",
}
