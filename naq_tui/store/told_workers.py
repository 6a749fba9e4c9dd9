"""Workers and schedulers as the log alone tells of them: who came, what each runs, who went and who was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from naq import codec
from naq.models.event import JobEvent, StoredEvent
from naq.models.times import parse_time
from naq.models.worker import RunningJob, WorkerRecord, WorkerStatus
from naq_tui.store.rows import WorkerRow, worker_row

LOST_KEPT = timedelta(days=1)
"""How long the record of a lost worker stays, where nobody removes it."""
_NEVER_TOLD = frozenset({"beat", "cpu", "memory"})
_TOLD_AT_START = frozenset({"done", "failed", "up", "pid", "version"})
_COUNTED = {"COMPLETED": "completed", "FAILED": "failed", "RETRY_SCHEDULED": "retried"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    kind: str = "worker"
    name: str | None = None
    host: str = ""
    pid: int = 0
    queues: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    concurrency: int = 0
    """0 where nothing told it."""
    version: str = ""
    started_at: datetime | None = None
    """None where its WORKER_STARTED was not read."""
    is_leader: bool = False
    is_stopped: bool = False
    lost_at: datetime | None = None
    beat_at: datetime | None = None
    """The last heartbeat of one that is lost."""
    held: tuple[RunningJob, ...] = ()
    """What one that is lost was running."""


class ToldWorkers:
    """Fed with every event, in the order of the log."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._counts: dict[tuple[str, str], int] = {}
        """Ends of runs by worker and kind, since it was first heard of."""

    def copy(self) -> ToldWorkers:
        """One that can be fed apart."""
        other = ToldWorkers()
        other._told, other._counts = dict(self._told), dict(self._counts)
        return other

    def take_run(self, event: JobEvent, worker_id: str) -> None:
        """A job's event that names a worker."""
        told = self._told.get(worker_id)
        if event.type in ("STARTED", "COMPLETED"):
            if told is None:
                told = self._told[worker_id] = _Told()
            if told.started_at is None and event.queue and event.queue not in told.queues:
                self._told[worker_id] = replace(told, queues=(*told.queues, event.queue))
        name = _COUNTED.get(event.type)
        if name is not None:
            self._counts[worker_id, name] = self._counts.get((worker_id, name), 0) + 1

    def take(self, event: JobEvent, stored: StoredEvent, running: Sequence[RunningJob]) -> None:
        """An event of a worker, of leadership, or an operator's; `running` is what its worker runs by then."""
        worker_id = event.worker_id
        if worker_id is None:
            return
        told, details = self._told.get(worker_id, _Told()), event.details or {}
        match event.type:
            case "WORKER_STARTED":
                self._told[worker_id] = replace(
                    _of_details(_Told(), event), started_at=stored.stored_at, version=event.code_version or ""
                )
                for name in _COUNTED.values():
                    self._counts.pop((worker_id, name), None)
            case "WORKER_STOPPED":
                self._told[worker_id] = replace(told, is_stopped=True)
            case "WORKER_LOST":
                self._told[worker_id] = replace(
                    _of_details(told, event),
                    version=codec.text(details, "version", told.version),
                    lost_at=stored.stored_at,
                    beat_at=parse_time(details.get("beat_at")) or stored.stored_at,
                    held=_held(details, running),
                    is_leader=False,
                )
            case "LEADER_ELECTED":
                for other, known in self._told.items():
                    if known.is_leader:
                        self._told[other] = replace(known, is_leader=False)
                self._told[worker_id] = replace(told, kind="scheduler", is_leader=True)
            case "LEADER_LOST":
                self._told[worker_id] = replace(told, kind="scheduler", is_leader=False)
            case "OPERATOR_ACTION":
                if details.get("action") == "forget_worker":
                    self._told.pop(worker_id, None)

    def rows(self, running: Mapping[str, Sequence[RunningJob]], at: datetime) -> dict[str, WorkerRow]:
        """Those that were up at `at`, and those lost not long before; `running` by worker."""
        found: dict[str, WorkerRow] = {}
        for worker_id, told in self._told.items():
            if told.is_stopped or (told.lost_at is not None and at - told.lost_at > LOST_KEPT):
                continue
            jobs = told.held if told.lost_at is not None else tuple(running.get(worker_id, ()))
            found[worker_id] = worker_row(
                WorkerRecord(
                    worker_id=worker_id,
                    status=_status(told, jobs),
                    kind=told.kind,
                    name=told.name,
                    host=told.host,
                    pid=told.pid,
                    queues=told.queues,
                    modules=told.modules,
                    concurrency=told.concurrency,
                    started_at=told.started_at,
                    running=jobs,
                    completed=self._counts.get((worker_id, "completed"), 0),
                    failed=self._counts.get((worker_id, "failed"), 0),
                    retried=self._counts.get((worker_id, "retried"), 0),
                    leader=told.is_leader,
                    version=told.version,
                    beat_at=told.beat_at,
                )
            )._replace(untold=_untold(told))
        return found


def _of_details(told: _Told, event: JobEvent) -> _Told:
    """With what the event's details say; hostile values are passed over."""
    details = event.details or {}
    name = details.get("name")
    return replace(
        told,
        kind=codec.text(details, "kind", told.kind),
        name=name if isinstance(name, str) else told.name,
        host=codec.text(details, "host", told.host),
        pid=codec.whole(details, "pid", told.pid),
        queues=codec.texts(details, "queues") or told.queues,
        modules=codec.texts(details, "modules") or told.modules,
        concurrency=codec.whole(details, "concurrency", told.concurrency),
    )


def _held(details: Mapping[str, object], running: Sequence[RunningJob]) -> tuple[RunningJob, ...]:
    """What it ran: of the jobs that its loss names, those known by their events with all of that."""
    named = details.get("running")
    if not isinstance(named, list):
        return tuple(running)
    known = {job.job_id: job for job in running}
    return tuple(
        known.get(job_id) or RunningJob(job_id=job_id, function="", queue="", started_at=None)
        for job_id in named
        if isinstance(job_id, str)
    )


def _status(told: _Told, jobs: Sequence[RunningJob]) -> str:
    if told.lost_at is not None:
        return WorkerStatus.DEAD
    return WorkerStatus.BUSY if jobs else WorkerStatus.IDLE


def _untold(told: _Told) -> frozenset[str]:
    untold = _NEVER_TOLD if told.started_at is not None else _NEVER_TOLD | _TOLD_AT_START
    if not told.concurrency:
        untold |= {"concurrency"}
    return untold if told.lost_at is None else untold - {"beat"}
