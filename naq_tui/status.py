"""The one table of statuses: glyph, ASCII glyph, word and tone of everything that has a state.

A tone is the name of a component class (`tone--failed`) that console.tcss gives a colour. No colour stands for
itself: the word always says the same.
"""

from __future__ import annotations

from typing import NamedTuple

TONES = ("done", "failed", "running", "waiting", "muted", "strong", "accent")
"""done green, failed red, running the accent, waiting amber, muted and strong shades of the text."""


class Look(NamedTuple):
    """How one status looks."""

    glyph: str
    ascii: str
    word: str
    tone: str

    def mark(self, ascii_only: bool) -> str:
        return self.ascii if ascii_only else self.glyph


_EVENTS = {
    "ENQUEUED": Look("+", "+", "enqueued", ""),
    "STARTED": Look("▸", ">", "started", "running"),
    "COMPLETED": Look("✓", "v", "completed", "done"),
    "FAILED": Look("✗", "x", "failed", "failed"),
    "RETRY_SCHEDULED": Look("↻", "~", "retry", "waiting"),
    "CANCELLED": Look("–", "-", "cancelled", "muted"),
    "PROGRESS": Look("…", ".", "progress", "muted"),
    "RELEASED": Look("+", "+", "released", ""),
    "LOST": Look("✗", "x", "lost", "failed"),
    "SCHEDULED": Look("◆", "*", "scheduled", ""),
    "SCHEDULE_TRIGGERED": Look("◆", "*", "fired", "accent"),
    "SCHEDULE_PAUSED": Look("❚", "=", "paused", "waiting"),
    "SCHEDULE_RESUMED": Look("◆", "*", "resumed", ""),
    "SCHEDULE_MODIFIED": Look("◆", "*", "modified", ""),
    "SCHEDULE_CANCELLED": Look("–", "-", "ended", "muted"),
    "SCHEDULE_MISFIRED": Look("!", "!", "misfired", "waiting"),
    "SCHEDULE_SKIPPED": Look("!", "!", "skipped", "waiting"),
    "SCHEDULE_BUFFERED": Look("◆", "*", "held back", "waiting"),
    "SCHEDULE_COMPLETED": Look("–", "-", "sched.done", "muted"),
    "SCHEDULE_FAILED": Look("✗", "x", "sched.fail", "failed"),
    "WORKER_STARTED": Look("●", "o", "worker up", "accent"),
    "WORKER_STOPPED": Look("○", "o", "worker off", "muted"),
    "WORKER_LOST": Look("✗", "x", "worker lost", "failed"),
    "LEADER_ELECTED": Look("★", "*", "leader", "accent"),
    "LEADER_LOST": Look("☆", "*", "leader off", "waiting"),
    "QUEUE_PAUSED": Look("❚", "=", "q. paused", "waiting"),
    "QUEUE_RESUMED": Look("▸", ">", "q. resumed", ""),
    "QUEUE_PURGED": Look("–", "-", "q. purged", "waiting"),
    "OPERATOR_ACTION": Look("»", "&", "operator", "accent"),
}
UNREADABLE_EVENT = Look("!", "!", "unreadable", "waiting")

_JOBS = {
    "PENDING": Look("+", "+", "pending", "waiting"),
    "RUNNING": Look("●", "o", "running", "running"),
    "COMPLETED": Look("✓", "v", "done", "done"),
    "FAILED": Look("✗", "x", "failed", "failed"),
    "RETRY": Look("↻", "~", "retry", "waiting"),
    "SCHEDULED": Look("◆", "*", "scheduled", "waiting"),
    "PAUSED": Look("❚", "=", "paused", "waiting"),
    "CANCELLED": Look("–", "-", "cancelled", "muted"),
}

PAUSED = _JOBS["PAUSED"]

_WORKERS = {
    "DEAD": Look("✗", "x", "dead", "failed"),
    "BLOCKED": Look("◐", "!", "blocked", "waiting"),
    "STOPPING": Look("◑", "-", "stopping", "waiting"),
    "STARTING": Look("◌", ".", "starting", "waiting"),
    "BUSY": Look("●", "o", "busy", "running"),
    "IDLE": Look("○", "o", "idle", "done"),
    # what a scheduler is, in place of its IDLE
    "LEADER": Look("★", "*", "leader", "done"),
    "STANDBY": Look("☆", "*", "standby", "muted"),
}
WORKER_ORDER = tuple(_WORKERS)
"""Worst first."""

_SCHEDULES = {
    "FAILED": Look("✗", "x", "failed", "failed"),
    "ACTIVE": Look("●", "o", "active", "running"),
    "PAUSED": Look("❚", "=", "paused", "waiting"),
    "COMPLETED": Look("✓", "v", "completed", "done"),
    "CANCELLED": Look("–", "-", "cancelled", "muted"),
}
SCHEDULE_ORDER = tuple(_SCHEDULES)

_PROCESSES = {
    "starting": Look("◌", ".", "starting", "waiting"),
    "running": Look("●", "o", "running", "running"),
    "stopping": Look("◑", "-", "stopping", "waiting"),
    "waiting": Look("↻", "~", "waiting", "waiting"),
    "ready": Look("◇", "*", "ready", "muted"),
    "exited": Look("○", "o", "ended", "muted"),
    "killed": Look("–", "-", "killed", "muted"),
    "crashed": Look("✗", "x", "crashed", "failed"),
}

LINKS = {
    "connecting": Look("◌", ".", "CONNECTING", "waiting"),
    "live": Look("●", "*", "LIVE", "done"),
    "lost": Look("✗", "x", "LOST", "failed"),
    "failed": Look("✗", "x", "FAILED", "failed"),
}


PAST = Look("◀", "<", "PAST", "waiting")


def of_event(event_type: str) -> Look:
    """The look of an event type (its own text in lower case where it is not one of ours)."""
    return _EVENTS.get(event_type) or Look("·", ".", event_type.lower().replace("_", " "), "muted")


def of_job(status: str) -> Look:
    return _JOBS.get(status) or _unknown(status)


def of_worker(status: str) -> Look:
    return _WORKERS.get(status) or _unknown(status)


def of_schedule(status: str) -> Look:
    return _SCHEDULES.get(status) or _unknown(status)


def of_process(status: str) -> Look:
    return _PROCESSES.get(status) or _unknown(status)


def _unknown(status: str) -> Look:
    return Look("?", "?", status.lower(), "muted")


FAILURE_EVENTS = frozenset({"FAILED", "LOST", "SCHEDULE_FAILED", "WORKER_LOST"})
"""What `e` and `E` step through."""
