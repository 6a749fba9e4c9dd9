"""What can be done to queues: pause, resume, delete what waits."""

from __future__ import annotations

from textual import work

from naq_tui.acting.asking import Asking
from naq_tui.format import plural

PAUSED_EFFECT = "No worker takes its jobs until it is resumed; those that run go on."


class ActingOnQueues(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_toggle_queue(self) -> None:
        items, commands = self.tables["queues"].targets, self._commands()
        if not items or commands is None:
            return
        # all are brought into the state that the first of them is not in
        is_paused = items[0].row.stats.is_paused
        queues = [item.row.stats.queue for item in items if item.row.stats.is_paused == is_paused]
        verb, act = ("resume", commands.resume_queue) if is_paused else ("pause", commands.pause_queue)
        effect = "Workers take its jobs again." if is_paused else PAUSED_EFFECT
        names = [item.row.name for item in items if item.row.stats.is_paused == is_paused]
        await self._do_each(verb, "queue", list(zip(names, queues, strict=True)), effect, verb, f"{verb}d", act)

    @work(group="acting", exit_on_error=False)
    async def action_purge_queue(self) -> None:
        item = self.tables["queues"].selected
        commands = self._commands()
        if item is None or commands is None:
            return
        stats, name = item.row.stats, item.row.name
        jobs = plural(stats.waiting, "waiting job")
        effect = "They will not run and can't be brought back."
        consent = await self._consent(f"Delete {jobs} of queue {name}?", effect, "delete", stats.waiting, "jobs")
        if consent is not None:
            purging = commands.purge_queue(stats.queue, reason=consent.reason)
            await self._do(purging, lambda jobs: f"Queue {name}: {plural(jobs, 'job')} deleted.")
