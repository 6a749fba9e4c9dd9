"""The form that starts workers or schedulers on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from naq_tui.messages import Launch
from naq_tui.screens.dialog import Dialog
from naq_tui.text import cut, safe, wrap
from naq_tui.widgets.facts import Facts, continued
from naq_tui.widgets.form import Field, Form, Row
from naq_tui.widgets.picker import Picker

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.launcher import LaunchSpec, Recipe

NO_RECIPE = ""
COMMAND_LINES, COMMAND_CELLS = 2, 45


_QUEUES = Field("queues", "queues", "default", "one or more: mail:3 default")
_MODULES = Field("modules", "modules", "naq.examples.tasks", "whose functions may run: pkg.tasks or pkg.*")
_CONCURRENCY = Field("concurrency", "jobs at once", "10", "1 to 1000")
_PROCESSES = Field("processes", "processes", "1", "1 to 64")
_ENVIRONMENT = Field("environment", "environment", "", 'KEY=VALUE OTHER="two words"')
_FOLDER = Field("folder", "folder", "", "empty: where the console was started")
_RESTART = Field("restart", "restart", "never", values=("never", "on-failure", "always"))
_HANGUP = Field("hangup", "on hang-up", "keep", values=("keep", "drain", "kill"))
_RELOAD = Field("reload", "on change", "ignore", values=("ignore", "reload"))
_NAME = Field("name", "name", "", "automatic")

ROWS: dict[str, tuple[Row, ...]] = {
    "worker": (
        (_QUEUES,),
        (_MODULES,),
        (_CONCURRENCY, _PROCESSES),
        (_ENVIRONMENT,),
        (_FOLDER,),
        (_RESTART, _HANGUP),
        (_NAME, _RELOAD),
    ),
    "scheduler": ((_ENVIRONMENT,), (_FOLDER,), (_RESTART, _HANGUP), (_NAME,)),
}
"""The fields of each row."""
_FIELD_OF = {"env": "environment", "cwd": "folder", "recipe": "name"}
"""Field of the form by that of the spec, where they differ."""


class LaunchScreen(Dialog[None]):
    """Filled with the last choice or a recipe; `enter` in any field launches; a mistake is named under its field.

    Args:
        kind: what to start.
        choice: what the fields held last; missing ones have their defaults.
        server_url: handed to the process; None leaves it to its environment.
        recipe: name of the recipe to fill it with; None is the one of the last choice.
    """

    app: NaqConsole
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("enter", "launch", show=False),
    ]
    AUTO_FOCUS = "Picker, Input"

    def __init__(
        self,
        kind: Literal["worker", "scheduler"],
        choice: Mapping[str, str],
        server_url: str | None,
        recipe: str | None = None,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.rows = ROWS[kind]
        self.fields = [field for row in self.rows for field in row]
        # a name is for one process only: offered again it would be refused
        self.choice = {**{field.name: field.default for field in self.fields}, **choice, "name": ""}
        self.server_url = server_url
        self._recipe = choice.get("recipe", NO_RECIPE) if recipe is None else recipe

    @property
    def recipes(self) -> dict[str, Recipe]:
        """Those of this kind."""
        return {name: each for name, each in self.app.supervisor.recipes.items() if each.spec.kind == self.kind}

    def compose(self) -> ComposeResult:
        recipes = self.recipes
        values = {**self.choice, "recipe": self._recipe}
        rows: list[Row] = [*self.rows]
        if self._recipe in recipes:
            values |= filled(recipes[self._recipe])
        if recipes:
            labels = {NO_RECIPE: "none", **{name: safe(name, 60) for name in recipes}}
            rows.insert(0, (Field("recipe", "recipe", values=(NO_RECIPE, *recipes), labels=labels),))
        self.form = Form(rows, values, is_roomy=True)
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Launch a {self.kind} on this machine"
            yield self.form
            yield Facts(COMMAND_LINES, id="command")
            yield Static("enter launches · tab next field · ←→ choose · esc leaves", classes="hint", markup=False)

    def on_mount(self) -> None:
        self._check()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._check()

    @on(Picker.Changed)
    def _picked(self, message: Picker.Changed) -> None:
        if message.picker.id == "field-recipe":
            recipe = self.recipes.get(message.picker.value)
            self._fill(self.choice if recipe is None else filled(recipe))
        self._check()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_launch()

    def action_launch(self) -> None:
        checked = self._check()
        if checked is None:
            return
        self.app.remembered.remember_launch(self.kind, self._to_remember())
        self.app.post_message(Launch(*checked))
        self.dismiss()

    def _fill(self, values: Mapping[str, str]) -> None:
        self.form.fill({field.name: values.get(field.name, field.default) for field in self.fields})

    def _to_remember(self) -> dict[str, str]:
        from naq_tui.launcher.environment import format_environment, parse_environment, without_secrets

        texts = {field.name: self.form.text(field.name) for field in self.fields}
        # secrets are typed anew each time: the file of what is remembered is no place for them
        texts["environment"] = format_environment(without_secrets(parse_environment(texts["environment"])))
        return {**texts, "recipe": self.form.text("recipe")}

    def _check(self) -> tuple[LaunchSpec, int] | None:
        """The spec that the fields make and how many of it, None where a mistake is in them; each is shown."""
        from naq_tui.launcher import LaunchSpec
        from naq_tui.launcher.environment import parse_environment, without_secrets
        from naq_tui.launcher.spec import MAX_CONCURRENCY, MAX_PROCESSES, HangupPolicy, RestartPolicy

        mistakes: dict[str, str] = {}
        variables: dict[str, str] = {}
        try:
            variables = parse_environment(self.form.text("environment"))
        except ValueError as exc:
            mistakes["environment"] = str(exc)
        recipe = self.recipes.get(self.form.text("recipe"))
        if recipe is not None:
            # its secrets are not shown, and given all the same
            shown = without_secrets(recipe.spec.env)
            variables = {**{n: v for n, v in recipe.spec.env.items() if n not in shown}, **variables}
        is_worker = self.kind == "worker"
        concurrency = self._number("concurrency", MAX_CONCURRENCY, mistakes) if is_worker else 1
        number = self._number("processes", MAX_PROCESSES, mistakes) if is_worker else 1
        folder = self.form.text("folder")
        spec = LaunchSpec(
            kind=self.kind,
            name=self.form.text("name"),
            recipe=self.form.text("recipe"),
            queues=tuple(self.form.text("queues").replace(",", " ").split()),
            modules=tuple(self.form.text("modules").replace(",", " ").split()),
            concurrency=concurrency,
            env=variables,
            cwd=Path(folder).expanduser() if folder else None,
            restart=cast("RestartPolicy", self.form.text("restart")),
            hangup=cast("HangupPolicy", self.form.text("hangup")),
            reload=self.form.text("reload") == "reload",
            server_url=self.server_url,
        )
        mistakes = {**{_FIELD_OF.get(name, name): text for name, text in spec.validate().items()}, **mistakes}
        self.form.tell(mistakes)
        times = f"{number} × " if number > 1 else ""
        lines = [] if mistakes else two_lines(f"{times}{safe(spec.display(), 300)}")
        self.query_one("#command", Facts).facts = tuple(continued("command", lines, "muted"))
        return None if mistakes else (spec, number)

    def _number(self, name: str, most: int, mistakes: dict[str, str]) -> int:
        try:
            number = int(self.form.text(name))
        except ValueError:
            number = 0
        if not 1 <= number <= most:
            label = next(field.label for field in self.fields if field.name == name)
            mistakes[name] = f"{label}: a whole number, 1 to {most}"
            return 1
        return number


def two_lines(command: str) -> list[str]:
    """A command as far as there is room for it."""
    first = wrap(command, COMMAND_CELLS)[0]
    rest = command[len(first) :]
    return [first, cut(rest, COMMAND_CELLS)] if rest else [first]


def filled(recipe: Recipe) -> dict[str, str]:
    """The fields as a recipe fills them; of its variables those that are no secret."""
    from naq_tui.launcher.environment import format_environment, without_secrets

    spec = recipe.spec
    return {
        "queues": " ".join(spec.queues),
        "modules": " ".join(spec.modules),
        "concurrency": str(spec.concurrency),
        "processes": str(recipe.processes),
        "environment": format_environment(without_secrets(spec.env)),
        "folder": "" if spec.cwd is None else str(spec.cwd),
        "restart": spec.restart,
        "hangup": spec.hangup,
        "reload": "reload" if spec.reload else "ignore",
    }
