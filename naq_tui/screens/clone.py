"""A job's call, edited and enqueued again as a new job."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static, TextArea

from naq_tui.acting.targets import Target
from naq_tui.screens.dialog import plain
from naq_tui.screens.sending import Send, SendingDialog
from naq_tui.text import safe
from naq_tui.views.arguments import editable, loads, put_back
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.consent import reason_field

Call = tuple[list[Any], dict[str, Any]]
"""Arguments by place and by name, in packed form."""


class Wanted(NamedTuple):
    """The call to be made, in packed form, and why; None where no reason was given."""

    args: list[Any]
    kwargs: dict[str, Any]
    reason: str | None


class CloneScreen(SendingDialog[Wanted]):
    """The arguments as JSON to edit, here or in `$EDITOR`.

    Secrets are hidden here too; those left as they are shown go into the new job as they were.

    Args:
        target: the job cloned.
        payload: its own record.
        act: enqueues what is wanted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("ctrl+o", "editor", show=False, priority=True),
        Binding("ctrl+s", "clone", show=False, priority=True),
    ]
    AUTO_FOCUS = "TextArea"

    def __init__(self, target: Target, payload: Mapping[str, Any], act: Send[Wanted]) -> None:
        super().__init__(act)
        self.target = target
        self._call = {"args": payload.get("args", []), "kwargs": payload.get("kwargs", {})}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = plain(f"Clone job {self.target.name}")
            about = f"{self.target.function} in queue {self.target.queue}, as a new job:"
            yield Static(about, classes="say", markup=False)
            yield TextArea(
                editable(self._call, indent=2), show_line_numbers=False, soft_wrap=True, tab_behavior="focus"
            )
            yield Static("", id="mistake", classes="mistake", markup=False)
            with Horizontal(classes="field"):
                yield Label("reason", markup=False)
                yield reason_field()
            with Horizontal(classes="buttons"):
                yield Choice("no", "no")
                yield Choice("yes, enqueue it", "yes")
            yield Static("ctrl+s enqueues · ctrl+o opens $EDITOR · esc leaves", classes="hint", markup=False)

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.theme = "css"

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one(Choice).focus()

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        if message.value == "yes":
            self.action_clone()
        else:
            self.action_leave()

    @on(TextArea.Changed)
    def _edited(self) -> None:
        self.tell("")

    def tell(self, text: str) -> None:
        self.query_one("#mistake", Static).update(text)

    def action_clone(self) -> None:
        try:
            args, kwargs = parse(self.query_one(TextArea).text)
            whole = put_back({"args": args, "kwargs": kwargs}, self._call)
        except ValueError as exc:
            self.tell(safe(str(exc), 200))
            return
        reason = self.query_one("#field-reason", Input).value.strip() or None
        self.send(Wanted(whole["args"], whole["kwargs"], reason))

    def action_editor(self) -> None:
        """Hand the text to the person's own editor, and take it back."""
        area = self.query_one(TextArea)
        try:
            with self.app.suspend():
                text = edited(area.text)
        except SuspendNotSupported:
            self.app.say("This terminal can't be lent to an editor.", severity="warning")
            return
        except OSError as exc:
            self.app.say(f"The editor did not start: {exc}. $VISUAL or $EDITOR names it.", severity="error")
            return
        area.text = text


def parse(text: str) -> Call:
    """Raises ValueError, with what is wrong and where, for text that is no call."""
    call = loads(text)
    if not isinstance(call, dict) or set(call) - {"args", "kwargs"}:
        raise ValueError('An object with "args" and "kwargs" is needed, and nothing else in it.')
    args, kwargs = call.get("args", []), call.get("kwargs", {})
    if not isinstance(args, list):
        raise ValueError('"args" must be a list.')
    if not isinstance(kwargs, dict):
        raise ValueError('"kwargs" must be an object.')
    return args, kwargs


def edited(text: str) -> str:
    """What `$VISUAL` or `$EDITOR` makes of the text. Raises OSError where it can't be run."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    handle, name = tempfile.mkstemp(prefix="naq-clone-", suffix=".json")
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run([*command, name], check=False)
        return path.read_text(encoding="utf-8")
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
