"""What can be done to queues."""

from __future__ import annotations

from textual import work

from naq_tui.acting.asking import Asking
from naq_tui.format import plural


class ActingOnQueues(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_purge_queue(self) -> None:
        item = self.tables["queues"].selected
        commands = self._commands()
        if item is None or commands is None:
            return
        stats, name = item.row.stats, item.row.name
        jobs = plural(stats.waiting, "waiting job")
        if await self._agreed(
            f"Delete {jobs} of queue {name}?", "They will not run and can't be brought back.", "delete"
        ):
            await self._do(
                commands.purge_queue(stats.queue), lambda jobs: f"Queue {name}: {plural(jobs, 'job')} deleted."
            )
