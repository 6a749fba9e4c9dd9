"""What this console may do, and with which keys: the registry as the user's file and the read-only mode leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.actions import ActionParseResult, parse
from textual.dom import DOMNode
from textual.reactive import var

from naq_tui import hints, keys, masking
from naq_tui.config import Config, Problem
from naq_tui.launcher.recipe import recipes_of
from naq_tui.terminal import PatientApp
from naq_tui.text import safe
from naq_tui.views.alarm import Alarm
from naq_tui.views.table import Cell
from naq_tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from textual.binding import Binding, BindingsMap

    from naq_tui.feed.protocol import Commands


def problems_of(config: Config) -> tuple[Problem, ...]:
    """All that is wrong with the user's file, other keys and launch recipes included."""
    _, refused = keys.rebound(keys.ACTIONS, config.keys)
    _, unusable = recipes_of(config.tables.get("recipes"))
    return (
        *config.problems,
        *(config.problem(problem.entry, safe(str(problem), 300)) for problem in unusable),
        *(
            config.problem(("keys", *action_id.split(".")), f"keys.{action_id}: {reason}")
            for action_id, reason in refused.items()
        ),
    )


class GuardedApp(PatientApp[None]):
    """Keys and commands go through here, so that a read-only console has none that act.

    Textual's own keymap can't be used: it frees a key for all actions that share it in different panes. Its
    `_check_bindings` is overridden instead.

    Args:
        config: what the user wrote.
        commands: how to act on the system; None only looks.
        read_only: whether acting is off at the start.
    """

    if TYPE_CHECKING:

        @property
        def place(self) -> str: ...

        def say(self, text: str, *, severity: Any = "information") -> None: ...

    is_read_only: var[bool] = var(False, init=False)

    def __init__(self, config: Config, commands: Commands | None, *, read_only: bool) -> None:
        self._rebound, _ = keys.rebound(keys.ACTIONS, config.keys)
        self._commands = commands
        super().__init__()
        self.config = config
        self.set_reactive(GuardedApp.is_read_only, read_only)
        self.problems = problems_of(config)
        """Entries of the user's file that have no effect."""
        masking.use(masking.Rules(config.mask_keys, config.mask_shown, config.mask_patterns))
        hints.use(self.actions)
        self._moved = {action.id: action.keys for action in self._rebound if action.id in config.keys}

    @property
    def only_looks(self) -> bool:
        """Whether no key acts, for whatever reason."""
        return self.is_read_only

    @property
    def refusal(self) -> str:
        """What is said to a key that would act while none does: why, and what helps."""
        return "Nothing was done: this console is read-only."

    @property
    def actions(self) -> tuple[keys.Action, ...]:
        """The registry as it is in this console: with its own keys, and without what it may not do."""
        if self.only_looks:
            return tuple(action for action in self._rebound if not action.acts)
        return self._rebound

    @property
    def commands(self) -> Commands | None:
        """How to act on the system; None while this console only looks."""
        return None if self.only_looks else self._commands

    @property
    def notices(self) -> tuple[Alarm, ...]:
        """What is wrong with the console's own configuration, for the alarm line."""
        return tuple(Alarm(str(problem), "", False) for problem in self.problems)

    @property
    def badges(self) -> tuple[Cell, ...]:
        """What the top line says beside the server's name."""
        return (Cell("read-only", "waiting"),) if self.is_read_only else ()

    def action_reveal(self) -> None:
        """Show the secrets of the report in front, or hide them again; another report has its own hidden."""
        screen: Any = self.screen
        if hasattr(screen, "reveal"):
            screen.reveal(not screen.is_revealed)

    def watch_is_read_only(self) -> None:
        self.rights_changed()

    def rights_changed(self) -> None:
        """Offer only the keys that this console has from now on."""
        hints.use(self.actions)
        for screen in self.screen_stack:
            for line in screen.query(KeyLine):
                line.refresh()
        self.refresh_bindings()

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """The one way to every action, by key, click or palette: those that act stop here in a read-only console, and
        say so where they would do something."""
        if self.only_looks:
            _, name, parameters = parse(action) if isinstance(action, str) else action
            acting = [entry for entry in keys.find(name, parameters) if entry.acts]
            if any(entry.works_in(self.place) for entry in acting):
                self.say(self.refusal, severity="warning")
            if acting:
                return False
        return await super().run_action(action, default_namespace, namespaces)

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        if not self.screen_stack:
            return True  # the console is ending: a key typed meanwhile is for nobody
        if not self._moved:
            return await super()._check_bindings(key, priority)
        chain = reversed(self.screen._binding_chain) if priority else self.screen._modal_binding_chain
        for namespace, bindings in chain:
            for binding in self._bound(bindings, key):
                if binding.priority == priority and await self.run_action(binding.action, namespace):
                    return True
        return False

    def _bound(self, bindings: BindingsMap, key: str) -> list[Binding]:
        """The bindings of a node that are on this key after the user's changes."""
        found = [each for each in bindings.key_to_bindings.get(key, ()) if each.id not in self._moved]
        moved = {
            each.id: each
            for on_key in bindings.key_to_bindings.values()
            for each in on_key
            if each.id and key in self._moved.get(each.id, ())
        }
        return [*moved.values(), *found]
