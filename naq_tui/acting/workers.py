"""What can be done to workers, on whatever host: let them end, forget the dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from naq_tui.acting.asking import Asking
from naq_tui.acting.targets import Target
from naq_tui.acting.verb import Verb
from naq_tui.format import plural
from naq_tui.views.judging import worker_status

if TYPE_CHECKING:
    from naq_tui.store.rows import WorkerRow

STOP = Verb(
    "stop",
    "worker",
    "asked to stop",
    "It takes no more jobs, finishes those it has, then ends.",
    "They take no more jobs, finish those they have, then end.",
)
FORGET = Verb(
    "forget",
    "worker",
    "forgotten",
    "Its record goes; its jobs run again by themselves, and the log keeps what it did.",
    "Their records go; their jobs run again by themselves, and the log keeps what they did.",
)


class ActingOnWorkers(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_stop_worker(self) -> None:
        commands, living = self._commands(), self._fitting("worker.stop")
        if living and commands is not None:
            await self._do_each(STOP, self._worker_targets(living), commands.stop_worker)

    @work(group="acting", exit_on_error=False)
    async def action_forget_worker(self) -> None:
        commands, dead = self._commands(), self._fitting("worker.forget")
        if dead and commands is not None:
            await self._do_each(FORGET, self._worker_targets(dead), commands.forget_worker)

    def _worker_targets(self, rows: list[WorkerRow]) -> list[Target]:
        lens = self.app.lens()
        return [
            Target(
                row.worker_id,
                row.name,
                worker_status(row, lens),
                queue=row.queues,
                text=f"runs {plural(len(row.jobs), 'job')}",
            )
            for row in rows
        ]
