"""What can be done to queues: pause, resume, delete what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from naq_tui.acting.asking import Asking
from naq_tui.acting.targets import Target
from naq_tui.acting.verb import Verb
from naq_tui.format import plural

if TYPE_CHECKING:
    from naq_tui.views.queues import QueueItem

PAUSE = Verb(
    "pause",
    "queue",
    "paused",
    "No worker takes its jobs until it is resumed; those that run go on.",
    "No worker takes their jobs until they are resumed; those that run go on.",
)
RESUME = Verb("resume", "queue", "resumed", "Workers take its jobs again.", "Workers take their jobs again.")
PURGE = Verb(
    "purge",
    "queue",
    "emptied",
    "They will not run and can't be brought back.",
    answer="delete",
    outcome=lambda answers: f": {plural(sum(answers), 'job')} deleted",
)


class ActingOnQueues(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_toggle_queue(self) -> None:
        commands, items = self._commands(), self._fitting("queue.toggle")
        if not items or commands is None:
            return
        # all are brought into the state that the first of them is not in
        is_paused = items[0].row.stats.is_paused
        targets = [_target(item) for item in items if item.row.stats.is_paused == is_paused]
        if is_paused:
            await self._do_each(RESUME, targets, commands.resume_queue)
        else:
            await self._do_each(PAUSE, targets, commands.pause_queue)

    @work(group="acting", exit_on_error=False)
    async def action_purge_queue(self) -> None:
        commands = self._commands()
        if commands is None or not self._fitting("queue.purge"):
            return
        # of several all are emptied: the figures are a second old
        items = self.tables["queues"].targets
        targets = [_target(item) for item in items]
        waiting = sum(item.row.stats.waiting for item in items)
        question = f"Delete {plural(waiting, 'waiting job')} of {{}}?"
        await self._do_each(PURGE, targets, commands.purge_queue, question=question, jobs=waiting)


def _target(item: QueueItem) -> Target:
    stats = item.row.stats
    status = "paused" if stats.is_paused else "open"
    return Target(stats.queue, item.row.name, status, text=f"{plural(stats.waiting, 'job')} waiting")
