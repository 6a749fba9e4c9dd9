"""The form that starts a worker or a scheduler on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from naq_tui.messages import Launch
from naq_tui.text import safe

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.launcher import LaunchSpec

DEFAULTS = {"name": "", "queues": "default", "modules": "naq.examples.tasks", "concurrency": "10"}
FIELDS = {
    "worker": (
        ("queues", "queues", "one or more, separated by spaces"),
        ("modules", "modules", "whose functions may run: pkg.tasks or pkg.*"),
        ("concurrency", "jobs at once", "1 to 1000"),
        ("name", "name", "empty: chosen for you"),
    ),
    "scheduler": (("name", "name", "empty: chosen for you"),),
}
"""Name, label and hint of each field."""


class LaunchScreen(ModalScreen[None]):
    """Filled with the last choice; `enter` in any field launches; a mistake is named under its field.

    Args:
        kind: what to start.
        choice: what the fields held last; missing ones have their defaults.
        server_url: handed to the process; None leaves it to its environment.
    """

    app: NaqConsole
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    AUTO_FOCUS = "Input"

    def __init__(self, kind: Literal["worker", "scheduler"], choice: dict[str, str], server_url: str | None) -> None:
        super().__init__()
        self.kind = kind
        # a name is for one process only: offered again it would be refused
        self.choice = {**DEFAULTS, **choice, "name": ""}
        self.server_url = server_url

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Launch a {self.kind} on this machine"
            for name, label, hint in FIELDS[self.kind]:
                with Horizontal(classes="field"):
                    yield Label(label, markup=False)
                    field = Input(self.choice[name], placeholder=hint, id=f"field-{name}", compact=True)
                    field.cursor_blink = False
                    yield field
                yield Static("", id=f"mistake-{name}", classes="mistake", markup=False)
            yield Static("", id="command", classes="note", markup=False)
            yield Static("enter launches · tab next field · esc leaves", classes="hint", markup=False)

    def on_mount(self) -> None:
        self._check()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._check()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        spec = self._check()
        if spec is None:
            return
        self.app.remembered.remember_launch(self.kind, {name: self._text(name) for name, _, _ in FIELDS[self.kind]})
        self.app.post_message(Launch(spec))
        self.dismiss()

    def _text(self, name: str) -> str:
        return self.query_one(f"#field-{name}", Input).value.strip()

    def _check(self) -> LaunchSpec | None:
        """The spec that the fields make, None where there is a mistake in them; each mistake is shown."""
        from naq_tui.launcher import LaunchSpec

        mistakes: dict[str, str] = {}
        if self.kind == "worker":
            try:
                concurrency = int(self._text("concurrency"))
            except ValueError:
                concurrency = 1
                mistakes["concurrency"] = "a whole number is needed, 1 to 1000"
            spec = LaunchSpec(
                kind="worker",
                name=self._text("name"),
                queues=tuple(self._text("queues").replace(",", " ").split()),
                modules=tuple(self._text("modules").replace(",", " ").split()),
                concurrency=concurrency,
                server_url=self.server_url,
            )
        else:
            spec = LaunchSpec(kind="scheduler", name=self._text("name"), server_url=self.server_url)
        mistakes = {**spec.validate(), **mistakes}
        for name, _, _ in FIELDS[self.kind]:
            self.query_one(f"#mistake-{name}", Static).update(safe(mistakes.get(name, ""), 200))
        command = "" if mistakes else f"runs  {safe(spec.display(), 200)}"
        self.query_one("#command", Static).update(command)
        return None if mistakes else spec
