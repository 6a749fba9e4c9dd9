"""What can be done to local processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual import work

from naq.errors import NaqException
from naq_tui.acting.asking import Asking
from naq_tui.acting.local import running_pids, started_since, tell_log
from naq_tui.acting.verb import named
from naq_tui.format import plural
from naq_tui.text import safe

if TYPE_CHECKING:
    from naq_tui.store.rows import ProcessRow
    from naq_tui.widgets.consent import Consent

Effects = Mapping[str, tuple[str, str]]
"""What becomes of one process and of many, by kind."""

_RESTART: Effects = {
    "worker": (
        "It takes no more jobs, finishes those it has, ends and is started anew.",
        "Workers take no more jobs, finish those they have, end and are started anew.",
    ),
    "scheduler": (
        "It ends in good order and is started anew. Schedules may fire late by a few seconds.",
        "Schedulers end in good order and are started anew. Schedules may fire late by a few seconds.",
    ),
    "server": (
        "Workers and this console lose their server until it is back.",
        "Workers and this console lose their server until it is back.",
    ),
}
_STOP: Effects = {
    "worker": (
        "It takes no more jobs, finishes those it has, then ends.",
        "Workers take no more jobs, finish those they have, then end.",
    ),
    "scheduler": (
        "It ends in good order. Schedules fire only while another scheduler runs.",
        "Schedulers end in good order. Schedules fire only while another scheduler runs.",
    ),
    "server": (
        "It ends in good order. Workers and this console lose their server.",
        "The server ends in good order. Workers and this console lose it.",
    ),
}
_STOP_AGAIN: Effects = {
    "worker": (
        "It is stopping already. Asked again it gives up its running jobs, which run again elsewhere, and ends.",
        "They are stopping already. Asked again they give up their running jobs, which run again elsewhere, and end.",
    ),
}


class ActingOnProcesses(Asking):
    """Mixed into the main screen. What acts is for all marked rows; `+` and `-` are for the one under the cursor."""

    def action_details_of_process(self) -> None:
        from naq_tui.screens.detail import DetailScreen

        item = self.tables["processes"].selected
        if item is not None:
            self.app.push_screen(DetailScreen("process", item.row.process_id))

    @work(group="acting", exit_on_error=False)
    async def action_more_process(self) -> None:
        row = self._row("process.more")
        if row is None:
            return
        before = running_pids(self.app.supervisor)
        self._try(lambda: f"{self.app.supervisor.more(row.process_id)} started.")
        await tell_log(self.app, "scale up", started_since(self.app.supervisor, before))

    @work(group="acting", exit_on_error=False)
    async def action_fewer_process(self) -> None:
        row = self._row("process.fewer")
        if row is None:
            return
        what = f"one of the {row.view.recipe_wanted} of {row.recipe}" if row.recipe else row.name
        consent = await self._consent(f"Drain {what}?", _effect(_STOP, [row], is_many=False), "drain it")
        if consent is None:
            return
        drained = self._try(lambda: self.app.supervisor.fewer(row.process_id), "{} was asked to stop.")
        views = [view for view in self.app.supervisor.snapshot() if view.name == drained]
        await tell_log(self.app, "scale down", views[:1], consent.reason)

    @work(group="acting", exit_on_error=False)
    async def action_restart_process(self) -> None:
        rows = self._rows("process.restart")
        if not rows:
            return
        running = [row for row in rows if row.view.is_running]
        effect = _effect(_RESTART, running, len(rows) > 1)
        if len(running) < len(rows):
            again = "It is started again now, with the command it had."
            effect = f"{effect} Those that ended are started again now.".strip() if len(rows) > 1 else again
        consent = await self._ask("restart", rows, effect)
        if consent is None:
            return
        await self._tell_first("restart", rows, consent)
        self._tell_done(rows, "is restarted", "restarted")
        ends = (self.app.supervisor.restart(row.process_id) for row in rows)
        for answer in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(answer, NaqException):
                self.app.say(str(answer), severity="error")
            elif answer is not None:
                raise answer

    @work(group="acting", exit_on_error=False)
    async def action_stop_process(self) -> None:
        rows = self._rows("process.stop")
        waiting = [row for row in rows if row.view.restart_at is not None]
        if len(rows) == 1 and waiting:
            consent = await self._consent(f"Leave {rows[0].name} ended?", "It is not started again.", "leave it")
            one = "stays ended"
        else:
            # who is asked twice gives up its jobs: that is asked about alone
            rows = [row for row in rows if not row.view.is_stopping] or rows
            is_again = bool(rows) and rows[0].view.is_stopping
            running = [row for row in rows if row.view.is_running]
            effect = _effect(_STOP_AGAIN if is_again else _STOP, running, len(rows) > 1)
            if waiting:
                effect = f"{effect} Those that ended are not started again.".strip()
            consent = await self._ask("stop", rows, effect) if rows else None
            one = "was asked to stop"
        if consent is not None:
            await self._do("stop", rows, self.app.supervisor.stop, (one, "asked to stop"), consent)

    @work(group="acting", exit_on_error=False)
    async def action_kill_process(self) -> None:
        rows = self._rows("process.kill")
        if not rows:
            return
        effect = "It ends at once, with all it started. Its jobs run again elsewhere after their lease."
        if len(rows) > 1:
            effect = "They end at once, with all they started. Their jobs run again elsewhere after their lease."
        consent = await self._ask("kill", rows, effect)
        if consent is not None:
            await self._do("kill", rows, self.app.supervisor.kill, ("was killed", "killed"), consent)

    @work(group="acting", exit_on_error=False)
    async def action_forget_process(self) -> None:
        rows = self._rows("process.forget")
        if not rows:
            return
        which = f"{rows[0].name} ({rows[0].status_text})" if len(rows) == 1 else named(_names(rows), "process")
        effect = "Its output is deleted with it." if len(rows) == 1 else "Their output is deleted with them."
        answer = "forget it" if len(rows) == 1 else "forget"
        consent = await self._consent(f"Forget {which}?", effect, answer, len(rows), "processes")
        if consent is not None:
            await self._do("forget", rows, self.app.supervisor.remove, ("is forgotten", "forgotten"), consent)

    def _row(self, action_id: str) -> ProcessRow | None:
        return next(iter(self._rows(action_id)), None)

    def _rows(self, action_id: str) -> list[ProcessRow]:
        """Those that it can be done to; where there are none it is said why."""
        return [item.row for item in self._fitting(action_id)]

    async def _ask(self, verb: str, rows: Sequence[ProcessRow], effect: str) -> Consent | None:
        if len(rows) == 1:
            question, answer = f"{verb.capitalize()} {rows[0].name} (pid {rows[0].view.pid})?", f"{verb} it"
        else:
            question, answer = f"{verb.capitalize()} {named(_names(rows), 'process')}?", verb
        return await self._consent(question, effect, answer, len(rows), "processes")

    async def _do(
        self,
        verb: str,
        rows: Sequence[ProcessRow],
        act: Callable[[str], None],
        done: tuple[str, str],
        consent: Consent,
    ) -> None:
        """Act on each; marks stay on those that refused. `done` says it of one and of many."""
        await self._tell_first(verb, rows, consent)
        left, problem = [], ""
        for row in rows:
            try:
                act(row.process_id)
            except NaqException as exc:
                left.append(row.process_id)
                problem = problem or str(exc)
        if problem:
            number = f"{len(rows) - len(left):,} of {plural(len(rows), 'process')} {done[1]}. "
            self.app.say(problem if len(rows) == 1 else f"{number}{problem}", severity="error")
            self.tables["processes"].keep_marks(left)
        else:
            self._tell_done(rows, *done)

    async def _tell_first(self, verb: str, rows: Sequence[ProcessRow], consent: Consent) -> None:
        """The log is told while it is done; before it where the server that has it is about to end."""
        telling = self.app.run_worker(
            tell_log(self.app, f"{verb} processes", [row.view for row in rows], consent.reason),
            group="acting",
            exit_on_error=False,
        )
        if any(row.kind == "server" and row.view.is_running for row in rows):
            await telling.wait()

    def _tell_done(self, rows: Sequence[ProcessRow], one: str, many: str) -> None:
        self.app.say(f"{rows[0].name} {one}." if len(rows) == 1 else f"{plural(len(rows), 'process')} {many}.")
        self.tables["processes"].keep_marks(())

    def _try(self, act: Callable[[], str], words: str = "{}") -> str:
        """Act and say what it tells, or why not; returns what it tells, empty where it was refused."""
        try:
            done = act()
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
            return ""
        self.app.say(safe(words.format(done), 200))
        return done


def _names(rows: Sequence[ProcessRow]) -> list[str]:
    return [row.name for row in rows]


def _effect(effects: Effects, rows: Sequence[ProcessRow], is_many: bool) -> str:
    """What becomes of one process, or of many of one or more kinds."""
    kinds = {row.kind for row in rows}
    return " ".join(effects[kind][is_many] for kind in effects if kind in kinds)
