"""Asking before the system is changed, doing it, and telling what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naq.errors import NaqException
from naq_tui.acting.bulk import BulkAction
from naq_tui.acting.fitting import fits, why_not
from naq_tui.acting.verb import named
from naq_tui.format import many, plural
from naq_tui.screens.confirm import ConfirmScreen
from naq_tui.widgets.consent import TYPED_FROM, Consent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naq_tui.acting.targets import Target
    from naq_tui.acting.verb import Act, Verb
    from naq_tui.app import NaqConsole
    from naq_tui.feed.protocol import Commands
    from naq_tui.widgets.line_table import LineTable


class Asking:
    """What the actions of all nouns share; mixed into a screen."""

    if TYPE_CHECKING:
        app: NaqConsole
        tables: dict[str, LineTable[Any]]

        @property
        def is_active(self) -> bool: ...

        def run_worker(self, *args: Any, **options: Any) -> Any: ...

    @property
    def place(self) -> str:
        raise NotImplementedError

    def acted_on(self, action_id: str) -> Sequence[Any] | None:
        """The records that a key is about now; None where they have to be looked for first."""
        raise NotImplementedError

    def why_not(self, action_id: str) -> str:
        """Why an action can't be done now, in a sentence; empty where it can, or only the attempt tells."""
        is_local = action_id.partition(".")[0] in ("process", "launch")
        return ("" if is_local else self._no_link) or self._why_unfit(action_id)

    @property
    def _no_link(self) -> str:
        """Why nothing can be asked of the server now, in a sentence; empty where it can."""
        link = self.app.live.link
        if link.state not in ("lost", "failed"):
            return ""
        return f"There is no connection to {link.server_label or 'the server'}: it can be done once there is one."

    def _why_unfit(self, action_id: str) -> str:
        """Why it can be done to none of the records it is about."""
        records = self.acted_on(action_id)
        return "" if records is None else why_not(action_id, records, self.app.lens())

    def unfit(self) -> dict[str, str]:
        """The actions of this place that can't be done now, by id, and why."""
        here = (action.id for action in self.app.actions if action.acts and action.works_in(self.place))
        found = {action_id: self.why_not(action_id) for action_id in here if not action_id.startswith("launch.")}
        return {action_id: reason for action_id, reason in found.items() if reason}

    def _fitting(self, action_id: str) -> list[Any]:
        """Those of the records that a key is about that it can be done to; where there are none it is said why."""
        records = self.acted_on(action_id) or ()
        reason = self._why_unfit(action_id)
        if reason:
            self.app.say(reason, severity="warning")
            return []
        return [record for record in records if fits(action_id, record, self.app.lens())]

    def _commands(self) -> Commands | None:
        """How to act; None, and said so, where this console only looks or has no connection."""
        commands, reason = self.app.commands, self._no_link
        if commands is None:
            reason = "This console can only look: it was given no way to act."
        if reason:
            self.app.say(reason, severity="warning")
        return None if reason else commands

    async def _consent(self, question: str, effect: str, verb: str, number: int = 1, noun: str = "") -> Consent | None:
        """Whether the system is to be changed, and the reason for the log; None is no."""
        screen = ConfirmScreen(question, effect, verb, number=number, noun=noun)
        return await self.app.push_screen_wait(screen)

    async def _do_each(
        self, verb: Verb, targets: Sequence[Target], act: Act, *, question: str = "", jobs: int = 0
    ) -> None:
        """Ask once for all `targets`, then do it to each; marks stay on those it was not done to.

        Ten or more have a form with their course, which names some of them.

        Args:
            question: with `{}` where the targets are named; empty is the verb and they.
            jobs: how many of those it is about, to be typed where they are many; 0 is the targets themselves.
        """
        commands, names = self._commands(), [target.name for target in targets]
        if commands is None:
            return
        typed = (jobs, "jobs") if jobs >= TYPED_FROM else (len(targets), verb.nouns)
        question = question or f"{verb.name.capitalize()} {{}}?"
        table = self.tables[verb.nouns]
        table.hold()
        if len(targets) >= TYPED_FROM:
            from naq_tui.screens.bulk import BulkScreen

            asked = question.format(plural(len(targets), verb.noun))
            screen = BulkScreen(verb, tuple(targets), act, commands, question=asked, typed=typed)
            not_done = await self.app.push_screen_wait(screen)
            if not_done is not None:
                table.keep_marks(not_done)
            return
        asked = question.format(named(names, verb.noun))
        consent = await self._consent(asked, verb.effect_on(len(targets)), verb.choice(len(targets)), *typed)
        if consent is None:
            return
        action = await self._act_on(verb, targets, act, commands, consent.reason)
        table.keep_marks(action.not_done)
        if not action.problems:
            self.app.say(f"{verb.done(names, action.answers)}.")
        else:
            done = "" if len(names) == 1 else f"{verb.done(names, action.answers)}. "
            self.app.say(f"{done}{action.problems[0]}", severity="error")

    async def _act_on(
        self, verb: Verb, targets: Sequence[Target], act: Act, commands: Commands, reason: str | None
    ) -> BulkAction:
        """Act on one after the other. What is done to many is one action, told before and after it."""
        action_id: str | None = None

        async def act_on(key: str) -> Any:
            return await act(key, reason=reason, action_id=action_id)

        action = BulkAction(targets, act_on, at_once=1)
        try:
            if len(targets) > 1:
                keys = [target.key for target in targets]
                action_id = await commands.begin(verb.name, verb.noun, keys, reason=reason)
        except NaqException as exc:
            action.problems.append(str(exc))
            return action
        await action.run()
        if action_id is not None:
            telling = finish(self.app, commands, action_id, verb, action)
            self.run_worker(telling, group="acting", exit_on_error=False)
        return action


async def finish(app: NaqConsole, commands: Commands, action_id: str, verb: Verb, action: BulkAction) -> None:
    """Tell the log what came of an action on many."""
    try:
        await commands.finish(action_id, verb.name, verb.noun, done=action.done, refused=action.refused)
    except NaqException as exc:
        app.say(f"The log was not told what came of it ({verb.name} {many(verb.noun)}): {exc}", severity="warning")
