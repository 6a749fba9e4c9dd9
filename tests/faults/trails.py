"""The history of each job by the log alone, and which histories are legal.

Written from DESIGN's events and what `naq.worker.lifecycle`, `naq.queue` and `naq.cancellation` promise of a crash; no
code of naq's own replay is used, so that a mistake there is not repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.faults.findings import Findings
from tests.faults.store import Stored

FINAL = ("COMPLETED", "FAILED", "CANCELLED")
MAX_DEATHS = 3
JOB_EVENTS = ("ENQUEUED", "RELEASED", "STARTED", "PROGRESS", "RETRY_SCHEDULED", "LOST", *FINAL)


class Told(NamedTuple):
    """One event of a job."""

    seq: int
    at: float
    """When it was stored, by the server's clock."""
    type: str
    attempt: int
    """0 where it names none."""
    worker: str
    """"" where it names none."""
    details: dict[str, Any]
    error: str
    """Type of the exception, "" where there is none."""
    schedule: str


class DoubleRun(NamedTuple):
    """A run that began while an earlier one of the same attempt had no end in the log."""

    job_id: str
    earlier: Told
    later: Told


@dataclass(slots=True)
class Outcome:
    """Where a job stands by its history."""

    status: str = "PENDING"
    attempt: int = 0
    worker: str = ""
    end_seq: int = 0
    ended_at: float = 0.0
    error: str = ""
    starts: tuple[int, ...] = ()
    is_given_up: bool = False
    late: tuple[Told, ...] = ()
    """Starts that the log took behind the end, by workers out of reach: what ran says whether they began before it."""
    is_refused: bool = False
    """Its producer was told that it is not stored; there is no record of it."""

    is_doubted: bool = False
    """The same, and it ran all the same."""

    @property
    def told(self) -> str:
        return f"{self.status}{f' of attempt {self.attempt}' if self.attempt else ''} by {self.worker or 'no worker'}"


@dataclass(slots=True)
class Presence:
    """When a worker came and went, by sequence."""

    started: int = 0
    stopped: int = 0
    lost: list[int] = field(default_factory=list)

    def went_after(self, seq: int) -> bool:
        return self.stopped > seq or any(lost > seq for lost in self.lost)


def told_of(stored: Stored, record: dict[str, Any]) -> Told:
    details, error = record.get("details"), record.get("error")
    return Told(
        stored.seq,
        stored.at,
        str(record["type"]),
        int(record.get("attempt") or 0),
        str(record.get("worker_id") or ""),
        details if isinstance(details, dict) else {},
        str(error.get("type", "")) if isinstance(error, dict) else "",
        str(record.get("schedule_id") or ""),
    )


class TrailCheck:
    """Judges one job after another."""

    def __init__(self, findings: Findings, workers: dict[str, Presence]) -> None:
        self._findings, self._workers = findings, workers
        self.doubles: list[DoubleRun] = []

    def judge(self, job_id: str, trail: list[Told]) -> Outcome:
        """Where the job stands, every step that is not legal being reported."""
        walk = _Walk(job_id, trail, self._findings, self._workers)
        outcome = walk.run()
        self.doubles += walk.doubles
        return outcome


class _Walk:
    """One job's history from front to back."""

    def __init__(self, job_id: str, trail: list[Told], findings: Findings, workers: dict[str, Presence]) -> None:
        self._job_id, self._trail, self._findings, self._workers = job_id, trail, findings, workers
        self._open: list[Told] = []
        """Runs whose end is not told, by their STARTED."""
        self._retried = 0
        """Attempts whose retry is told."""
        self._times_enqueued = self._times_released = 0
        self._waits = any("depends_on" in told.details for told in trail if told.type == "ENQUEUED")
        self._may_fail = self._waits or job_id.startswith("malformed-")
        """Without a run: as those it waits for, or as it is no job."""
        self._end: Told | None = None
        self._rules = {
            "ENQUEUED": self._enqueued,
            "RELEASED": self._released,
            "STARTED": self._started,
            "PROGRESS": self._progress,
            "RETRY_SCHEDULED": self._retry,
            "LOST": self._lost,
            "COMPLETED": self._ended,
            "FAILED": self._ended,
            "CANCELLED": self._ended,
        }
        self.doubles: list[DoubleRun] = []
        self.outcome = Outcome()

    def run(self) -> Outcome:
        for told in self._trail:
            if self._end is not None and self.outcome.is_refused and told.type not in ("ENQUEUED", "CANCELLED"):
                self._end = None  # its producer could not know that it was stored after all
                self.outcome.is_refused, self.outcome.status, self.outcome.is_doubted = False, "PENDING", True
            self._rules[told.type](told)
        outcome = self.outcome
        never_queued = self._job_id.startswith("malformed-") or (outcome.status == "CANCELLED" and not outcome.starts)
        is_told = self._times_enqueued > 0 or never_queued or outcome.is_doubted
        if self._times_enqueued > 1 or not is_told:
            self._report("order", f"ENQUEUED is told {self._times_enqueued} times")
        if self._times_released > 1 or (self._waits and outcome.starts and not self._times_released):
            self._report("order", f"it waits for others, and RELEASED is told {self._times_released} times")
        return outcome

    def _report(self, rule: str, text: str) -> None:
        story = ", ".join(f"{t.seq} {t.type} {t.attempt or ''} {t.worker}".strip() for t in self._trail[:30])
        self._findings.report(rule, self._job_id, f"{text}: {story}")

    def _enqueued(self, told: Told) -> None:
        self._times_enqueued += 1
        if self.outcome.starts:  # the log may have taken it later than its job's start: they are different streams
            self._findings.note("ENQUEUED stored behind STARTED")

    def _released(self, told: Told) -> None:
        self._times_released += 1
        if not self._waits:
            self._report("order", "RELEASED, and it waits for nobody")
        if self.outcome.starts:
            self._report("order", "RELEASED after a start")

    def _started(self, told: Told) -> None:
        self.outcome.starts = (*self.outcome.starts, told.seq)
        end = self._end
        if end is not None:
            if self._is_second(told):
                self._report("double run", f"STARTED at {told.seq}, after its end at {end.seq}, and not the first")
            elif end.type == "CANCELLED" and not end.attempt:
                # handed out in the moment somebody cancelled it: that end stands, whatever the run comes to
                self._findings.note("starts in the moment of a cancellation")
            elif self._is_told_late(told):
                self.outcome.late = (*self.outcome.late, told)
            else:
                self._report("double run", f"STARTED at {told.seq}, after its end at {end.seq}")
            return
        if told.worker not in self._workers or not 0 < self._workers[told.worker].started < told.seq:
            self._report("order", f"STARTED at {told.seq} by a worker that has not told that it started")
        due = self._retried + 1
        same = [run for run in self._open if run.attempt == told.attempt]
        copied = [run for run in self._trail if run.type == "STARTED" and run.seq < told.seq]
        if told.attempt == due and not same:
            pass
        elif told.attempt == due:
            self._second(same[-1], told)
        elif told.attempt == self._retried and copied:
            # a copy handed out while the first still ran, that begins behind that one's end: the retry stands
            self._second(copied[-1], told)
        elif told.attempt < due and self._is_told_late(told):
            self._findings.note("STARTED stored behind another worker's later run")
            self._open.append(told)
            return
        else:
            self._report("order", f"attempt {told.attempt} starts at {told.seq} where {due} is due")
        self._open.append(told)
        if told.attempt >= self.outcome.attempt:
            self.outcome.status, self.outcome.attempt, self.outcome.worker = "RUNNING", told.attempt, told.worker

    def _is_told_late(self, told: Told) -> bool:
        """Whether the log says that the server took the job from the hands of a worker, who is heard only now."""
        before = [run for run in self._trail if run.type == "STARTED" and run.seq < told.seq]
        was_taken = any(run.details.get("redelivered") or run.details.get("crashes") for run in before)
        is_first = all((run.worker, run.attempt) != (told.worker, told.attempt) for run in before)
        was_due = told.attempt <= self.outcome.attempt
        return was_taken and is_first and was_due and not told.details.get("redelivered")

    def _says_why(self, started: Told) -> bool:
        """Whether a start tells that its job was in other hands before."""
        before = (run for run in self._trail if run.type == "STARTED" and run.seq < started.seq)
        known = max((int(run.details.get("crashes", 0)) for run in before), default=0)
        return bool(started.details.get("redelivered")) or int(started.details.get("crashes", 0)) > known

    def _is_second(self, told: Told) -> bool:
        """Whether nothing says why it runs beside another that was handed the attempt first, and has not gone."""
        if self._says_why(told):
            return False
        for run in self._trail:
            if run.type == "STARTED" and run.seq < told.seq and run.attempt == told.attempt and not self._says_why(run):
                presence = self._workers.get(run.worker)
                if presence is None or not presence.went_after(run.seq):
                    return True
        return False

    def _second(self, earlier: Told, later: Told) -> None:
        """A further run of one attempt: its own event, or the earlier worker's end, has to say why."""
        self.doubles.append(DoubleRun(self._job_id, earlier, later))
        presence = self._workers.get(earlier.worker)
        if not self._says_why(later) and not (presence is not None and presence.went_after(earlier.seq)):
            self._report("double run", f"STARTED at {later.seq} beside {earlier.seq}, and nothing in the log says why")

    def _progress(self, told: Told) -> None:
        if not self.outcome.starts:
            self._report("order", "PROGRESS before any start")

    def _retry(self, told: Told) -> None:
        mine = [run for run in self._open if (run.worker, run.attempt) == (told.worker, told.attempt)]
        if self._end is not None:
            self._report("order", f"RETRY_SCHEDULED at {told.seq} after its end at {self._end.seq}")
        elif not mine:
            self._report("order", f"RETRY_SCHEDULED at {told.seq} of a run that did not begin, or ended before")
        else:
            self._open.remove(mine[0])
            self._retried = max(self._retried, told.attempt)
            self.outcome.status = "RETRY"

    def _lost(self, told: Told) -> None:
        self.outcome.is_given_up = True
        if int(told.details.get("crashes", 0)) < MAX_DEATHS or len(self.outcome.starts) < MAX_DEATHS:
            self._report("order", f"LOST at {told.seq} after {len(self.outcome.starts)} starts")

    def _ended(self, told: Told) -> None:
        end, outcome = self._end, self.outcome
        is_refusal = told.details.get("refused") is True
        if is_refusal and outcome.starts:
            outcome.is_doubted = True
            return
        if end is not None:
            is_same = (told.type, told.attempt, told.worker) == (end.type, end.attempt, end.worker)
            self._report("order", f"its end is told {'again' if is_same else 'otherwise'} at {told.seq}")
            return
        self._end = told
        is_own = any((run.worker, run.attempt) == (told.worker, told.attempt) for run in self._open)
        may_fail = outcome.is_given_up or (self._may_fail and not outcome.starts)
        if told.type == "COMPLETED" and not is_own:
            self._report("order", f"COMPLETED at {told.seq} by who did not run it")
        elif told.type == "FAILED" and not is_own and not may_fail:
            self._report("order", f"FAILED at {told.seq} by who did not run it")
        outcome.is_refused = is_refusal
        outcome.status, outcome.attempt, outcome.worker = told.type, told.attempt, told.worker
        outcome.end_seq, outcome.ended_at, outcome.error = told.seq, told.at, told.error
