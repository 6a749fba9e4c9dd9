"""The footer: the keys that matter here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.reactive import reactive
from textual.strip import Strip

from naq_tui import keys
from naq_tui.widgets.painted import Painted

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole


class KeyLine(Painted):
    """Made from the registry of keys for one place; the less important ones go where room is short."""

    app: NaqConsole

    place: reactive[str] = reactive("overview", layout=False)
    idle: reactive[frozenset[str]] = reactive(frozenset(), layout=False)
    """Ids of actions that would do nothing now: they are left out."""
    unfit: reactive[frozenset[str]] = reactive(frozenset(), layout=False)
    """Ids of actions that can't be done to what they are about: they keep their places, as that changes with the
    data, and are dimmed."""

    def __init__(self, place: str = "overview") -> None:
        super().__init__(classes="keys")
        self.set_reactive(KeyLine.place, place)

    def shown(self) -> list[keys.Action]:
        """The actions that fit, in order."""
        offered = keys.footer(self.place, self.app.actions, is_past=self.app.is_past)
        actions = [action for action in offered if action.id not in self.idle]
        while len(actions) > 1 and sum(_width(action) + 2 for action in actions) > self.size.width:
            actions.remove(min(actions, key=lambda action: action.footer))
        return actions

    def render_line(self, y: int) -> Strip:
        line: list[tuple[str, str]] = [(" ", "")]
        for action in self.shown():
            is_unfit = action.id in self.unfit
            tone = "waiting" if action.acts and action.key_label.isupper() else "key"
            line += [(action.key_label, "off" if is_unfit else tone)]
            line += [(f" {action.label}", "off" if is_unfit else "muted"), ("  ", "")]
        return self.strip(line)

    async def on_click(self, event: events.Click) -> None:
        left = 1
        for action in self.shown():
            right = left + _width(action)
            if left <= event.x < right:
                await self.run_action(f"{'app' if action.owner == 'app' else 'screen'}.{action.call}")
                return
            left = right + 2


def _width(action: keys.Action) -> int:
    return len(action.key_label) + 1 + len(action.label)
