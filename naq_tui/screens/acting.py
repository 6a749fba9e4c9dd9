"""The keys of the main screen that change the system; each asks first, with "no" as the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import work

from naq.errors import NaqException
from naq_tui.format import plural
from naq_tui.screens.confirm import ConfirmScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from naq_tui.app import NaqConsole
    from naq_tui.widgets.line_table import LineTable


class Acting:
    """Mixed into the main screen."""

    if TYPE_CHECKING:
        app: NaqConsole
        tables: dict[str, LineTable[Any]]

        def run_worker(self, *args: Any, **options: Any) -> Any: ...

    @work(group="acting", exit_on_error=False)
    async def action_toggle_schedule(self) -> None:
        row = self.tables["schedules"].selected
        if row is None or not self._can_act():
            return
        if row.status not in ("ACTIVE", "PAUSED", "FAILED"):
            self.app.say(f"Schedule {row.name} has ended: there is nothing to pause or resume.")
            return
        verb = "pause" if row.status == "ACTIVE" else "resume"
        effect = "It fires nothing until it is resumed." if verb == "pause" else "It fires again from its next time on."
        if await self._agreed(f"{verb.capitalize()} schedule {row.name} ({row.spec})?", effect, verb):
            commands = self.app.commands
            assert commands is not None
            act = commands.pause_schedule if verb == "pause" else commands.resume_schedule
            await self._do(act(row.schedule_id), lambda _: f"Schedule {row.name} {verb}d.")

    @work(group="acting", exit_on_error=False)
    async def action_cancel_schedule(self) -> None:
        row = self.tables["schedules"].selected
        if row is None or not self._can_act():
            return
        if row.status not in ("ACTIVE", "PAUSED", "FAILED"):
            self.app.say(f"Schedule {row.name} has ended already.")
            return
        if await self._agreed(
            f"Cancel schedule {row.name} ({row.spec})?", "It never fires again. Jobs it has started go on.", "cancel it"
        ):
            assert self.app.commands is not None
            cancelling = self.app.commands.cancel_schedule(row.schedule_id)
            await self._do(cancelling, lambda _: f"Schedule {row.name} cancelled.")

    @work(group="acting", exit_on_error=False)
    async def action_purge_queue(self) -> None:
        item = self.tables["queues"].selected
        if item is None or not self._can_act():
            return
        stats, name = item.row.stats, item.row.name
        jobs = plural(stats.waiting, "waiting job")
        if await self._agreed(
            f"Delete {jobs} of queue {name}?", "They will not run and can't be brought back.", "delete"
        ):
            assert self.app.commands is not None
            await self._do(
                self.app.commands.purge_queue(stats.queue), lambda jobs: f"Queue {name}: {plural(jobs, 'job')} deleted."
            )

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

    def _can_act(self) -> bool:
        if self.app.commands is None:
            self.app.say("This console can only look: it was given no way to act.", severity="warning")
        return self.app.commands is not None

    async def _agreed(self, question: str, effect: str, verb: str) -> bool:
        screen: ConfirmScreen = ConfirmScreen(question, effect, verb)
        return await self.app.push_screen_wait(screen)

    async def _do(self, act: Awaitable[Any], done: Callable[[Any], str]) -> None:
        try:
            answer = await act
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
        else:
            self.app.say(done(answer))

    def _signal(self, act: Any, process_id: str, done: str) -> None:
        try:
            act(process_id)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
        else:
            self.app.say(done)
