"""Whether schedules fired exactly once per due time, the due times reckoned here: by croniter, and by counting.

What naq promises of due times while no scheduler was up depends on the schedule: `run_all` makes up for each of them;
`run_once` and `skip` tell how many they pass over (SCHEDULE_MISFIRED), and so does an overlap policy that leaves a run
out (SCHEDULE_SKIPPED). So each due time must be fired, or be told as passed over, and none may be both or twice.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter

from tests.faults.findings import Findings

EDGE = timedelta(seconds=3)
"""How long before a schedule was cancelled a due time may be that was left to nobody."""


@dataclass(slots=True)
class Fired:
    """What the log tells of one schedule."""

    first_at: datetime | None = None
    """The first due time, as SCHEDULED told it."""
    cancelled_at: float | None = None
    dues: list[str] = field(default_factory=list)
    """Due times of SCHEDULE_TRIGGERED, as told."""
    jobs: list[str] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)
    """Count of SCHEDULE_MISFIRED by the first due time; who takes over from a leader that was killed before it saved
    tells it again, with what has been missed since."""
    skipped: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def take(self, event: dict[str, Any], at: float) -> None:
        kind, details = event["type"], event.get("details") or {}
        if kind == "SCHEDULED" and "next_run_at" in details:
            self.first_at = moment(details["next_run_at"])
        elif kind == "SCHEDULE_TRIGGERED":
            self.dues.append(str(details.get("due")))
            self.jobs.append(str(event.get("job_id")))
        elif kind == "SCHEDULE_MISFIRED":
            self.missed[str(details.get("due"))] = int(details.get("missed", 0))
        elif kind == "SCHEDULE_SKIPPED":
            self.skipped.append(str(details.get("due")))
        elif kind == "SCHEDULE_CANCELLED":
            self.cancelled_at = at
        if event.get("to_status"):
            self.statuses.append(event["to_status"])


class FiringCheck:
    """Judges schedules, by their own records and what the log tells of them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.due = self.fired = self.passed_over = 0

    def judge(self, name: str, fired: Fired, record: dict[str, Any] | None) -> None:
        """A schedule that fires again and again and was cancelled in the end."""
        if record is None:
            self._report(name, "it has no record")
            return
        if fired.first_at is None or fired.cancelled_at is None:
            self._report(name, f"no first due time, or not cancelled, in the log: {fired.statuses}")
            return
        end = datetime.fromtimestamp(fired.cancelled_at, UTC)
        dues = due_times(record, fired.first_at, end)
        known, counts = set(dues), Counter(moment(text) for text in fired.dues)
        skipped = {moment(text) for text in fired.skipped}
        twice = [due for due, count in counts.items() if count > 1]
        again = len(fired.jobs) - len(set(fired.jobs))
        if twice or again:
            self._report(name, f"fired twice for {_listed(twice)}; {again} jobs twice")
        strange = sorted((counts.keys() | skipped) - known)
        if strange:
            self._report(name, f"fired though not due: {_listed(strange)}")
        if both := sorted(counts.keys() & skipped):
            self._report(name, f"fired and told as left out: {_listed(both)}")
        missed = sum(fired.missed.values())
        open_ = [due for due in dues if due not in counts and due not in skipped]
        if record.get("misfire") == "run_all":
            lost = [due for due in open_ if due < end - EDGE]
            if lost or missed:
                self._report(name, f"{len(lost)} due times lost ({_listed(lost)}), {missed} told as missed")
        else:
            edge = sum(1 for due in open_ if due >= end - EDGE)
            if not len(open_) - edge <= missed <= len(open_):
                self._report(name, f"{len(open_)} due times not fired, {missed} told as missed")
        self._compare(name, fired, record, missed, len(skipped))
        self.due += len(dues)
        self.fired += len(counts)
        self.passed_over += missed + len(skipped)

    def judge_single(self, name: str, fired: Fired, record: dict[str, Any] | None) -> None:
        """A job for a time to come: fired once, and its record is gone."""
        if len(fired.dues) != 1 or record is not None:
            self._report(name, f"fired {len(fired.dues)} times; its record is {'there' if record else 'gone'}")
        self.due += 1
        self.fired += len(fired.dues)

    def _compare(self, name: str, fired: Fired, record: dict[str, Any], missed: int, skipped: int) -> None:
        """The record against the log."""
        told = {"run_count": len(fired.dues), "misfire_count": missed, "skip_count": skipped}
        kept = {field: int(record.get(field) or 0) for field in told}
        if kept != told or record.get("status") != "CANCELLED":
            self._findings.report("record", name, f"the log tells {told} and a cancellation, its record {kept}")

    def _report(self, name: str, text: str) -> None:
        self._findings.report("schedule", name, text)


def due_times(record: dict[str, Any], first: datetime, end: datetime) -> list[datetime]:
    """From `first` to before `end`."""
    if record.get("cron"):
        zone = ZoneInfo(str(record.get("timezone", "UTC")))
        before = first - timedelta(seconds=1)
        walk = croniter(record["cron"], before.astimezone(zone), second_at_beginning=True)
        found = []
        while (due := walk.get_next(datetime).astimezone(UTC)) < end:
            found.append(due)
        return found
    step, anchor = float(record["interval_s"]), moment(record["anchor_at"])
    number = max(1, round((first - anchor).total_seconds() / step))
    last = math.ceil((end - anchor).total_seconds() / step)
    return [anchor + timedelta(seconds=step * k) for k in range(number, last)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _listed(moments: list[datetime]) -> str:
    return ", ".join(f"{moment:%H:%M:%S.%f}" for moment in moments[:5]) + (" …" if len(moments) > 5 else "")
