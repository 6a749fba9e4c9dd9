"""The line below the top one while an instant of the past is shown."""

from __future__ import annotations

from naq_tui.store.state import State
from naq_tui.views.as_of import banner
from naq_tui.views.table import Lens
from naq_tui.widgets.truth_line import TruthLine


class PastLine(TruthLine):
    """Not there while now is shown."""

    def __init__(self) -> None:
        super().__init__("past")

    def show_instant(self, state: State, lens: Lens, reading: float | None) -> None:
        parts = banner(state, lens, reading)
        self.display = bool(parts)
        self._set_parts(parts)
