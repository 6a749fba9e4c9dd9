"""Fold the log into the state of everything it tells of, and name the events that can't be.

Pure: no clock, no server. Events are fed in the order of the stream. Rules for jobs are in `naq.doctor.job_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

from naq import codec
from naq.doctor.job_rules import JobRules
from naq.doctor.states import DoubleRun, Finding, JobState, QueueState, ScheduleState, WorkerState
from naq.models.event import Entity, JobEvent, JobEventType, StoredEvent
from naq.models.schedule import ScheduleStatus
from naq.models.times import parse_time

MAX_FINDINGS = 10_000
"""Findings kept; more are counted only."""
_OVER = (ScheduleStatus.COMPLETED, ScheduleStatus.CANCELLED)
_SCHEDULE_MAY_FOLLOW: dict[str, tuple[str, ...]] = {
    JobEventType.SCHEDULE_PAUSED: (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED),
    JobEventType.SCHEDULE_RESUMED: (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
    JobEventType.SCHEDULE_MODIFIED: (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
    JobEventType.SCHEDULE_CANCELLED: (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.FAILED),
    # the scheduler's own, which may have begun before it heard of a change
    JobEventType.SCHEDULE_MISFIRED: tuple(ScheduleStatus),
    JobEventType.SCHEDULE_SKIPPED: tuple(ScheduleStatus),
    JobEventType.SCHEDULE_BUFFERED: tuple(ScheduleStatus),
    JobEventType.SCHEDULE_COMPLETED: (ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, ScheduleStatus.COMPLETED),
    JobEventType.SCHEDULE_FAILED: (ScheduleStatus.ACTIVE,),
}


class Fold:
    """The state of one log, as far as it was fed."""

    def __init__(self, first_seq: int = 1, *, results_kept_s: float | None = None) -> None:
        """Args:
        first_seq: first sequence the log still holds; above 1 the beginning of some histories is missing.
        results_kept_s: seconds a result is kept, after which an id given by a caller may be used again; None: for ever.
        """
        self.is_partial = first_seq > 1
        self.results_kept_s = results_kept_s
        self.jobs: dict[str, JobState] = {}
        self.schedules: dict[str, ScheduleState] = {}
        self.workers: dict[str, WorkerState] = {}
        self.queues: dict[str, QueueState] = {}
        self.events = 0
        self.unreadable = 0
        """Records that are no events; kept in the log, and of no consequence."""
        self.unknown = 0
        """Events of types this version does not know."""
        self.last_seq = first_seq - 1
        self.found = 0
        """Findings, those that are not kept included."""
        self._findings: list[Finding] = []
        self._double_runs: list[DoubleRun] = []
        self._jobs = JobRules(self)

    def feed(self, stored: StoredEvent) -> None:
        """Take the next event of the stream; never raises, whatever it holds."""
        if stored.seq <= self.last_seq:
            return
        if stored.seq != self.last_seq + 1:
            self.report(stored.seq, "log", "", f"sequence {self.last_seq + 1}", f"{stored.seq}: events are missing")
            self.is_partial = True
        self.last_seq = stored.seq
        self.events += 1
        event = stored.event
        if event is None:
            self.unreadable += 1
            return
        kind = event.type
        if self._jobs.take(kind, event, stored):
            return
        if kind in _SCHEDULE_MAY_FOLLOW or kind in (JobEventType.SCHEDULED, JobEventType.SCHEDULE_TRIGGERED):
            self._take_schedule(kind, event, stored)
        elif event.entity == Entity.WORKER:
            self._take_worker(kind, event, stored)
        elif kind in (JobEventType.QUEUE_PAUSED, JobEventType.QUEUE_RESUMED):
            self._take_queue(kind, event, stored)
        elif kind == JobEventType.OPERATOR_ACTION:
            self._take_action(event)
        elif kind not in JobEventType.__members__:
            self.unknown += 1

    def forget_before(self, first_seq: int) -> None:
        """The log holds nothing before `first_seq` any more: what comes next need not follow what was fed last."""
        self.last_seq, self.is_partial = max(self.last_seq, first_seq - 1), True

    def report(self, seq: int, entity: str, name: str, expected: str, found: str) -> None:
        self.found += 1
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(seq, entity, name, expected, found))

    def doubt(self, double: DoubleRun) -> None:
        """Note a double run that what comes later in the log may still explain."""
        self._double_runs.append(double)

    def findings(self) -> list[Finding]:
        """What is wrong with the log as far as it was fed, by sequence; the first `MAX_FINDINGS` of each kind."""
        late = [self._unexplained(double) for double in self._double_runs]
        untold = [*self._jobs.incomplete(), *self._unscheduled()]
        return sorted([*self._findings, *(finding for finding in late if finding is not None), *untold])

    def _unscheduled(self) -> Iterator[Finding]:
        for name, schedule in self.schedules.items():
            if schedule.is_untold and not schedule.is_partial:
                yield Finding(schedule.seq, "schedule", name, "SCHEDULED", "none in the whole log")

    def is_excused(self, worker: str, since_seq: int) -> bool:
        """Whether a worker has died, stopped or been forgotten since it told something at `since_seq`."""
        state = self.workers.get(worker)
        if state is None:
            return self.is_partial
        return state.is_forgotten or (state.status != "started" and state.seq > since_seq)

    def _unexplained(self, double: DoubleRun) -> Finding | None:
        if self.is_excused(double.earlier_worker, double.earlier_seq):
            return None
        return Finding(
            double.seq,
            "job",
            double.job_id,
            f"no second run while {double.earlier_worker} runs it (since {double.earlier_seq})",
            "STARTED, and nothing says that the earlier run was lost or handed back",
        )

    def _take_schedule(self, kind: str, event: JobEvent, stored: StoredEvent) -> None:
        name = event.schedule_id
        if name is None:
            return
        schedule = self.schedules.get(name)
        details = event.details or {}
        if kind == JobEventType.SCHEDULED:
            if schedule is not None and schedule.is_untold:
                schedule.repeat, schedule.is_untold = _repeat(event), False
                schedule.is_single |= event.job_id == name
                if schedule.status == ScheduleStatus.ACTIVE and _has_run_out(schedule):
                    schedule.status = ScheduleStatus.COMPLETED
                return
            if schedule is not None and schedule.status not in _OVER:
                self.report(stored.seq, "schedule", name, "no second SCHEDULED", f"SCHEDULED while {schedule.status}")
            self.schedules[name] = ScheduleState(
                event.to_status or ScheduleStatus.ACTIVE,
                stored.seq,
                repeat=_repeat(event),
                is_single=event.job_id == name,
            )
            return
        if schedule is None:
            schedule = ScheduleState(ScheduleStatus.ACTIVE, stored.seq, is_partial=self.is_partial, is_untold=True)
            schedule.is_single = event.job_id == name
            self.schedules[name] = schedule
        if kind == JobEventType.SCHEDULE_TRIGGERED:
            self._triggered(name, schedule, event, stored)
        elif schedule.status not in _SCHEDULE_MAY_FOLLOW[kind] and not schedule.is_partial:
            expected = " or ".join(_SCHEDULE_MAY_FOLLOW[kind])
            self.report(stored.seq, "schedule", name, f"{expected} before {kind}", schedule.status)
        if kind in (JobEventType.SCHEDULE_MODIFIED, JobEventType.SCHEDULE_RESUMED):
            schedule.repeat = _repeat(event)
        if event.to_status is not None and kind != JobEventType.SCHEDULE_TRIGGERED:
            if event.to_status != ScheduleStatus.ACTIVE and schedule.status == ScheduleStatus.ACTIVE:
                schedule.changed_at = stored.stored_at
            schedule.status = intern(event.to_status)
        if details.get("manual") is not True:
            schedule.seq = stored.seq

    def _triggered(self, name: str, schedule: ScheduleState, event: JobEvent, stored: StoredEvent) -> None:
        details = event.details or {}
        if details.get("manual") is True:
            return
        if schedule.status != ScheduleStatus.ACTIVE and not schedule.is_partial:
            due = parse_time(details.get("due"))
            # it was due before it was changed, and its job stored before the scheduler could hear of that
            is_late = due is not None and schedule.changed_at is not None and due <= schedule.changed_at
            if not is_late:
                self.report(stored.seq, "schedule", name, "ACTIVE before it fires", schedule.status)
        schedule.run_count += 1
        if _has_run_out(schedule) and schedule.status == ScheduleStatus.ACTIVE:
            schedule.status = ScheduleStatus.COMPLETED

    def _take_worker(self, kind: str, event: JobEvent, stored: StoredEvent) -> None:
        name = event.worker_id
        if name is None:
            return
        worker = self.workers.get(name)
        if kind == JobEventType.WORKER_STARTED:
            if worker is not None:
                self.report(stored.seq, "worker", name, "one WORKER_STARTED", f"another, after it {worker.status}")
            self.workers[intern(name)] = WorkerState("started", stored.seq)
            return
        # one that dies between its first heartbeat and WORKER_STARTED is told only as lost
        died_early = kind == JobEventType.WORKER_LOST and event.from_status == "STARTING"
        if worker is None:
            if not self.is_partial and not died_early:
                self.report(stored.seq, "worker", name, "WORKER_STARTED first", kind)
            worker = self.workers[intern(name)] = WorkerState("started", stored.seq)
        elif worker.status == "stopped" and kind != JobEventType.WORKER_LOST:
            self.report(stored.seq, "worker", name, "nothing after WORKER_STOPPED", kind)
        if kind == JobEventType.WORKER_STOPPED:
            worker.status = "stopped"
        elif kind == JobEventType.WORKER_LOST:
            lost_at = codec.text(event.details or {}, "lost_at", "")
            if lost_at and lost_at == worker.lost_at:
                self.report(stored.seq, "worker", name, "one WORKER_LOST for one death", f"another for {lost_at}")
            worker.lost_seq, worker.lost_at = stored.seq, lost_at
            # one that is killed after it has said that it stops leaves its record behind
            worker.status = "lost" if worker.status == "started" else worker.status
        worker.seq = stored.seq

    def _take_queue(self, kind: str, event: JobEvent, stored: StoredEvent) -> None:
        if event.queue is None:
            return
        pauses = kind == JobEventType.QUEUE_PAUSED
        queue = self.queues.get(event.queue)
        was_paused = queue.is_paused if queue is not None else not pauses and self.is_partial
        if was_paused == pauses:
            state = "paused already" if pauses else "not paused"
            self.report(stored.seq, "queue", event.queue, "a change", f"{kind} of a queue that is {state}")
        self.queues[event.queue] = QueueState(pauses, stored.seq)

    def _take_action(self, event: JobEvent) -> None:
        action = (event.details or {}).get("action")
        if action == "delete" and event.job_id in self.jobs:
            self.jobs[event.job_id].is_deleted = True
        elif action == "forget_worker" and event.worker_id in self.workers:
            self.workers[event.worker_id].is_forgotten = True


def _has_run_out(schedule: ScheduleState) -> bool:
    is_repeated = schedule.repeat is not None and schedule.run_count >= schedule.repeat
    return is_repeated or (schedule.is_single and schedule.run_count > 0)


def _repeat(event: JobEvent) -> int | None:
    repeat = codec.number(event.details or {}, "repeat", None)
    return None if repeat is None else int(repeat)
