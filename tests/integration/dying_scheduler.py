"""A scheduler that kills itself with SIGKILL at a named point of a firing: `python -m … POINT [N]` (the N-th time)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from naq.models.schedule import Schedule
from naq.queue import Queue
from naq.scheduler import Scheduler
from naq.scheduler.fire import Firer
from naq.scheduler.telling import Telling
from naq.settings import Settings
from tests.integration.dying import die

POINTS: dict[str, tuple[type, str]] = {
    "before the job": (Queue, "store"),
    "between ENQUEUED and the job": (Queue, "_send_job"),
    "before ENQUEUED is stored": (Queue, "_settle"),
    "before SCHEDULE_TRIGGERED": (Telling, "triggered"),
    "before SCHEDULE_COMPLETED": (Telling, "completed"),
    "before SCHEDULE_MISFIRED": (Telling, "missed"),
    "before the save": (Firer, "_save"),
    "before the save of a buffered run": (Firer, "_save"),
    "before the save of a run held back": (Firer, "_save"),
    "after the save": (Firer, "_save"),
}
"""Where it dies: as it calls this method (or as that returns)."""
ONLY: dict[str, Callable[[Schedule, Schedule], bool]] = {
    "before the save of a buffered run": lambda before, after: bool(before.buffered_at) and not after.buffered_at,
    "before the save of a run held back": lambda before, after: (
        after.skip_count > before.skip_count or (bool(after.buffered_at) and not before.buffered_at)
    ),
}
"""Which saves count as that point."""
RETURNS = ("before ENQUEUED is stored", "after the save")


async def fire(point: str, nth: int) -> None:
    owner, name = POINTS[point]
    method = getattr(owner, name)
    calls = 0

    async def at_the_point(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal calls
        is_there = point not in ONLY or ONLY[point](args[0], args[1])
        calls += 1 if is_there else 0
        if is_there and calls == nth and point not in RETURNS:
            await asyncio.sleep(0.2)  # what was written before this point has left by then
            die()
        done = await method(self, *args, **options)
        if point in RETURNS and calls == nth:
            die()
        return done

    setattr(owner, name, at_the_point)
    await Scheduler(settings=Settings.load()).run()


if __name__ == "__main__":
    asyncio.run(fire(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
