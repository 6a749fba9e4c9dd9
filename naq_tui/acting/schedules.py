"""What can be done to schedules: make, pause, resume, fire now, edit, cancel."""

from __future__ import annotations

from textual import work

from naq.ids import short
from naq_tui.acting.asking import Asking
from naq_tui.store.seen import functions_seen
from naq_tui.text import safe

GOING = ("ACTIVE", "PAUSED", "FAILED")
"""States of a schedule that has not ended."""


class ActingOnSchedules(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_add_schedule(self) -> None:
        from naq_tui.screens.add_schedule import AddScheduleScreen, ScheduleDraft

        commands, state = self._commands(), self.app.state
        if commands is None:
            return
        taken = {row.schedule_id for row in state.schedules.values() if row.status in GOING}

        async def make(draft: ScheduleDraft) -> str:
            made = await commands.create_schedule(draft.call, draft.options, run_at=draft.run_at, reason=draft.reason)
            return f"Schedule {safe(short(made, 100), 100)} made."

        await self.app.push_screen_wait(AddScheduleScreen(functions_seen(state), taken, make))

    @work(group="acting", exit_on_error=False)
    async def action_toggle_schedule(self) -> None:
        rows, commands = self.tables["schedules"].targets, self._commands()
        rows = [row for row in rows if row.status in GOING]
        if commands is None:
            return
        if not rows:
            self.app.say("It has ended: there is nothing to pause or resume.")
            return
        # all are brought into the state that the first of them is not in
        pausing = rows[0].status == "ACTIVE"
        chosen = [(row.name, row.schedule_id) for row in rows if (row.status == "ACTIVE") == pausing]
        if pausing:
            effect, verb, act = "It fires nothing until it is resumed.", "pause", commands.pause_schedule
        else:
            effect, verb, act = "It fires again from its next time on.", "resume", commands.resume_schedule
        await self._do_each(verb, "schedule", chosen, effect, verb, f"{verb}d", act)

    @work(group="acting", exit_on_error=False)
    async def action_trigger_schedule(self) -> None:
        row, commands = self.tables["schedules"].selected, self._commands()
        if row is None or commands is None:
            return
        effect = f"{row.function} is enqueued once, now. Its own times stay as they are."
        consent = await self._consent(f"Fire schedule {row.name} now?", effect, "fire it")
        if consent is not None:
            firing = commands.trigger_schedule(row.schedule_id, reason=consent.reason)
            await self._do(firing, lambda job_id: f"Schedule {row.name} fired: job {safe(short(str(job_id)))}.")

    @work(group="acting", exit_on_error=False)
    async def action_edit_schedule(self) -> None:
        from naq_tui.screens.edit_schedule import Changes, EditScheduleScreen

        row, commands = self.tables["schedules"].selected, self._commands()
        if row is None or commands is None:
            return
        if row.status not in GOING:
            self.app.say("It has ended: there is nothing to edit.")
            return

        async def change(wanted: tuple[Changes, str | None]) -> str:
            changes, reason = wanted
            if not changes:
                return f"Schedule {row.name} stays as it is."
            await commands.modify_schedule(row.schedule_id, changes, reason=reason)
            return f"Schedule {row.name} changed: {', '.join(sorted(changes))}."

        await self.app.push_screen_wait(EditScheduleScreen(row.record, change))

    @work(group="acting", exit_on_error=False)
    async def action_cancel_schedule(self) -> None:
        rows, commands = self.tables["schedules"].targets, self._commands()
        chosen = [(row.name, row.schedule_id) for row in rows if row.status in GOING]
        if commands is None:
            return
        if not chosen:
            self.app.say("It has ended already.")
            return
        effect = "It never fires again. Jobs it has started go on."
        await self._do_each("cancel", "schedule", chosen, effect, "cancel it", "cancelled", commands.cancel_schedule)
