"""One action on many jobs: bounded in what it does at once, pausable, cancellable, and told in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from naq.errors import NaqException
from naq_tui.acting.targets import Target
from naq_tui.text import safe

AT_ONCE = 16
PROBLEMS_KEPT = 3

Act = Callable[[str], Awaitable[object]]


class BulkAction:
    """Acts on each target in turn. Killed in the middle, what was done is done: each job's own event tells of it.

    Args:
        act: does it to one job; what it raises (NaqException) counts as refused.
        changed: called after each job.
    """

    def __init__(self, targets: Sequence[Target], act: Act, changed: Callable[[], None]) -> None:
        self.targets = targets
        self.done = 0
        self.refused = 0
        self.problems: list[str] = []
        """Why, of the first few refused; safe text."""
        self.is_cancelled = False
        self._act = act
        self._changed = changed
        self._go_on = asyncio.Event()
        self._go_on.set()

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
            for _ in range(min(AT_ONCE, len(self.targets))):
                group.create_task(work())

    async def _one(self, target: Target) -> None:
        try:
            await self._act(target.job_id)
            self.done += 1
        except NaqException as exc:
            self.refused += 1
            if len(self.problems) < PROBLEMS_KEPT:
                self.problems.append(safe(str(exc), 300))
        self._changed()
