"""What every form that changes the system has in common: fields, mistakes, a preview, and two answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from naq.errors import NaqException
from naq_tui.screens.dialog import plain
from naq_tui.screens.sending import Send, SendingDialog
from naq_tui.text import safe
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.facts import Fact, Facts
from naq_tui.widgets.form import Field, Form, Row
from naq_tui.widgets.picker import Picker

Draft = TypeVar("Draft")
REASON = Field("reason", "reason", hint="for the log; may stay empty")


class MissingError(ValueError):
    """What has to be typed is not typed yet: told once the form is to be sent."""


class MistakeError(ValueError):
    """What is typed into a field can't be used."""

    def __init__(self, field: str, problem: Exception | str) -> None:
        super().__init__(str(problem))
        self.field = field
        self.is_early = isinstance(problem, MissingError)


@contextmanager
def field_of(name: str) -> Iterator[None]:
    """What is refused within the block is a mistake of this field."""
    try:
        yield
    except MistakeError:
        raise
    except (NaqException, ValueError) as exc:
        raise MistakeError(name, exc) from None


class Preview(NamedTuple):
    """What would come of the form as it is."""

    facts: Sequence[Fact]
    command: str | None = None
    """The same from a shell; None where no command does it."""


class FormScreen(SendingDialog[Draft], Generic[Draft]):
    """Checked with every letter; `enter` only moves on, to the answer that does nothing.

    Args:
        title: of the dialog; safe text.
        rows: the fields; one for the reason is added.
        values: what they hold at first.
        answer: the words of the choice that does it.
        act: does it, with what the fields make.
        is_dangerous: whether that changes what runs already.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("ctrl+y", "copy_line", show=False, priority=True),
    ]
    AUTO_FOCUS = "Input"
    DENIAL: ClassVar[str] = "no"
    PREVIEWED: ClassVar[int] = 3
    """Lines kept for the preview, so that nothing moves while something can't be read."""

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        values: Mapping[str, str],
        answer: str,
        act: Send[Draft],
        *,
        is_dangerous: bool = False,
    ) -> None:
        super().__init__(act)
        self.heading, self.answer, self.is_dangerous = title, answer, is_dangerous
        self.form = Form([*rows, (REASON,)], values)
        self._command: str | None = None

    def read(self, texts: Mapping[str, str]) -> tuple[Draft, Preview]:
        """What the fields make. Raises MistakeError, ValueError or NaqException where they make nothing."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(classes=f"dialog -wide {'-danger' if self.is_dangerous else ''}") as dialog:
            dialog.border_title = plain(self.heading)
            yield self.form
            with Vertical(id="below") as below:
                # what is wrong may take the room of what would come of it
                below.styles.height = self.PREVIEWED + 1
                yield Static("", id="mistake", classes="mistake", markup=False)
                yield Facts(self.PREVIEWED, id="preview")
            with Horizontal(classes="buttons"):
                yield Choice(self.DENIAL, "no")
                yield Choice(self.answer, "yes", is_dangerous=self.is_dangerous)
            takes = "→ takes what is suggested · " if self.form.suggests else ""
            yield Static(f"{takes}ctrl+y copies the command · esc leaves", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.check()

    @on(Input.Changed)
    @on(Picker.Changed)
    def _changed(self) -> None:
        self.check()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one(Choice).focus()

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        if message.value == "no":
            self.action_leave()
            return
        draft = self.check(is_sent=True)
        if draft is not None:
            self.send(draft)

    def tell(self, text: str) -> None:
        self.query_one("#mistake", Static).update(text)

    def action_copy_line(self) -> None:
        if self._command is None:
            self.app.say("No command does this.")
        else:
            self.app.to_clipboard(self._command, "the command")

    def check(self, *, is_sent: bool = False) -> Draft | None:
        """What the fields make; None where something can't be used, which is told.

        What is only not typed yet is told where the form `is_sent`.
        """
        draft: Draft | None = None
        preview, field, problem = Preview(()), "", ""
        try:
            draft, preview = self.read(self.form.texts)
        except MistakeError as exc:
            if is_sent or not (exc.is_early or self.form.is_being_chosen(exc.field)):
                field, problem = exc.field, str(exc)
        except (NaqException, ValueError) as exc:
            problem = str(exc)
        self._command = preview.command
        facts = [*preview.facts, *([Fact("command", preview.command, "muted")] if preview.command else [])]
        self.form.tell({field: problem})
        self.tell(safe(problem, 300))
        self.query_one(Facts).facts = tuple(facts[: self.PREVIEWED])
        return draft
