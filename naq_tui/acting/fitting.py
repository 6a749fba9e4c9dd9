"""Whether what acts can be done to a record as it stands: one judgement for the footer, the help and the key itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from naq.ids import short
from naq_tui import hints, status
from naq_tui.store.rows import ScheduleRow, WorkerRow
from naq_tui.text import safe
from naq_tui.views.judging import is_dead
from naq_tui.views.processes import ProcessItem
from naq_tui.views.queues import QueueItem
from naq_tui.views.table import Lens

OPEN_JOB = frozenset({"PENDING", "RUNNING", "RETRY", "SCHEDULED", "PAUSED"})
ENDED_JOB = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
RETRIABLE = frozenset({"FAILED", "CANCELLED"})
GOING = frozenset({"ACTIVE", "PAUSED", "FAILED"})
"""States of a schedule that has not ended."""
ROW_ONLY = frozenset({"process.more", "process.fewer", "schedule.edit"})
"""Ids of actions on the row under the cursor, whatever is marked."""
ONE_ONLY = frozenset({"job.clone"})
"""Ids of actions on one record at a time."""
_JOB_STATES = {
    "PENDING": "waits",
    "RUNNING": "runs",
    "RETRY": "waits for its next run",
    "COMPLETED": "is done",
    "FAILED": "has failed",
    "CANCELLED": "was cancelled",
}
_MAKING = frozenset({"job.add", "schedule.add"})


class Rule(NamedTuple):
    """When an action can be done."""

    fits: Callable[[Any, Lens], bool]
    state: Callable[[Any, Lens], str]
    """How a record stands that it can't be done to: safe, a sentence without its end."""
    words: str = ""
    """What it can be done to, as in "only dead workers can be forgotten"; empty where the state says it all."""


def fits(action_id: str, record: Any, lens: Lens) -> bool:
    """Whether the action can be done to the record, as far as is known."""
    rule = _RULES.get(action_id)
    return rule is None or rule.fits(record, lens)


def why_not(action_id: str, records: Sequence[Any], lens: Lens) -> str:
    """Why an action can be done to none of the records, in a sentence; empty where it can, or nobody knows yet.

    Args:
        records: of jobs anything that has a status; else the items of their lists.
    """
    if action_id in _MAKING:
        return ""
    if not records:
        return f"There is no {action_id.partition('.')[0]} here."
    if action_id in ONE_ONLY and len(records) > 1:
        return "One job at a time is cloned: unmark the others."
    rule = _RULES.get(action_id)
    if rule is None or any(rule.fits(record, lens) for record in records):
        return ""
    if len(records) > 1 and rule.words:
        return rule_of(action_id)
    return ": ".join(filter(None, (rule.state(records[0], lens), rule.words))) + "."


def rule_of(action_id: str) -> str:
    """What an action can be done to, in a sentence."""
    words = _RULES[action_id].words
    return f"{words[0].upper()}{words[1:]}."


def _job(record: Any, _lens: Lens) -> str:
    job_id = getattr(record, "key", None) or record.job_id  # a target has a key
    state = _JOB_STATES.get(record.status, f"is {safe(record.status, 40).lower()}")
    return f"Job {safe(short(job_id))} {state}"


def _worker(row: WorkerRow, lens: Lens) -> str:
    noun = "Scheduler" if row.is_scheduler else "Worker"
    return f"{noun} {row.name} is {'dead' if is_dead(row.record, lens) else 'alive'}"


def _not_serving(row: WorkerRow, lens: Lens) -> str:
    if row.is_scheduler and not is_dead(row.record, lens):
        return f"{row.name} is a scheduler, which is stopped on screen 8 of its own machine"
    return _worker(row, lens)


def _queue(item: QueueItem, _lens: Lens) -> str:
    return f"Nothing waits in queue {item.row.name}"


def _schedule(row: ScheduleRow, _lens: Lens) -> str:
    return f"Schedule {row.name} has ended ({status.of_schedule(row.status).word})"


def _process(item: ProcessItem, _lens: Lens) -> str:
    row, view = item.row, item.row.view
    if view.is_recipe:
        return f"Nothing of {row.name} runs"
    if view.is_stopping:
        return f"{row.name} is stopping already"
    if view.is_running:
        return f"{row.name} runs"
    return f"{row.name} has ended and waits for its next start" if view.restart_at else f"{row.name} has ended"


def _not_launched(item: ProcessItem, _lens: Lens) -> str:
    return hints.advice(f"Nothing of {item.row.name} runs", hints.hint("process.more", "starts one"), end="")


def _own(item: ProcessItem, _lens: Lens) -> str:
    return f"{item.row.name} is the console's own: there is one of it"


def _none_runs(item: ProcessItem, _lens: Lens) -> str:
    return f"Nothing of {item.row.recipe or item.row.name} runs"


def _runs_or_will(item: ProcessItem) -> bool:
    return item.row.view.is_running or item.row.view.restart_at is not None


_RULES = {
    "job.retry": Rule(
        lambda record, _: record.status in RETRIABLE,
        _job,
        "only failed and cancelled jobs can be retried; any other can be cloned",
    ),
    "job.cancel": Rule(
        lambda record, _: record.status in OPEN_JOB, _job, "only jobs that have not ended can be cancelled"
    ),
    "job.delete": Rule(lambda record, _: record.status in ENDED_JOB, _job, "only jobs that have ended can be deleted"),
    "schedule.toggle": Rule(lambda row, _: row.status in GOING, _schedule, "there is nothing to pause or resume"),
    "schedule.edit": Rule(lambda row, _: row.status in GOING, _schedule, "there is nothing to edit"),
    "schedule.cancel": Rule(lambda row, _: row.status in GOING, _schedule, "there is nothing to cancel"),
    "schedule.trigger": Rule(lambda row, _: row.status in GOING, _schedule, "there is nothing to fire"),
    "queue.purge": Rule(lambda item, _: item.row.stats.waiting > 0, _queue, "only jobs that wait can be deleted"),
    "worker.stop": Rule(
        lambda row, lens: not row.is_scheduler and not is_dead(row.record, lens),
        _not_serving,
        "only living workers can be asked to stop",
    ),
    "worker.forget": Rule(lambda row, lens: is_dead(row.record, lens), _worker, "only what is dead can be forgotten"),
    "process.restart": Rule(lambda item, _: not item.row.view.is_recipe, _not_launched),
    "process.stop": Rule(
        lambda item, _: _runs_or_will(item) and not (item.row.view.is_stopping and item.row.kind != "worker"),
        _process,
        "only what runs, or is about to, can be stopped",
    ),
    "process.kill": Rule(lambda item, _: item.row.view.is_running, _process, "only what runs can be killed"),
    "process.forget": Rule(
        lambda item, _: not (item.row.view.is_running or item.row.view.is_recipe),
        _process,
        "only processes that have ended can be taken off the list",
    ),
    "process.more": Rule(lambda item, _: item.row.kind != "server", _own),
    "process.fewer": Rule(lambda item, _: item.row.view.recipe_wanted > 0 and not item.row.view.is_recipe, _none_runs),
}
"""By the action's id; what has none can be done to any record of its kind."""
