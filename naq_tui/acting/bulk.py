"""One action on many records: bounded in what it does at once, pausable, cancellable, and told in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from naq.errors import NaqConnectionError, NaqException
from naq_tui.acting.targets import Target
from naq_tui.text import safe

AT_ONCE = 16
PROBLEMS_KEPT = 3


class BulkAction:
    """Acts on each target. Killed in the middle, what was done is done: each record's own event tells of it.

    Where the server is out of reach no more are begun.

    Args:
        act: does it to the record of this key; what it raises (NaqException) counts as refused.
        changed: called after each.
        at_once: how many are under way at most.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        act: Callable[[str], Awaitable[Any]],
        changed: Callable[[], None] = lambda: None,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self.targets = targets
        self.answers: list[Any] = []
        """What came of those it was done to."""
        self.not_done = {target.key for target in targets}
        self.refused = 0
        self.problems: list[str] = []
        """Why, of the first few refused, but first why no more are begun; safe text."""
        self.is_cancelled = False
        self._act = act
        self._changed = changed
        self._at_once = at_once
        self._go_on = asyncio.Event()
        self._go_on.set()

    @property
    def done(self) -> int:
        return len(self.answers)

    @property
    def is_paused(self) -> bool:
        return not self._go_on.is_set()

    @property
    def left(self) -> int:
        return len(self.targets) - self.done - self.refused

    def toggle_pause(self) -> None:
        if self.is_paused:
            self._go_on.set()
        else:
            self._go_on.clear()
        self._changed()

    def cancel(self) -> None:
        """Begin no more; those under way come to their end."""
        self.is_cancelled = True
        self._go_on.set()
        self._changed()

    async def run(self) -> None:
        waiting = iter(self.targets)

        async def work() -> None:
            for target in waiting:
                await self._go_on.wait()
                if self.is_cancelled:
                    return
                await self._one(target)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._at_once, len(self.targets))):
                group.create_task(work())

    async def _one(self, target: Target) -> None:
        try:
            self.answers.append(await self._act(target.key))
            self.not_done.discard(target.key)
        except NaqException as exc:
            self.refused += 1
            is_last = isinstance(exc, NaqConnectionError) and not self.is_cancelled
            text = safe(str(exc), 300)
            if is_last:
                self.problems.insert(0, text)
            elif text not in self.problems:  # of many under way each may have the same
                self.problems.append(text)
            del self.problems[PROBLEMS_KEPT:]
            if is_last:
                self.cancel()
        self._changed()
