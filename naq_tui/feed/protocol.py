"""What the console needs of the world. Everything it shows comes through here, everything it does goes through here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from naq.models.event import StoredEvent
from naq.models.job import Job
from naq.models.result import JobResult, ValueRef
from naq_tui.feed.query import Counted, Query, ResultsPiece, Scanned
from naq_tui.store.updates import Update

if TYPE_CHECKING:
    from naq.calls import Call
    from naq_tui.launcher import LaunchSpec, OutputPage, ProcessView, Recipe
    from naq_tui.launcher.supervisor import CloseMode


class Clock(Protocol):
    """The time of this machine."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Pages(Protocol):
    """What is read when somebody looks."""

    async def read_events(self, first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        """Up to `count` events from `first_seq` on, in order, from anywhere in the log.

        Raises:
            NaqException: they can't be read now.
        """
        ...

    async def read_at(self, seqs: Sequence[int]) -> tuple[StoredEvent, ...]:
        """The events with these sequences, those left out that the log no longer has. Raises NaqException."""
        ...

    async def seq_at(self, moment: datetime) -> int:
        """Sequence of the first event stored at or after `moment` (the server's clock), one after the last event
        where there is none. Raises NaqException."""
        ...

    def scan(self, query: Query, start: int, step: int) -> AsyncIterator[Scanned]:
        """Everything wanted from sequence `start` to the end of the log (`step` 1) or to its beginning (-1).

        Each item takes the search further, whether it found something or not; the last one reaches the end that the
        log had when the search began. Close it with `aclose` to stop. Raises NaqException.
        """
        ...

    def counted(self, start: int) -> AsyncIterator[Counted]:
        """The events that figures are made of (see `naq.figures.COUNTED`), from sequence `start` to the end of the log.

        Each item goes on where the one before ended, whether it has events or not; the last one reaches the end that
        the log had at first. Close it with `aclose` to stop. Raises NaqException.
        """
        ...

    def stored_results(self, start: int, step: int) -> AsyncIterator[ResultsPiece]:
        """The stored results from sequence `start` of their bucket to its end (`step` 1) or to its beginning (-1).

        Each item goes on where the one before ended, whether it has results or not; the last one reaches the end that
        the bucket had at first, or its beginning. Close it with `aclose` to stop. Raises NaqException.
        """
        ...

    def stored_jobs(self) -> AsyncIterator[tuple[Job, ...]]:
        """The jobs that are stored in any queue, the oldest first, some with each item; those under way are among them.
        Close it with `aclose` to stop. Raises NaqException."""
        ...

    async def read_result(self, job_id: str) -> JobResult | None:
        """The stored result of a job, None where there is none. Raises NaqException."""
        ...

    async def read_value(self, ref: ValueRef, told: Callable[[int], object]) -> Any:
        """A result that lies in the object store, in packed form; `told` hears how many of its bytes have come.

        The keys stay free meanwhile. Raises NaqException.
        """
        ...

    async def read_payload(self, job_id: str) -> Mapping[str, Any] | None:
        """The job's own record, what it was called with; None where that is not stored. Raises NaqException."""
        ...

    async def job_events(self, job_id: str) -> tuple[StoredEvent, ...]:
        """All stored events of one job that can be found, in order. Raises NaqException."""
        ...


class Feed(Pages, Protocol):
    """A running system, as a stream of what changed and pages of what was."""

    def batches(self) -> AsyncIterator[tuple[Update, ...]]:
        """What changed since the last item, at most ten times a second: one item is one frame.

        Starts with what there is now. Does not end or raise by itself: trouble with the connection comes as
        `LinkChanged`. Read once, by one reader.
        """
        ...

    async def read_standing(self, before_seq: int, most: int) -> tuple[StoredEvent, ...]:
        """The events of workers, schedules, queues and what operators did before `before_seq`, in order.

        Of more than `most` of one of these kinds the newest. Raises NaqException.
        """
        ...

    async def close(self) -> None:
        """Give up the connection; a second call does nothing."""
        ...


class Commands(Protocol):
    """What an operator can do to the system. Each raises NaqException with one line that says why it failed.

    `reason` goes into the log with the actor; None gives none. `action_id` is that of the action on many that it is
    part of, from `begin`; None is an action by itself, with an id of its own. It is in each event that tells of it.
    """

    async def begin(self, verb: str, noun: str, keys: Sequence[str], *, reason: str | None = None) -> str:
        """Write into the log what is about to be done, to which of many; returns the action's id."""
        ...

    async def finish(self, action_id: str, verb: str, noun: str, *, done: int, refused: int) -> None:
        """Write into the log what came of it."""
        ...

    async def tell(self, action: str, details: Mapping[str, Any], *, reason: str | None = None) -> str:
        """Write into the log what is done on this machine alone; returns the action's id.

        Gives up after a few seconds without an answer: what is done does not wait for the log.
        """
        ...

    async def enqueue_job(
        self,
        call: Call,
        options: Mapping[str, Any],
        *,
        due: datetime | timedelta | None = None,
        reason: str | None = None,
    ) -> str:
        """Put a call into a queue, at once or when it is due; returns the job's id. `options` as for `naq.enqueue`."""
        ...

    async def create_schedule(
        self, call: Call, options: Mapping[str, Any], *, run_at: datetime | None = None, reason: str | None = None
    ) -> str:
        """Store a new schedule, of a single run where `run_at` is given; returns its id. `options` as for
        `naq.schedule` and `naq.enqueue_at`."""
        ...

    async def pause_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None: ...

    async def resume_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None: ...

    async def cancel_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None: ...

    async def trigger_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> str:
        """Fire it now, beside its own times; returns the job's id."""
        ...

    async def modify_schedule(self, schedule_id: str, changes: Mapping[str, Any], *, reason: str | None = None) -> None:
        """`changes` as `naq.modify_scheduled_job` takes them, arguments in packed form."""
        ...

    async def pause_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> None: ...

    async def resume_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> None: ...

    async def purge_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> int:
        """Remove all waiting jobs; returns how many."""
        ...

    async def retry_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        """Put a failed or cancelled job back into its queue."""
        ...

    async def cancel_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> str:
        """Returns the status the job has then."""
        ...

    async def delete_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        """Remove the record of a job that ended."""
        ...

    async def clone_job(
        self,
        job_id: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        new_id: str,
        reason: str | None = None,
        action_id: str | None = None,
    ) -> str:
        """Enqueue its call again as the job `new_id`, with these arguments in packed form; returns that id.

        The same once more is the same job.
        """
        ...

    async def stop_worker(
        self, worker_id: str, *, now: bool = False, reason: str | None = None, action_id: str | None = None
    ) -> None:
        """Drain it and let it end; `now` gives its jobs back at once."""
        ...

    async def forget_worker(self, worker_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        """Remove the record of a dead worker."""
        ...


class Processes(Protocol):
    """Local processes; `naq_tui.launcher.Supervisor` is the real one. Used on the event loop's thread."""

    environment: dict[str, str]
    """What every process starts with, on top of the console's own: the connection."""
    recipes: Mapping[str, Recipe]
    """What can be launched by name."""

    @property
    def running(self) -> int: ...

    def snapshot(self) -> tuple[ProcessView, ...]: ...

    def output(self, process_id: str, first: int, count: int) -> OutputPage: ...

    def find_output(
        self, process_id: str, is_wanted: Callable[[str], bool], start: int, step: int = 1
    ) -> int | None: ...

    def launch_many(self, spec: LaunchSpec, number: int) -> tuple[str, ...]: ...

    def more(self, process_id: str) -> str: ...

    def fewer(self, process_id: str) -> str: ...

    def stop(self, process_id: str) -> None: ...

    def kill(self, process_id: str) -> None: ...

    async def restart(self, process_id: str) -> None: ...

    def remove(self, process_id: str) -> None: ...

    async def close(self, mode: CloseMode = "stop", grace: float = 10.0) -> None: ...
