"""The line that says the worst thing, and is empty while nothing is wrong."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.text import cut, width
from naq_tui.views.alarm import Alarm
from naq_tui.widgets.painted import Lines


class AlarmLine(Lines):
    """Always one line high, so that nothing moves when something breaks."""

    alarms: reactive[tuple[Alarm, ...]] = reactive((), repaint=False)

    class Chosen(Message):
        """A click on an alarm that a screen shows."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(id="alarm")

    def watch_alarms(self, alarms: tuple[Alarm, ...]) -> None:
        self.set_class(bool(alarms) and alarms[0].is_severe, "-severe")
        self.set_class(bool(alarms) and not alarms[0].is_severe, "-caution")
        self.repaint()

    def line(self, y: int) -> Strip:
        if not self.alarms:
            return self.strip([])
        worst = self.alarms[0]
        tone = "failed" if worst.is_severe else "waiting"
        more = f"+{len(self.alarms) - 1} more  " if len(self.alarms) > 1 else ""
        where = f"{worst.key} to see " if worst.key else ""
        end = f"{more}{where}"
        room = self.size.width - 3 - width(end)
        text = cut(worst.text, max(4, room))
        gap = max(1, self.size.width - 2 - width(text) - width(end))
        return self.strip([("▌ ", tone), (text, "strong"), (" " * gap, ""), (more, "muted"), (where, tone)])

    def on_click(self, event: events.Click) -> None:
        if self.alarms and self.alarms[0].key:
            self.post_message(self.Chosen(self.alarms[0].key))
