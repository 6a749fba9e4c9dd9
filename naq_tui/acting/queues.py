"""What can be done to queues: pause, resume, delete what waits."""

from __future__ import annotations

from textual import work

from naq_tui.acting.asking import Asking, named
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
        items, commands = self.tables["queues"].targets, self._commands()
        if not items or commands is None:
            return
        targets = [(item.row.name, item.row.stats.queue) for item in items]
        waiting = sum(item.row.stats.waiting for item in items)
        queues = named([name for name, _ in targets], "queue")
        effect = "They will not run and can't be brought back."
        question = f"Delete {plural(waiting, 'waiting job')} of {queues}?"
        consent = await self._consent(question, effect, "delete", waiting, "jobs")
        if consent is None:
            return
        answers, problem = await self._act_on("queue", targets, commands.purge_queue, consent.reason)
        jobs = plural(sum(answers), "job")
        if problem:
            done = f"{len(answers):,} of {plural(len(targets), 'queue')} emptied, {jobs} deleted"
            self._tell_refusal(done, len(targets), problem)
        elif len(targets) == 1:
            self.app.say(f"Queue {targets[0][0]}: {jobs} deleted.")
        else:
            self.app.say(f"{plural(len(targets), 'queue')} emptied: {jobs} deleted.")
