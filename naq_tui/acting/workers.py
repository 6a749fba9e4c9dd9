"""What can be done to workers, on whatever host: let them end, forget the dead."""

from __future__ import annotations

from textual import work

from naq_tui.acting.asking import Asking
from naq_tui.views.judging import is_dead


class ActingOnWorkers(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_stop_worker(self) -> None:
        rows, commands = self.tables["workers"].targets, self._commands()
        if not rows or commands is None:
            return
        lens = self.app.lens()
        living = [(row.name, row.worker_id) for row in rows if not is_dead(row.record, lens) and not row.is_scheduler]
        if not living:
            self.app.say("Only living workers can be asked to stop. A local scheduler is stopped on screen 8.")
            return
        effect = "It takes no more jobs, finishes those it has, then ends."
        await self._do_each("stop", "worker", living, effect, "stop it", "asked to stop", commands.stop_worker)

    @work(group="acting", exit_on_error=False)
    async def action_forget_worker(self) -> None:
        rows, commands = self.tables["workers"].targets, self._commands()
        if not rows or commands is None:
            return
        lens = self.app.lens()
        dead = [(row.name, row.worker_id) for row in rows if is_dead(row.record, lens)]
        if not dead:
            self.app.say("Only dead workers can be forgotten.")
            return
        effect = "Its record goes; its jobs run again by themselves, and the log keeps what it did."
        await self._do_each("forget", "worker", dead, effect, "forget it", "forgotten", commands.forget_worker)
