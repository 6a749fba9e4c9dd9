"""What can be done to jobs, one or many: add, retry, cancel, delete, clone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work

from naq.errors import NaqException
from naq.ids import short, uuid7
from naq_tui.acting.asking import Asking
from naq_tui.acting.fitting import ENDED_JOB, OPEN_JOB, RETRIABLE, rule_of
from naq_tui.acting.targets import Target
from naq_tui.acting.verb import Verb
from naq_tui.format import plural
from naq_tui.store.seen import functions_seen
from naq_tui.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naq_tui.acting.matching import Matching
    from naq_tui.acting.verb import Act
    from naq_tui.feed.protocol import Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class JobVerb(Verb):
    """One kind of action on jobs."""

    statuses: frozenset[str]
    """Only jobs in one of these can be acted on so."""

    def act(self, commands: Commands) -> Act:
        """What does it to one job."""
        if self.name == "retry":
            return commands.retry_job
        return commands.cancel_job if self.name == "cancel" else commands.delete_job


RETRY = JobVerb(
    "retry",
    "job",
    "put back into the queue",
    "Each goes back into its queue under its own id; its attempts are kept.",
    answer="retry",
    statuses=RETRIABLE,
)
CANCEL = JobVerb(
    "cancel",
    "job",
    "cancelled",
    "What waits never starts; what runs is stopped, or told to stop where it runs in a thread.",
    answer="cancel",
    at_once=64,  # nearly all of its time each waits for a worker to say that it runs the job
    statuses=OPEN_JOB,
)
DELETE = JobVerb(
    "delete",
    "job",
    "deleted",
    "Their results, errors and arguments are gone for good. The event log keeps their history.",
    answer="delete",
    statuses=ENDED_JOB,
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

        sent: tuple[JobDraft, str] | None = None

        async def enqueue(draft: JobDraft) -> str:
            nonlocal sent
            if sent is None or sent[0] != draft:
                sent = draft, uuid7()  # the same once more is the same job: the first may be stored after all
            options = {**draft.options, "job_id": sent[1]}
            new_id = await commands.enqueue_job(draft.call, options, due=draft.due, reason=draft.reason)
            done = "Enqueued as job" if draft.due is None else "To be enqueued as job"
            return f"{done} {safe(short(new_id))}."

        await self.app.push_screen_wait(AddJobScreen(functions_seen(state), queue, enqueue))


class ActingOnJobs(Asking):
    """Mixed into the main screen and into the report on a job."""

    def job_targets(self) -> tuple[Target, ...]:
        """The jobs that a key is about now, as far as they are held."""
        raise NotImplementedError

    def jobs_matching(self, statuses: frozenset[str]) -> Matching | None:
        """The search for the jobs that a key is about, those in one of `statuses`; None where `job_targets` are all."""
        return None

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

        commands, targets = self._commands(), self.job_targets()
        if commands is None or not self._fitting("job.clone"):
            return
        job_id = targets[0].key
        try:
            payload = await self.app.feed.read_payload(job_id)
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
            return
        if not self.is_active:  # another screen was opened while it was read, as by the same key once more
            return
        if payload is None:
            self.app.say("Its arguments are no longer stored, so it can't be cloned.", severity="warning")
            return

        sent: tuple[str, str, str] | None = None

        async def enqueue(wanted: Wanted) -> str:
            nonlocal sent
            told = json.dumps(wanted)  # 1, 1.0 and true are equal, and yet not the same
            if sent is None or sent[0] != told:  # as for one from scratch
                sent = told, uuid7(), uuid7()
            _, new_id, action_id = sent
            await commands.clone_job(
                job_id, wanted.args, wanted.kwargs, new_id=new_id, reason=wanted.reason, action_id=action_id
            )
            return f"Enqueued as a new job, {safe(short(new_id))}."

        await self.app.push_screen_wait(CloneScreen(targets[0], payload, enqueue))

    async def _act_on_jobs(self, verb: JobVerb) -> None:
        commands = self._commands()
        if commands is None:
            return
        chosen: Sequence[Target]
        matching = self.jobs_matching(verb.statuses)
        if matching is None:
            chosen = self.job_targets()
            targets: Sequence[Target] = tuple(target for target in chosen if target.status in verb.statuses)
            left_out = len(chosen) - len(targets)
        else:
            from naq_tui.screens.collect import CollectScreen

            if not await self.app.push_screen_wait(CollectScreen(matching)):
                return
            targets, left_out = matching.targets, matching.left_out
        if not targets:
            if matching is None:
                self.app.say(self.why_not(f"job.{verb.name}"), severity="warning")
            elif left_out:
                self.app.say(rule_of(f"job.{verb.name}"), severity="warning")
            else:
                self.app.say(matching.nothing, severity="warning")
            return
        from naq_tui.screens.bulk import BulkScreen

        which = plural(len(targets), "job")
        if len(targets) == 1:
            which = f"job {targets[0].name} ({targets[0].function})"
        screen = BulkScreen(
            verb,
            targets,
            verb.act(commands),
            commands,
            question=f"{verb.name.capitalize()} {which}?",
            left_out=left_out,
            not_held=self._not_held() if matching is None and len(targets) + left_out > 1 else 0,
            unjudged=matching.unjudged if matching is not None else 0,
            is_cut=matching is not None and matching.is_cut,
        )
        not_done = await self.app.push_screen_wait(screen)
        if not_done is not None:
            self._keep_marks(not_done)

    def _not_held(self) -> int:
        """How many more than those chosen there may be, where all that is held was chosen."""
        return 0

    def _keep_marks(self, job_ids: frozenset[str]) -> None:
        """Let the marks stay on these jobs alone."""
