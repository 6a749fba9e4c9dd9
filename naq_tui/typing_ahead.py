"""Keys take effect one after the other: what is typed ahead goes to what the keys before it have opened.

Textual hands a key to whatever has the focus when the key arrives. The action of the key before may still be under
way then: of `/type:failed` typed in one go the letters would be taken as commands of the list.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

Result = TypeVar("Result")
LONGEST_S = 0.5
"""How long a key can hold up the next one: an action that waits for the server does not stop the keys for long."""


class KeysInTurn(App[Result]):
    """Holds keys and pastes back until the one before has been dealt with, and the focus has moved if it does."""

    _turn = 0
    """Counts the keys handed out."""
    _is_busy = False
    _at_latest: asyncio.TimerHandle | None = None

    @property
    def _held(self) -> deque[events.Key | events.Paste]:
        held: deque[events.Key | events.Paste] = self.__dict__.setdefault("_held_keys", deque())
        return held

    @property
    def _at_rest(self) -> asyncio.Event:
        """Set while no key is under way."""
        at_rest: asyncio.Event = self.__dict__.setdefault("_keys_at_rest", asyncio.Event())
        return at_rest

    async def keys_first(self) -> None:
        """Return once the keys pressed so far have been dealt with: for work that is done a little at a time."""
        await asyncio.sleep(0)
        if self._is_busy:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_S):
                    await self._at_rest.wait()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._held.append(event)
            if not self._is_busy:
                await self._hand_out()
        else:
            await super().on_event(event)

    async def _hand_out(self) -> None:
        if self._at_latest is not None:
            self._at_latest.cancel()
        self._is_busy = bool(self._held and self.screen_stack)
        if not self._is_busy:
            self._at_rest.set()
            return
        self._at_rest.clear()
        self._turn += 1
        pumps: list[MessagePump] = list((self.focused or self.screen).ancestors_with_self)
        await super().on_event(self._held.popleft())
        # The key bubbles up to the app, which acts; what the widget tells of it bubbles up once more; then the focus
        # moves, or a screen opens and chooses its focus itself.
        self._pass_through([*pumps, *pumps], self._turn)
        go_on = partial(self.call_later, self._release, self._turn)
        self._at_latest = asyncio.get_running_loop().call_later(LONGEST_S, go_on)

    def _pass_through(self, pumps: Sequence[MessagePump], turn: int) -> None:
        """Go on once the queue of each has been worked off, in this order; of the screen in front at last."""
        for place, pump in enumerate(pumps):
            if pump.is_running and pump.call_later(self._pass_through, pumps[place + 1 :], turn):
                return
        if self.screen_stack:  # at the app's end there is none
            self.screen.call_later(self.call_later, self._release, turn)

    async def _release(self, turn: int) -> None:
        if turn == self._turn and self._is_busy:
            await self._hand_out()
