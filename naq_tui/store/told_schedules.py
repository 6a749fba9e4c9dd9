"""Schedules as the log alone tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from naq import codec
from naq.errors import NaqException
from naq.models.event import JobEvent, StoredEvent
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.times import parse_time
from naq_tui.store.rows import ScheduleRow, schedule_row

_NEVER_TOLD = frozenset({"misfire", "arguments"})
_TOLD_AT_START = frozenset({"spec", "next", "runs", "failed"})
_DEFINED_BY = frozenset({"SCHEDULED", "SCHEDULE_MODIFIED", "SCHEDULE_RESUMED", "SCHEDULE_PAUSED"})
_LONGEST_S = 10 * 366 * 86_400.0


class ToldSchedules:
    """Fed with every event of schedules, in the order of the log."""

    def __init__(self) -> None:
        self._records: dict[str, Schedule] = {}
        self._partial: set[str] = set()
        """Those whose SCHEDULED was not read."""
        self._misfired: dict[str, tuple[object, int]] = {}
        """Which run was due as runs were told as missed last, and how many."""

    def copy(self) -> ToldSchedules:
        """One that can be fed apart."""
        other = ToldSchedules()
        other._records, other._partial, other._misfired = dict(self._records), set(self._partial), dict(self._misfired)
        return other

    def take(self, event: JobEvent, stored: StoredEvent) -> None:
        """Never raises, whatever the event holds."""
        name, details = event.schedule_id, event.details or {}
        if name is None or event.type.startswith("LEADER"):
            return
        known = self._records.get(name)
        is_single = event.job_id == name
        if event.type == "SCHEDULED" and known is not None and name in self._partial:
            self._partial.discard(name)  # its first run was told before it
            known = replace(known, created_at=stored.stored_at)
        elif event.type == "SCHEDULED" or known is None:
            if event.type != "SCHEDULED":
                self._partial.add(name)
            known = Schedule(
                schedule_id=name,
                function=event.function or "",
                queue=event.queue or "",
                job={},
                created_at=stored.stored_at if event.type == "SCHEDULED" else None,
            )
        if event.type == "SCHEDULE_TRIGGERED":
            if details.get("manual") is True:
                self._records.setdefault(name, known)
            elif is_single:
                self._records.pop(name, None)  # its record goes once it has fired
                self._partial.discard(name)
            else:
                self._records[name] = _fired(known, event, details)
            return
        changes = _changes(event, details)
        if event.type in _DEFINED_BY and (details or event.type == "SCHEDULED"):
            changes |= _definition(details, is_single=is_single)
            if "cron" in changes or "interval_s" in changes or "run_at" in changes:
                self._partial.discard(name)
        if event.type == "SCHEDULE_MISFIRED":
            due, missed = details.get("due"), max(0, codec.whole(details, "missed", 0))
            told_due, told = self._misfired.get(name, (None, 0))
            # a leader that could not save what it told leaves it to the next one, which tells it again
            news = missed - told if due is not None and due == told_due else missed
            changes["misfire_count"] = known.misfire_count + max(0, news)
            self._misfired[name] = (due, missed)
        elif event.type == "SCHEDULE_SKIPPED":
            changes["skip_count"] = known.skip_count + 1
        elif event.type == "SCHEDULE_FAILED":
            changes |= {"last_error": event.reason, "failure_count": known.failure_count + 1}
        self._records[name] = replace(known, **changes)

    def rows(self) -> dict[str, ScheduleRow]:
        found: dict[str, ScheduleRow] = {}
        for name, record in self._records.items():
            untold = _NEVER_TOLD
            if name in self._partial:
                untold |= _TOLD_AT_START
            elif record.status == ScheduleStatus.ACTIVE:
                record = replace(record, next_run_at=_next(record))
                if record.next_run_at is None:
                    untold |= {"next"}
            found[name] = schedule_row(record)._replace(untold=untold)
        return found


def _changes(event: JobEvent, details: Mapping[str, Any]) -> dict[str, Any]:
    """What any event may tell of its schedule."""
    changes: dict[str, Any] = {}
    for field, value in (("status", event.to_status), ("function", event.function), ("queue", event.queue)):
        if value:
            changes[field] = value
    if event.to_status in (ScheduleStatus.CANCELLED, ScheduleStatus.COMPLETED):
        changes["next_run_at"] = None
    elif (moment := parse_time(details.get("next_run_at"))) is not None:
        changes["next_run_at"] = moment
    return changes


def _definition(details: Mapping[str, Any], *, is_single: bool) -> dict[str, Any]:
    """When it runs; empty where the details don't say."""
    repeat = codec.whole(details, "repeat", None)
    if is_single:
        return {"run_at": parse_time(details.get("next_run_at")), "repeat": repeat}
    cron, interval_s = codec.text(details, "cron", ""), codec.number(details, "interval_s", None)
    if cron:
        zone = codec.text(details, "timezone", "UTC")
        return {"cron": cron, "interval_s": None, "timezone": zone, "repeat": repeat}
    if interval_s is not None and 0 < interval_s <= _LONGEST_S:
        return {"cron": None, "interval_s": float(interval_s), "repeat": repeat}
    return {}


def _fired(known: Schedule, event: JobEvent, details: Mapping[str, Any]) -> Schedule:
    runs = known.run_count + 1
    is_over = known.repeat is not None and runs >= known.repeat and known.status == ScheduleStatus.ACTIVE
    return replace(
        known,
        run_count=runs,
        last_run_at=parse_time(details.get("due")) or known.last_run_at,
        last_job_id=event.job_id,
        status=ScheduleStatus.COMPLETED if is_over else known.status,
    )


def _next(record: Schedule) -> datetime | None:
    """When it is due: as its last change told it, or from its last run on; None where that can't be told."""
    told, last = record.next_run_at, record.last_run_at
    if last is None or (told is not None and told > last):
        return told
    try:
        if record.interval_s is not None:
            return last + timedelta(seconds=record.interval_s)
        if record.cron is not None:
            from naq.scheduler import spec

            return spec.following(record, last)
    except (NaqException, OverflowError):
        pass
    return None
