"""Asking before the system is changed, doing it, and telling what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naq.errors import NaqConnectionError, NaqException
from naq_tui.format import plural
from naq_tui.screens.confirm import ConfirmScreen
from naq_tui.widgets.consent import Consent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from naq_tui.app import NaqConsole
    from naq_tui.feed.protocol import Commands
    from naq_tui.widgets.line_table import LineTable


class Asking:
    """What the actions of all nouns share; mixed into a screen."""

    if TYPE_CHECKING:
        app: NaqConsole
        tables: dict[str, LineTable[Any]]

        def run_worker(self, *args: Any, **options: Any) -> Any: ...

    def _commands(self) -> Commands | None:
        """How to act; None, and said so, where this console only looks."""
        if self.app.commands is None:
            self.app.say("This console can only look: it was given no way to act.", severity="warning")
        return self.app.commands

    async def _consent(self, question: str, effect: str, verb: str, number: int = 1, noun: str = "") -> Consent | None:
        """Whether the system is to be changed, and the reason for the log; None is no."""
        screen = ConfirmScreen(question, effect, verb, number=number, noun=noun)
        return await self.app.push_screen_wait(screen)

    async def _do_each(
        self,
        verb: str,
        noun: str,
        targets: Sequence[tuple[str, str]],
        effect: str,
        answer: str,
        past: str,
        act: Callable[..., Awaitable[Any]],
    ) -> None:
        """Ask once for all `targets` (name and key of each), then `act(key, reason=…)` on one after the other."""
        names = [name for name, _ in targets]
        question = f"{verb.capitalize()} {named(names, noun)}?"
        consent = await self._consent(question, effect, answer, len(names), f"{noun}s")
        if consent is None:
            return
        answers, problem = await self._act_on(noun, targets, act, consent.reason)
        if problem:
            self._tell_refusal(f"{len(answers):,} of {plural(len(names), noun)} {past}", len(names), problem)
        elif len(names) == 1:
            self.app.say(f"{noun.capitalize()} {names[0]} {past}.")
        else:
            self.app.say(f"{plural(len(names), noun)} {past}.")

    async def _act_on(
        self, noun: str, targets: Sequence[tuple[str, str]], act: Callable[..., Awaitable[Any]], reason: str | None
    ) -> tuple[list[Any], str]:
        """Act on one after the other; returns what came of those it was done to, and why the first other one was not.

        Marks stay on the others. Where the server is out of reach it is tried no further.
        """
        answers: list[Any] = []
        left, problem = [key for _, key in targets], ""
        for _, key in targets:
            try:
                answers.append(await act(key, reason=reason))
            except NaqException as exc:
                problem = problem or str(exc)
                if isinstance(exc, NaqConnectionError):
                    break
            else:
                left.remove(key)
        self.tables[f"{noun}s"].keep_marks(left)
        return answers, problem

    def _tell_refusal(self, done: str, number: int, problem: str) -> None:
        """Why it was not done to all; where there are others, to how many it was (`done` says that)."""
        self.app.say(problem if number == 1 else f"{done}. {problem}", severity="error")


def named(names: Sequence[str], noun: str) -> str:
    """`schedule nightly`, `3 schedules: digest, minutely, nightly`; of very many the first five."""
    if len(names) == 1:
        return f"{noun} {names[0]}"
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return f"{plural(len(names), noun)}: {shown}"
