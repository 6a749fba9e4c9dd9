"""Keys that change the system: upper case, and they ask first."""

from __future__ import annotations

from dataclasses import replace

from naq_tui.keys.action import Action
from naq_tui.keys.places import JOB_LISTS

CLONABLE = frozenset({"jobs", "results", "job"})


def _acting(action_id: str, key: str, label: str, help_text: str, panes: str, footer_rank: int) -> Action:
    noun, _, verb = action_id.partition(".")
    return Action(
        id=action_id,
        keys=(key,),
        label=label,
        help=help_text,
        group="Acting",
        call=f"{verb}_{noun}",
        owner="main",
        where=frozenset(panes.split()),
        acts=True,
        footer=footer_rank,
    )


def _on_jobs(verb: str, key: str, label: str, help_text: str, where: frozenset[str], footer_rank: int) -> Action:
    return Action(
        id=f"job.{verb}",
        keys=(key,),
        label=label,
        help=help_text,
        group="Acting",
        call=f"{verb}_jobs",
        owner="jobs",
        where=where,
        acts=True,
        footer=footer_rank,
    )


ENDED = JOB_LISTS | {"job", "error"}

_ADD_JOB = replace(
    _acting(
        "job.add",
        "A",
        "add job",
        "Enqueue a job: function, arguments, queue, when",
        "jobs queues events overview",
        77,
    ),
    footer_where=frozenset({"jobs", "queues"}),
)

ACTING: tuple[Action, ...] = (
    _on_jobs("retry", "R", "retry", "Put failed or cancelled jobs back into their queues", ENDED, 84),
    _on_jobs("cancel", "X", "cancel", "Cancel jobs, waiting or running", frozenset({"jobs", "job"}), 82),
    _on_jobs("delete", "D", "delete", "Delete the records of jobs that have ended", ENDED, 80),
    _on_jobs("clone", "C", "clone", "Enqueue its call again, with edited arguments", CLONABLE, 76),
    _ADD_JOB,
    _acting("schedule.add", "A", "add", "Make a new schedule, its times in sight", "schedules", 76),
    _acting("schedule.toggle", "P", "pause/resume", "Pause the schedule, or resume it", "schedules", 79),
    _acting("schedule.trigger", "T", "fire", "Fire the schedule once, now, beside its own times", "schedules", 80),
    _acting("schedule.edit", "E", "edit", "Edit when the schedule fires, and with what", "schedules", 77),
    _acting("schedule.cancel", "X", "cancel", "Cancel the schedule for good", "schedules", 78),
    _acting("queue.toggle", "P", "pause/resume", "Pause the queue for all workers, or resume it", "queues", 79),
    _acting("queue.purge", "D", "delete jobs", "Delete all waiting jobs of the queue", "queues", 78),
    _acting("worker.stop", "K", "stop", "Let the worker finish its jobs, then end it", "workers", 79),
    _acting("worker.forget", "D", "forget", "Remove the record of a dead worker", "workers", 78),
    _acting("process.restart", "R", "restart", "End the process in good order and start it again", "processes", 77),
    _acting("process.stop", "K", "stop", "Let the process finish its jobs, then end it", "processes", 79),
    _acting("process.kill", "X", "kill", "Kill the process and all it started", "processes", 78),
    _acting("process.forget", "D", "forget", "Take an ended process off the list, with its output", "processes", 53),
)
