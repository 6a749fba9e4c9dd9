"""What can be done to schedules."""

from __future__ import annotations

from textual import work

from naq_tui.acting.asking import Asking


class ActingOnSchedules(Asking):
    """Mixed into the main screen."""

    @work(group="acting", exit_on_error=False)
    async def action_toggle_schedule(self) -> None:
        row = self.tables["schedules"].selected
        commands = self._commands()
        if row is None or commands is None:
            return
        if row.status not in ("ACTIVE", "PAUSED", "FAILED"):
            self.app.say(f"Schedule {row.name} has ended: there is nothing to pause or resume.")
            return
        verb = "pause" if row.status == "ACTIVE" else "resume"
        effect = "It fires nothing until it is resumed." if verb == "pause" else "It fires again from its next time on."
        if await self._agreed(f"{verb.capitalize()} schedule {row.name} ({row.spec})?", effect, verb):
            act = commands.pause_schedule if verb == "pause" else commands.resume_schedule
            await self._do(act(row.schedule_id), lambda _: f"Schedule {row.name} {verb}d.")

    @work(group="acting", exit_on_error=False)
    async def action_cancel_schedule(self) -> None:
        row = self.tables["schedules"].selected
        commands = self._commands()
        if row is None or commands is None:
            return
        if row.status not in ("ACTIVE", "PAUSED", "FAILED"):
            self.app.say(f"Schedule {row.name} has ended already.")
            return
        if await self._agreed(
            f"Cancel schedule {row.name} ({row.spec})?", "It never fires again. Jobs it has started go on.", "cancel it"
        ):
            cancelling = commands.cancel_schedule(row.schedule_id)
            await self._do(cancelling, lambda _: f"Schedule {row.name} cancelled.")
