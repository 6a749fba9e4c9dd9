"""Asking before the system is changed, doing it, and telling what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naq.errors import NaqException
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

    async def _agreed(self, question: str, effect: str, verb: str) -> bool:
        """Whether something local is to be done, of which the log says nothing."""
        return await self.app.push_screen_wait(ConfirmScreen(question, effect, verb)) is not None

    async def _consent(self, question: str, effect: str, verb: str, number: int = 1, noun: str = "") -> Consent | None:
        """Whether the system is to be changed, and the reason for the log; None is no."""
        screen = ConfirmScreen(question, effect, verb, number=number, noun=noun, is_logged=True)
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
        if len(names) == 1:
            question = f"{verb.capitalize()} {noun} {names[0]}?"
        else:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
            question = f"{verb.capitalize()} {plural(len(names), noun)}: {shown}?"
        consent = await self._consent(question, effect, answer, len(names), f"{noun}s")
        if consent is None:
            return
        for name, key in targets:
            try:
                await act(key, reason=consent.reason)
            except NaqException as exc:
                self.app.say(str(exc), severity="error")
                return
            if len(names) == 1:
                self.app.say(f"{noun.capitalize()} {name} {past}.")
        if len(names) > 1:
            self.app.say(f"{plural(len(names), noun)} {past}.")
            for table in self.tables.values():
                table.unmark()

    async def _do(self, act: Awaitable[Any], done: Callable[[Any], str]) -> None:
        try:
            answer = await act
        except NaqException as exc:
            self.app.say(str(exc), severity="error")
        else:
            self.app.say(done(answer))
