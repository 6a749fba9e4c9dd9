"""What can be done to schedules: make, pause, resume, fire now, edit, cancel."""

from __future__ import annotations

from textual import work

from naq.ids import short
from naq_tui.acting.asking import Asking, named
from naq_tui.format import plural
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
        rows, commands = self.tables["schedules"].targets, self._commands()
        if not rows or commands is None:
            return
        targets = [(row.name, row.schedule_id) for row in rows]
        schedules = named([name for name, _ in targets], "schedule")
        what = rows[0].function if len(rows) == 1 else "The function of each"
        effect = f"{what} is enqueued once, now. {'Its' if len(rows) == 1 else 'Their'} own times stay as they are."
        number = len(targets)
        consent = await self._consent(
            f"Fire {schedules} now?", effect, "fire it" if number == 1 else "fire", number, "schedules"
        )
        if consent is None:
            return
        answers, problem = await self._act_on("schedule", targets, commands.trigger_schedule, consent.reason)
        if problem:
            self._tell_refusal(f"{len(answers):,} of {plural(number, 'schedule')} fired", number, problem)
        elif number == 1:
            self.app.say(f"Schedule {targets[0][0]} fired: job {safe(short(answers[0]))}.")
        else:
            self.app.say(f"{plural(number, 'schedule')} fired.")

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
