"""What can be done to jobs, one or many: add, retry, cancel, delete, clone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import work

from naq.errors import NaqException
from naq.ids import short
from naq_tui.acting.asking import Asking
from naq_tui.acting.targets import Target
from naq_tui.format import plural
from naq_tui.store.seen import functions_seen
from naq_tui.text import safe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from naq_tui.feed.protocol import Commands


@dataclass(frozen=True, slots=True)
class Verb:
    """One kind of action on jobs, in words."""

    name: str
    past: str
    effect: str
    statuses: frozenset[str]
    """Only jobs in one of these can be acted on so."""
    nothing: str
    """What to say where none can."""

    def act(self, commands: Commands, action_id: str, reason: str | None) -> Callable[[str], Awaitable[Any]]:
        """What does it to one job."""
        if self.name == "retry":
            return lambda job_id: commands.retry_job(job_id, reason=reason, action_id=action_id)
        if self.name == "cancel":
            return lambda job_id: commands.cancel_job(job_id, reason=reason)
        return lambda job_id: commands.delete_job(job_id, reason=reason)


RETRY = Verb(
    "retry",
    "put back into its queue",
    "Each goes back into its queue under its own id; its attempts are kept.",
    frozenset({"FAILED", "CANCELLED"}),
    "Only failed and cancelled jobs can be retried; any other can be cloned.",
)
CANCEL = Verb(
    "cancel",
    "cancelled",
    "What waits never starts; what runs is stopped, or told to stop where it runs in a thread.",
    frozenset({"PENDING", "RUNNING", "RETRY", "SCHEDULED", "PAUSED"}),
    "Only jobs that have not ended can be cancelled.",
)
DELETE = Verb(
    "delete",
    "deleted",
    "Their results, errors and arguments are gone for good. The event log keeps their history.",
    frozenset({"COMPLETED", "FAILED", "CANCELLED"}),
    "Only jobs that have ended can be deleted.",
)


class AddingJobs(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_add_job(self) -> None:
        from naq_tui.screens.add_job import AddJobScreen, JobDraft

        commands, state = self._commands(), self.app.state
        if commands is None:
            return
        item = self.tables["queues"].selected if self.app.place == "queues" else None
        queue = item.row.stats.queue if item is not None else None

        async def enqueue(draft: JobDraft) -> str:
            new_id = await commands.enqueue_job(draft.call, draft.options, due=draft.due, reason=draft.reason)
            done = "Enqueued as job" if draft.due is None else "To be enqueued as job"
            return f"{done} {safe(short(new_id))}."

        await self.app.push_screen_wait(AddJobScreen(functions_seen(state), queue, enqueue))


class ActingOnJobs(Asking):
    """Mixed into the main screen and into the report on a job."""

    async def job_targets(self) -> tuple[Target, ...]:
        """The jobs that a key is about now. Raises NaqException where they have to be read and can't be."""
        raise NotImplementedError

    @work(group="acting", exit_on_error=False)
    async def action_retry_jobs(self) -> None:
        await self._act_on_jobs(RETRY)

    @work(group="acting", exit_on_error=False)
    async def action_cancel_jobs(self) -> None:
        await self._act_on_jobs(CANCEL)

    @work(group="acting", exit_on_error=False)
    async def action_delete_jobs(self) -> None:
        await self._act_on_jobs(DELETE)

    @work(group="acting", exit_on_error=False)
    async def action_clone_jobs(self) -> None:
        from naq_tui.screens.clone import CloneScreen, Wanted

        commands, targets = self._commands(), await self._targets()
        if commands is None or not targets:
            return
        if len(targets) > 1:
            self.app.say("One job at a time is cloned: unmark the others.", severity="warning")
            return
        job_id = targets[0].job_id
        try:
            payload = await self.app.feed.read_payload(job_id)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
            return
        if payload is None:
            self.app.say("Its arguments are no longer stored, so it can't be cloned.", severity="warning")
            return

        async def enqueue(wanted: Wanted) -> str:
            new_id = await commands.clone_job(job_id, wanted.args, wanted.kwargs, reason=wanted.reason)
            return f"Enqueued as a new job, {safe(short(new_id))}."

        await self.app.push_screen_wait(CloneScreen(targets[0], payload, enqueue))

    async def _targets(self) -> tuple[Target, ...]:
        try:
            return await self.job_targets()
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
            return ()

    async def _act_on_jobs(self, verb: Verb) -> None:
        commands = self._commands()
        if commands is None:
            return
        chosen = await self._targets()
        targets = tuple(target for target in chosen if target.status in verb.statuses)
        if not targets:
            if chosen:
                self.app.say(verb.nothing, severity="warning")
            return
        from naq_tui.screens.bulk import BulkScreen

        await self.app.push_screen_wait(BulkScreen(verb, targets, len(chosen) - len(targets), commands))
        if len(targets) > 1:
            self._unmark()

    def _unmark(self) -> None:
        for table in getattr(self, "tables", {}).values():
            table.unmark()


def question(verb: Verb, targets: tuple[Target, ...]) -> str:
    """`Retry 12 jobs?`, `Cancel job 9f3c (send_invoice)?`"""
    if len(targets) == 1:
        return f"{verb.name.capitalize()} job {targets[0].job} ({targets[0].function})?"
    return f"{verb.name.capitalize()} {plural(len(targets), 'job')}?"
