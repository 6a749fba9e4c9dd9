"""One action on one or many records: what it is about, the question, its course, and what came of it."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from naq.errors import NaqException
from naq_tui.acting.asking import finish
from naq_tui.acting.bulk import BulkAction
from naq_tui.acting.targets import Target, breakdown, sample
from naq_tui.acting.verb import Act, Verb
from naq_tui.format import count, plural
from naq_tui.screens.dialog import Dialog, plain
from naq_tui.text import cut, fit, wrap
from naq_tui.views.course import Course
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.consent import ConsentFields
from naq_tui.widgets.course_lines import CourseLines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naq_tui.app import NaqConsole
    from naq_tui.feed.protocol import Commands


class BulkScreen(Dialog[frozenset[str] | None]):
    """The targets are frozen when it opens: what fails or arrives meanwhile is not touched.

    Returns the keys of those it was not done to; None where the answer was no.

    Args:
        verb: what is done.
        targets: to what, at least one.
        act: what does it to one of them.
        commands: what tells the log.
        question: one sentence; safe text.
        typed: how many of what it is about: ten or more have to be typed. None is the targets.
        left_out: how many of those chosen it can't be done to.
        not_held: where all that is held was chosen, how many more there are at most.
        unjudged: how many may be among those chosen, which can't be told.
        is_cut: whether there are more of those chosen than one action is about.
    """

    app: NaqConsole
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("n", "answer('no')", show=False),
        Binding("y", "answer('yes')", show=False),
        Binding("p", "pause", show=False),
    ]
    AUTO_FOCUS = "#field-count, Choice"

    def __init__(
        self,
        verb: Verb,
        targets: Sequence[Target],
        act: Act,
        commands: Commands,
        *,
        question: str,
        typed: tuple[int, str] | None = None,
        left_out: int = 0,
        not_held: int = 0,
        unjudged: int = 0,
        is_cut: bool = False,
    ) -> None:
        super().__init__()
        self.verb, self.targets, self.left_out, self.question = verb, targets, left_out, question
        self.not_held, self.unjudged, self.is_cut = not_held, unjudged, is_cut
        self._act = act
        self._commands = commands
        self._fields = ConsentFields(*(typed or (len(targets), verb.nouns)))
        self._course = CourseLines()
        self._action: BulkAction | None = None
        self._is_agreed = False
        self._is_over = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -danger") as dialog:
            dialog.border_title = "Are you sure?"
            with Vertical(id="asking"):
                yield Static(self.question, classes="say", markup=False)
                about = self._about()
                if about:
                    yield Static(about, classes="say", markup=False)
                yield Static(self.verb.effect_on(len(self.targets)), classes="say -soft", markup=False)
                yield self._fields
                with Horizontal(classes="buttons"):
                    yield Choice("no", "no")
                    yield Choice(f"yes, {self.verb.answer or self.verb.name}", "yes", is_dangerous=True)
            with Vertical(id="acting"):
                yield self._course
                yield Static("", id="problems", classes="say -soft", markup=False)
                with Horizontal(classes="buttons", id="controls"):
                    yield Choice("p pause", "pause")
                    yield Choice("esc stop", "stop")

    def on_mount(self) -> None:
        self.query_one("#acting").display = False
        self.query_one("#problems").display = False

    def _about(self) -> str:
        if len(self.targets) == 1:
            target = self.targets[0]
            said = wrap(cut(target.text, 3 * 47), 47) if target.text else ()
            lines = [f"{fit('' if place else 'last said', 11)}{piece}" for place, piece in enumerate(said)]
            return "\n".join([f"{fit('queue', 11)}{target.queue}", *lines])
        lines = [f"{fit(title, 11)}{cut(values, 47)}" for title, values in breakdown(self.targets)]
        for place, line in enumerate(sample(self.targets)):
            lines.append(f"{fit('such as' if place == 0 else '', 11)}{cut(line, 47)}")
        if self.left_out:
            lines.append(f"{fit('left out', 11)}{plural(self.left_out, self.verb.noun)} it can't be done to")
        if self.not_held:
            lines.append(f"{fit('not held', 11)}up to {count(self.not_held)} more, which stay as they are")
        if self.unjudged:
            lines.append(f"{fit('not known', 11)}whether {count(self.unjudged)} more match: they stay as they are")
        if self.is_cut:
            lines.append(f"{fit('too many', 11)}the oldest of them: what is left takes another time")
        return "\n".join(lines)

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        match message.value:
            case "pause":
                self.action_pause()
            case "stop":
                self.action_leave()
            case answer:
                self.action_answer(answer)

    def action_answer(self, answer: str) -> None:
        if self._is_agreed:
            return
        if answer == "no":
            self.dismiss()
            return
        consent = self._fields.consent()
        if consent is not None:
            self._is_agreed = True
            self._begin(consent.reason)

    def action_pause(self) -> None:
        if self._action is not None and not (self._is_over or self._action.is_cancelled):
            self._action.toggle_pause()

    def action_leave(self) -> None:
        if not self._is_agreed:
            self.dismiss()
        elif self._action is not None and self._is_over:
            self.dismiss(frozenset(self._action.not_done))
        elif self._action is not None:
            self.query_one("#controls").visible = False
            self._action.cancel()

    @work(exit_on_error=False)
    async def _begin(self, reason: str | None) -> None:
        self.query_one("#asking").display = False
        self.query_one("#acting").display = True
        dialog = self.query_one(".dialog")
        dialog.remove_class("-danger")
        dialog.border_title = plain(self._title)
        self.query_one("#controls").query(Choice).first().focus()
        self._show()
        try:
            keys = [target.key for target in self.targets]
            action_id = await self._commands.begin(self.verb.name, self.verb.noun, keys, reason=reason)
        except NaqException as exc:
            self.app.say(f"Nothing was done: {exc}", severity="error")
            self.dismiss()
            return

        async def act(key: str) -> Any:
            return await self._act(key, reason=reason, action_id=action_id)

        self._action = action = BulkAction(self.targets, act, self._show, at_once=self.verb.at_once)
        self._show()
        await action.run()
        telling = finish(self.app, self._commands, action_id, self.verb, action)
        self.app.run_worker(telling, group="acting", exit_on_error=False)  # a server that is gone is not waited for
        self._is_over = True
        self._tell_end(action)

    @property
    def _title(self) -> str:
        return f"{self.verb.name.capitalize()} {plural(len(self.targets), self.verb.noun)}"

    def _tell_end(self, action: BulkAction) -> None:
        names = [target.name for target in self.targets]
        if len(names) == 1 and not action.done:
            self.app.say(action.problems[0] if action.problems else "Nothing was done.", severity="error")
        elif not action.not_done:
            self.app.say(f"{self.verb.done(names, action.answers)}.")
        else:
            self._show_end(action)
            return
        self.dismiss(frozenset(action.not_done))

    def _show_end(self, action: BulkAction) -> None:
        problems = self.query_one("#problems", Static)
        told = (fill(each, 58, initial_indent="! ", subsequent_indent="  ") for each in action.problems)
        problems.update("\n".join(told))
        problems.display = bool(action.problems)
        controls = self.query_one("#controls")
        controls.visible = True
        pause, close = controls.query(Choice)
        pause.display = False
        close.update("esc close")
        close.focus()
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        action, whole = self._action, len(self.targets)
        if action is None:
            self._course.course = Course("running", whole, 0, 0, self.verb.past)
            return
        if self._is_over:
            state = "stopped" if action.left else "refused" if action.refused else "done"
        elif action.is_cancelled:
            state = "stopping"
        else:
            state = "paused" if action.is_paused else "running"
        problem = "" if self._is_over or not action.problems else action.problems[0]
        self._course.course = Course(state, whole, action.done, action.refused, self.verb.past, problem)
        if not self._is_over:
            self.query_one("#controls").query(Choice).first().update("p go on" if action.is_paused else "p pause")
