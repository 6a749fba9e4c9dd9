"""What can be done to schedules: make, pause, resume, fire now, edit, cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work

from naq.ids import short
from naq_tui.acting.asking import Asking
from naq_tui.acting.fitting import GOING
from naq_tui.acting.targets import Target
from naq_tui.acting.verb import Verb
from naq_tui.store.seen import functions_seen
from naq_tui.text import safe

if TYPE_CHECKING:
    from naq_tui.store.rows import ScheduleRow

PAUSE = Verb(
    "pause", "schedule", "paused", "It fires nothing until it is resumed.", "They fire nothing until they are resumed."
)
RESUME = Verb(
    "resume",
    "schedule",
    "resumed",
    "It fires again from its next time on.",
    "Each fires again from its next time on.",
)
CANCEL = Verb(
    "cancel",
    "schedule",
    "cancelled",
    "It never fires again. Jobs it has started go on.",
    "They never fire again. Jobs they have started go on.",
)
FIRE = Verb(
    "fire",
    "schedule",
    "fired",
    "The function of each is enqueued once, now. Their own times stay as they are.",
    outcome=lambda jobs: f": job {safe(short(jobs[0]))}" if len(jobs) == 1 else "",
)


class ActingOnSchedules(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_add_schedule(self) -> None:
        from naq_tui.screens.add_schedule import AddScheduleScreen, ScheduleDraft

        commands = self._commands()
        if commands is None:
            return

        def is_taken(schedule_id: str) -> bool:
            row = self.app.state.schedules.get(schedule_id)
            return row is not None and row.status in GOING

        async def make(draft: ScheduleDraft) -> str:
            made = await commands.create_schedule(draft.call, draft.options, run_at=draft.run_at, reason=draft.reason)
            return f"Schedule {safe(short(made, 100), 100)} made."

        await self.app.push_screen_wait(AddScheduleScreen(functions_seen(self.app.state), is_taken, make))

    @work(group="acting", exit_on_error=False)
    async def action_toggle_schedule(self) -> None:
        commands, rows = self._commands(), self._fitting("schedule.toggle")
        if not rows or commands is None:
            return
        # all are brought into the state that the first of them is not in
        pausing = rows[0].status == "ACTIVE"
        targets = [_target(row) for row in rows if (row.status == "ACTIVE") == pausing]
        if pausing:
            await self._do_each(PAUSE, targets, commands.pause_schedule)
        else:
            await self._do_each(RESUME, targets, commands.resume_schedule)

    @work(group="acting", exit_on_error=False)
    async def action_trigger_schedule(self) -> None:
        commands, rows = self._commands(), self._fitting("schedule.trigger")
        if not rows or commands is None:
            return
        targets, verb = [_target(row) for row in rows], FIRE
        if len(rows) == 1:
            effect = f"{rows[0].function} is enqueued once, now. Its own times stay as they are."
            verb = replace(FIRE, effect=effect)
        await self._do_each(verb, targets, commands.trigger_schedule, question="Fire {} now?")

    @work(group="acting", exit_on_error=False)
    async def action_edit_schedule(self) -> None:
        from naq_tui.screens.edit_schedule import Changes, EditScheduleScreen

        commands, rows = self._commands(), self._fitting("schedule.edit")
        if not rows or commands is None:
            return
        row: ScheduleRow = rows[0]

        self.tables["schedules"].hold()

        async def change(wanted: tuple[Changes, str | None]) -> str:
            changes, reason = wanted
            if not changes:
                return f"Schedule {row.name} stays as it is."
            await commands.modify_schedule(row.schedule_id, changes, reason=reason)
            return f"Schedule {row.name} changed: {', '.join(sorted(changes))}."

        await self.app.push_screen_wait(EditScheduleScreen(row.record, change))

    @work(group="acting", exit_on_error=False)
    async def action_cancel_schedule(self) -> None:
        commands, rows = self._commands(), self._fitting("schedule.cancel")
        if rows and commands is not None:
            await self._do_each(CANCEL, [_target(row) for row in rows], commands.cancel_schedule)


def _target(row: ScheduleRow) -> Target:
    return Target(row.schedule_id, row.name, row.status, row.function, row.queue, text=row.spec)
