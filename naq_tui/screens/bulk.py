"""One action on one or many jobs: what it is about, the question, its course, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from naq.errors import NaqException
from naq_tui.acting.bulk import BulkAction
from naq_tui.acting.jobs import Verb, question
from naq_tui.acting.targets import Target, breakdown, sample
from naq_tui.format import count, plural
from naq_tui.screens.dialog import Dialog
from naq_tui.text import cut, fit, safe
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.consent import ConsentFields

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.feed.protocol import Commands

BAR = 40


class BulkScreen(Dialog[None]):
    """The targets are frozen when it opens: what fails or arrives meanwhile is not touched.

    Args:
        verb: what is done.
        targets: to which jobs, at least one.
        left_out: how many of those chosen it can't be done to.
        commands: what does it.
    """

    app: NaqConsole
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("p", "pause", show=False),
    ]
    AUTO_FOCUS = "#field-count, Choice"

    def __init__(self, verb: Verb, targets: tuple[Target, ...], left_out: int, commands: Commands) -> None:
        super().__init__()
        self.verb, self.targets, self.left_out = verb, targets, left_out
        self._commands = commands
        self._fields = ConsentFields(len(targets), "jobs")
        self._action: BulkAction | None = None
        self._is_over = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -danger") as dialog:
            dialog.border_title = "Are you sure?"
            yield Static(question(self.verb, self.targets), id="question", classes="say", markup=False)
            with Vertical(id="asking"):
                yield Static(self._about(), classes="say", markup=False)
                yield Static(self.verb.effect, classes="say -soft", markup=False)
                yield self._fields
                with Horizontal(classes="buttons"):
                    yield Choice("no", "no")
                    yield Choice(f"yes, {self.verb.name}", "yes", is_dangerous=True)
            with Vertical(id="acting"):
                yield Static("", id="progress", classes="say", markup=False)
                yield Static("", id="problems", classes="say -soft", markup=False)
                yield Static("p pauses and goes on · esc stops", id="hint", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one("#acting").display = False

    def _about(self) -> str:
        if len(self.targets) == 1:
            target = self.targets[0]
            said = f"\n{fit('last said', 11)}{target.text}" if target.text else ""
            return f"{fit('queue', 11)}{target.queue}{said}"
        lines = [f"{fit(title, 11)}{values}" for title, values in breakdown(self.targets)]
        for place, line in enumerate(sample(self.targets)):
            lines.append(f"{fit('such as' if place == 0 else '', 11)}{cut(line, 47)}")
        if self.left_out:
            lines.append(f"{fit('left out', 11)}{plural(self.left_out, 'job')} it can't be done to")
        return "\n".join(lines)

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        if message.value == "no":
            self.dismiss()
            return
        consent = self._fields.consent()
        if consent is not None:
            self._begin(consent.reason)

    def action_pause(self) -> None:
        if self._action is not None and not self._is_over:
            self._action.toggle_pause()

    def action_leave(self) -> None:
        if self._action is None or self._is_over:
            self.dismiss()
        else:
            self._action.cancel()

    @work(exit_on_error=False)
    async def _begin(self, reason: str | None) -> None:
        self.query_one("#asking").display = False
        self.query_one("#acting").display = True
        self.set_focus(None)
        try:
            action_id = await self._commands.begin(self.verb.name, [t.job_id for t in self.targets], reason=reason)
        except NaqException as exc:
            self.app.say(f"Nothing was done: {exc}", severity="error")
            self.dismiss()
            return
        act = self.verb.act(self._commands, action_id, reason)
        self._action = action = BulkAction(self.targets, act, self._show)
        self._show()
        await action.run()
        try:
            await self._commands.finish(action_id, self.verb.name, done=action.done, refused=action.refused)
        except NaqException as exc:
            self.app.say(f"Done, but the log was not told: {exc}", severity="warning")
        self._is_over = True
        self._tell_end(action)

    def _tell_end(self, action: BulkAction) -> None:
        if len(self.targets) == 1:
            if action.done:
                self.app.say(f"Job {self.targets[0].job} {self.verb.past}.")
            else:
                self.app.say(action.problems[0] if action.problems else "Nothing was done.", severity="error")
            self.dismiss()
        elif action.done == len(self.targets):
            self.app.say(f"{plural(action.done, 'job')} {self.verb.past}.")
            self.dismiss()
        else:
            self._show()

    def _show(self) -> None:
        action = self._action
        if action is None or not self.is_mounted:
            return
        whole = len(self.targets)
        past = action.done + action.refused
        filled = round(BAR * past / whole)
        bars = "#." if self.app.ascii_only else "█░"
        line = f"{bars[0] * filled}{bars[1] * (BAR - filled)}  {count(past)} of {count(whole)}"
        if self._is_over:
            line += "\nstopped" if action.is_cancelled and action.left else "\ndone"
        elif action.is_cancelled:
            line += "\nstopping"
        elif action.is_paused:
            line += "\npaused"
        parts = [f"{count(action.done)} {self.verb.past}"]
        if action.refused:
            parts.append(f"{count(action.refused)} refused")
        if action.left:
            parts.append(f"{count(action.left)} not begun" if self._is_over else f"{count(action.left)} to come")
        self.query_one("#progress", Static).update(f"{line}\n{', '.join(parts)}")
        self.query_one("#problems", Static).update("\n".join(safe(problem, 300) for problem in action.problems))
        if self._is_over:
            self.query_one("#hint", Static).update("esc closes")
