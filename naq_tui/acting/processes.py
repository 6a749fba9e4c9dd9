"""What can be done to local processes."""

from __future__ import annotations

from typing import Any

from textual import work

from naq.errors import NaqException
from naq_tui.acting.asking import Asking


class ActingOnProcesses(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_stop_process(self) -> None:
        row = self.tables["processes"].selected
        if row is None:
            return
        if not row.view.is_running:
            self.app.say(f"{row.name} does not run.")
            return
        effect = (
            "It takes no more jobs, finishes those it has, then ends."
            if row.kind == "worker"
            else "It ends in good order. Workers and this console lose their server."
            if row.kind == "server"
            else "It ends in good order. Schedules fire only while another scheduler runs."
        )
        if await self._agreed(f"Stop {row.name} (pid {row.view.pid})?", effect, "stop it"):
            self._signal(self.app.supervisor.stop, row.process_id, f"{row.name} was asked to stop.")

    @work(group="acting", exit_on_error=False)
    async def action_kill_process(self) -> None:
        row = self.tables["processes"].selected
        if row is None:
            return
        if not row.view.is_running:
            self.app.say(f"{row.name} does not run.")
            return
        effect = "It ends at once, with all it started. Its jobs run again elsewhere after their lease."
        if await self._agreed(f"Kill {row.name} (pid {row.view.pid})?", effect, "kill it"):
            self._signal(self.app.supervisor.kill, row.process_id, f"{row.name} was killed.")

    def _signal(self, act: Any, process_id: str, done: str) -> None:
        try:
            act(process_id)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
        else:
            self.app.say(done)
