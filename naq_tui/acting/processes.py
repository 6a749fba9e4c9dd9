"""What can be done to local processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work

from naq.errors import NaqException
from naq_tui import hints
from naq_tui.acting.asking import Asking
from naq_tui.text import safe

if TYPE_CHECKING:
    from naq_tui.store.rows import ProcessRow

_RESTART = {
    "worker": "It takes no more jobs, finishes those it has, ends and is started anew.",
    "scheduler": "It ends in good order and is started anew. Schedules may fire late by a few seconds.",
    "server": "Workers and this console lose their server until it is back.",
}
_STOP = {
    "worker": "It takes no more jobs, finishes those it has, then ends.",
    "scheduler": "It ends in good order. Schedules fire only while another scheduler runs.",
    "server": "It ends in good order. Workers and this console lose their server.",
}


class ActingOnProcesses(Asking):
    """Mixed into the main screen."""

    def action_details_of_process(self) -> None:
        from naq_tui.screens.detail import DetailScreen

        row = self._row()
        if row is not None:
            self.app.push_screen(DetailScreen("process", row.process_id))

    def action_more_process(self) -> None:
        row = self._row()
        if row is not None:
            self._try(lambda: f"{self.app.supervisor.more(row.process_id)} started.")

    @work(group="acting", exit_on_error=False)
    async def action_fewer_process(self) -> None:
        row = self._row()
        if row is None:
            return
        if not row.view.recipe_wanted:
            self.app.say(f"Nothing of {row.recipe or row.name} runs.")
            return
        what = f"one of the {row.view.recipe_wanted} of {row.recipe}" if row.recipe else row.name
        if await self._agreed(f"Drain {what}?", _STOP.get(row.kind, ""), "drain it"):
            self._try(lambda: f"{self.app.supervisor.fewer(row.process_id)} was asked to stop.")

    @work(group="acting", exit_on_error=False)
    async def action_restart_process(self) -> None:
        row = self._row()
        if row is None:
            return
        if row.view.is_recipe:
            self.app.say(hints.advice(f"Nothing of {row.name} runs", hints.hint("process.more", "starts one")))
            return
        if not row.view.is_running:
            effect = "It is started again now, with the command it had."
        else:
            effect = _RESTART.get(row.kind, "")
        if not await self._agreed(f"Restart {row.name} (pid {row.view.pid})?", effect, "restart it"):
            return
        self.app.say(f"{row.name} is restarted.")
        try:
            await self.app.supervisor.restart(row.process_id)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")

    @work(group="acting", exit_on_error=False)
    async def action_stop_process(self) -> None:
        row = self._row()
        if row is None:
            return
        if row.view.restart_at is not None:
            if await self._agreed(f"Leave {row.name} ended?", "It is not started again.", "leave it"):
                self._ask(self.app.supervisor.stop, row, "stays ended")
            return
        if not row.view.is_running:
            self.app.say(f"{row.name} does not run.")
            return
        if await self._agreed(f"Stop {row.name} (pid {row.view.pid})?", _STOP.get(row.kind, ""), "stop it"):
            self._ask(self.app.supervisor.stop, row, "was asked to stop")

    @work(group="acting", exit_on_error=False)
    async def action_kill_process(self) -> None:
        row = self._row()
        if row is None:
            return
        if not row.view.is_running:
            self.app.say(f"{row.name} does not run.")
            return
        effect = "It ends at once, with all it started. Its jobs run again elsewhere after their lease."
        if await self._agreed(f"Kill {row.name} (pid {row.view.pid})?", effect, "kill it"):
            self._ask(self.app.supervisor.kill, row, "was killed")

    @work(group="acting", exit_on_error=False)
    async def action_forget_process(self) -> None:
        row = self._row()
        if row is None:
            return
        if row.view.is_running or row.view.is_recipe:
            self.app.say(f"{row.name} stays: only processes that ended can be taken off the list.")
            return
        if await self._agreed(f"Forget {row.name} ({row.status_text})?", "Its output is deleted with it.", "forget it"):
            self._ask(self.app.supervisor.remove, row, "is forgotten")

    def _row(self) -> ProcessRow | None:
        item = self.tables["processes"].selected
        row: ProcessRow | None = None if item is None else item.row
        return row

    def _ask(self, act: Callable[[str], None], row: ProcessRow, done: str) -> None:
        def run() -> str:
            act(row.process_id)
            return f"{row.name} {done}."

        self._try(run)

    def _try(self, act: Callable[[], str]) -> None:
        try:
            done = act()
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
        else:
            self.app.say(safe(done, 200))
