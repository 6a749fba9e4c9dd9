"""One system at a time: which context is open, what it allows, and opening another without leaving."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual import work
from textual.actions import ActionParseResult, parse
from textual.dom import DOMNode

from naq.errors import NaqException
from naq_tui import hints, keys
from naq_tui.contexts import Connect, Context
from naq_tui.guarding import GuardedApp
from naq_tui.store.state import EMPTY
from naq_tui.text import safe
from naq_tui.views.table import Cell

if TYPE_CHECKING:
    from textual.reactive import var

    from naq_tui.config import Config
    from naq_tui.feed.protocol import Commands, Feed, Processes
    from naq_tui.screens.main import MainScreen
    from naq_tui.store.state import State
    from naq_tui.views.table import Lens

log = logging.getLogger(__name__)

CLOSE_S = 3.0
"""How long the feed may take to say goodbye."""


class SwitchingApp(GuardedApp):
    """Knows its context. In production every action that acts asks for the context's name first.

    Args:
        context: what `feed` is connected to; None for a server without a name.
        contexts: those that can be opened.
        connect: opens one; None offers none.
        read_only: a promise: nothing lifts it.
        allow_changes: acting is on from the start where a context would begin read-only.
    """

    if TYPE_CHECKING:
        feed: Feed
        supervisor: Processes
        main: MainScreen
        loaded: asyncio.Event
        ascii_only: bool
        state: var[State]
        live: State

        def lens(self) -> Lens: ...

        def _look_at_processes(self) -> None: ...

        def _follow_feed(self) -> Any: ...

    def __init__(
        self,
        config: Config,
        commands: Commands | None,
        *,
        context: Context | None,
        contexts: tuple[Context, ...],
        connect: Connect | None,
        read_only: bool,
        allow_changes: bool,
    ) -> None:
        self.context = context
        self.contexts = contexts
        self._connect = connect
        self._is_promised = read_only or config.read_only
        super().__init__(config, commands, read_only=self._begins_read_only(context, allow_changes))
        self.set_class(self.is_production, "-production")

    @property
    def is_production(self) -> bool:
        return self.context is not None and self.context.is_production

    @property
    def _can_be_lifted(self) -> bool:
        return not self._is_promised and self.context is not None and self.context.can_be_lifted

    @property
    def refusal(self) -> str:
        """See `GuardedApp.refusal`."""
        if self.state.link.forbids:
            return f"Nothing was done. {self.state.link.forbids}"
        lifts = hints.hint("changes", "allows changes") if self._can_be_lifted else ""
        return hints.advice("Nothing was done, this console is read-only", lifts) if lifts else super().refusal

    @property
    def badges(self) -> tuple[Cell, ...]:
        production = (Cell(" PRODUCTION ", "production"),) if self.is_production else ()
        return (*production, *super().badges)

    def _begins_read_only(self, context: Context | None, allow_changes: bool = False) -> bool:
        if self._is_promised or context is None:
            return self._is_promised
        return context.is_read_only and not (allow_changes and context.can_be_lifted)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """See `GuardedApp.run_action`; what acts on production waits until the context's name was typed."""
        if self.is_production and not self.only_looks:
            _, name, parameters = parse(action) if isinstance(action, str) else action
            acting = [entry for entry in keys.find(name, parameters) if entry.acts and entry.works_in(self.place)]
            if acting:
                self._act_in_production(acting[0], action, default_namespace, namespaces)
                return True
        return await super().run_action(action, default_namespace, namespaces)

    @work(group="production", exclusive=True, exit_on_error=False)
    async def _act_in_production(
        self,
        entry: keys.Action,
        action: str | ActionParseResult,
        namespace: DOMNode | None,
        namespaces: Mapping[str, DOMNode] | None,
    ) -> None:
        if await self._typed(f"{entry.help}."):
            await super().run_action(action, namespace, namespaces)

    async def _typed(self, question: str) -> bool:
        from naq_tui.screens.typed import TypedScreen

        assert self.context is not None
        name = self.context.name
        return await self.push_screen_wait(TypedScreen(f"PRODUCTION · {safe(name, 40)}", question, name))

    # read-only, lifted and back

    @work(group="production", exclusive=True, exit_on_error=False)
    async def action_allow_changes(self) -> None:
        """Lift the read-only mode that comes with production, or put it back."""
        if self.state.link.forbids:
            self.say(self.state.link.forbids)
        elif not self.is_read_only:
            if self.context is not None and self.context.is_read_only:
                self.is_read_only = True
                self.say("Read-only again.")
            else:
                self.say("Changes are allowed here already.")
        elif not self._can_be_lifted:
            self.say("This console was told to be read-only: start it without --read-only and read_only = true.")
        elif await self._typed("Allow changes to this system until it is left or made read-only again."):
            self.is_read_only = False
            self.say("Changes are allowed: each asks for the name again.", severity="warning")

    # another context

    @work(group="switching", exclusive=True, exit_on_error=False)
    async def action_contexts(self) -> None:
        from naq_tui.screens.contexts import ContextsScreen, Offer

        here = self.context
        offers = [
            Offer(
                safe(context.name, 60),
                safe(context.where(os.environ), 200),
                "production" if context.is_production else "read-only" if context.is_read_only else "",
                context is here,
            )
            for context in (self.contexts if self._connect is not None else ())
        ]
        place = await self.push_screen_wait(ContextsScreen(offers, self.ascii_only))
        if place is not None:
            await self.switch(self.contexts[place])

    async def switch(self, context: Context) -> None:
        """Leave what is followed now and follow this. Where it can't be opened everything stays as it is."""
        if self._connect is None or context is self.context:
            return
        try:
            connection = self._connect(context)
        except NaqException as exc:
            self.say(str(exc), severity="error")
            return
        before = self.feed
        self.workers.cancel_group(self, "feed")
        self.main.leave_log()
        self.main.leave_older()
        self.main.leave_figures()
        while self.screen is not self.main and len(self.screen_stack) > 1:
            self.pop_screen()
        self.feed, self._commands, self.context = connection.feed, connection.commands, context
        self.supervisor.environment = dict(connection.environment)
        self.is_read_only = self._begins_read_only(context)
        self.set_class(self.is_production, "-production")
        self.loaded.clear()
        self.main.log_view.show(EMPTY, self.lens())
        self.live = self.state = EMPTY
        self._look_at_processes()
        self._follow_feed()
        self.main.count_while_shown()
        self.say(f"Now on {context.name}.")
        await close(before)


async def close(feed: Feed) -> None:
    """Give up a feed that nobody looks at any more, whatever becomes of it."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await feed.close()
    except Exception:
        log.debug("closing the feed failed", exc_info=True)
