"""Keys that change the system: upper case, and they ask first."""

from __future__ import annotations

from naq_tui.keys.action import Action


def _acting(action_id: str, key: str, label: str, help_text: str, pane: str, footer_rank: int) -> Action:
    noun, _, verb = action_id.partition(".")
    return Action(
        id=action_id,
        keys=(key,),
        label=label,
        help=help_text,
        group="Acting",
        call=f"{verb}_{noun}",
        owner="main",
        where=frozenset({pane}),
        acts=True,
        footer=footer_rank,
    )


ACTING: tuple[Action, ...] = (
    _acting("schedule.toggle", "P", "pause/resume", "Pause the schedule, or resume it", "schedules", 79),
    _acting("schedule.cancel", "X", "cancel", "Cancel the schedule for good", "schedules", 78),
    _acting("queue.purge", "D", "delete jobs", "Delete all waiting jobs of the queue", "queues", 78),
    _acting("process.stop", "K", "stop", "Let the process finish its jobs, then end it", "processes", 79),
    _acting("process.kill", "X", "kill", "Kill the process and all it started", "processes", 78),
)
