"""The faults: what is done to whom, and for how long."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.flood import Flood
from tests.faults.programs import CONSOLE, SCHEDULERS, SKEW_S, WORKERS, Programs, Slot
from tests.faults.server import FaultServer
from tests.faults.store import Store
from tests.faults.watching import Watch


@dataclass(slots=True)
class System:
    """What faults act upon."""

    server: FaultServer
    programs: Programs
    watch: Watch
    store: Store
    flood: Flood
    order: random.Random
    ack_wait_s: float
    lease_s: float

    def worker(self) -> Slot:
        return self.programs.slots[self.order.choice(WORKERS)]

    def leader(self) -> Slot:
        """The scheduler that leads, as the log tells; either where it does not."""
        slots = [self.programs.slots[name] for name in SCHEDULERS]
        leading = [slot for slot in slots if self.watch.ids.get(slot.pid) == self.watch.leader]
        return leading[0] if leading else self.order.choice(slots)

    async def replace(self, slot: Slot, *, skew_s: float = 0.0) -> None:
        await self.programs.start(slot, skew_s=skew_s)
        await self.watch.up(slot.pid)

    async def still(self, slot: Slot, seconds: float) -> None:
        """Stop a process for so long, then let it go on."""
        os.kill(slot.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(slot.pid, signal.SIGCONT)


Fault = Callable[[System], Awaitable[str]]
"""Injects one, and returns whom it hit once the system has what it needs to recover."""


async def kill_worker(system: System) -> str:
    slot = system.worker()
    hit = f"{slot.name} pid {slot.pid}"
    await system.programs.kill(slot)
    await system.replace(slot)
    return hit


async def stop_worker(system: System) -> str:
    """Longer than its lease: its jobs go to others, then it wakes up and goes on."""
    slot = system.worker()
    await system.still(slot, system.ack_wait_s * system.order.uniform(1.3, 2.5))
    return f"{slot.name} pid {slot.pid}"


async def end_worker(system: System) -> str:
    slot = system.worker()
    hit = f"{slot.name} pid {slot.pid}"
    code = await system.programs.terminate(slot)
    if code != 0:
        system.programs.by_itself.append(f"{hit}: exit code {code} after SIGTERM")
    await system.replace(slot)
    return hit


async def cut_worker(system: System) -> str:
    slot = system.worker()
    await slot.proxy.cut(system.order.uniform(0.0, system.ack_wait_s * 2))
    return f"{slot.name} pid {slot.pid}"


async def hold_worker_line(system: System) -> str:
    """The line stays open and carries nothing, longer than the lease; then everything arrives at once."""
    slot = system.worker()
    await slot.proxy.hold(system.ack_wait_s * system.order.uniform(1.2, 2.5))
    return f"{slot.name} pid {slot.pid}"


async def slow_worker_line(system: System) -> str:
    slot = system.worker()
    await slot.proxy.slow(system.ack_wait_s * 1.5, delay_s=system.order.uniform(0.05, 0.3), bytes_a_second=50_000)
    return f"{slot.name} pid {slot.pid}"


async def revoke_worker(system: System) -> str:
    """Its user is taken away, and given back later."""
    slot = system.worker()
    system.server.users.discard(slot.name)
    await system.server.reload()
    try:
        await asyncio.sleep(system.order.uniform(1.0, system.ack_wait_s * 2))
    finally:
        system.server.users.add(slot.name)
        await system.server.reload()
    return f"{slot.name} pid {slot.pid}"


async def skew_worker(system: System) -> str:
    """A worker whose clock is an hour off takes another's place for the time of some other faults."""
    slot = system.worker()
    skew_s = system.order.choice((SKEW_S, -SKEW_S))
    await system.programs.terminate(slot)
    await system.replace(slot, skew_s=skew_s)
    return f"{slot.name} pid {slot.pid} by {skew_s:+g} s"


async def skew_scheduler(system: System) -> str:
    slot = system.leader()
    skew_s = system.order.choice((SKEW_S, -SKEW_S))
    await system.programs.terminate(slot)
    await system.replace(slot, skew_s=skew_s)
    return f"{slot.name} pid {slot.pid} by {skew_s:+g} s"


async def kill_scheduler(system: System) -> str:
    slot = system.leader()
    hit = f"{slot.name} pid {slot.pid}"
    await system.programs.kill(slot)
    await asyncio.sleep(system.order.uniform(0.0, system.lease_s))
    await system.replace(slot)
    return hit


async def stop_scheduler(system: System) -> str:
    """Longer than its lease: another leads, then this one wakes up and believes that it still does."""
    slot = system.leader()
    await system.still(slot, system.lease_s * system.order.uniform(1.2, 2.5))
    return f"{slot.name} pid {slot.pid}"


async def cut_scheduler(system: System) -> str:
    slot = system.leader()
    await slot.proxy.cut(system.order.uniform(0.0, system.lease_s * 2))
    return f"{slot.name} pid {slot.pid}"


async def kill_console(system: System) -> str:
    slot = system.programs.slots[CONSOLE]
    hit = f"{slot.name} pid {slot.pid}"
    await system.programs.kill(slot)
    await system.programs.start(slot)
    return hit


async def kill_server(system: System) -> str:
    await system.server.kill()
    await asyncio.sleep(system.order.uniform(0.0, 2.0))
    await system.server.start()
    return "server"


async def stop_server(system: System) -> str:
    await system.server.stand_still(system.order.uniform(1.0, system.ack_wait_s * 2))
    return "server"


async def fill_events(system: System) -> str:
    return f"{await system.store.fill_events(system.order.uniform(2.0, 6.0))} for a while"


async def flood(system: System) -> str:
    return f"{await system.flood.pour():,} messages"


FLOOD = "malformed messages"
KINDS: dict[str, tuple[int, Fault]] = {
    "worker killed (SIGKILL)": (5, kill_worker),
    "worker stopped past its lease (SIGSTOP)": (4, stop_worker),
    "worker told to end (SIGTERM)": (2, end_worker),
    "worker cut off": (3, cut_worker),
    "worker's line silent past its lease": (3, hold_worker_line),
    "worker's line slow": (2, slow_worker_line),
    "worker's credentials revoked": (2, revoke_worker),
    "worker's clock off by an hour": (2, skew_worker),
    "leading scheduler killed (SIGKILL)": (3, kill_scheduler),
    "leading scheduler stopped past its lease (SIGSTOP)": (3, stop_scheduler),
    "leading scheduler cut off": (2, cut_scheduler),
    "scheduler's clock off by an hour": (1, skew_scheduler),
    "console killed (SIGKILL)": (1, kill_console),
    "server killed (SIGKILL)": (3, kill_server),
    "server stopped (SIGSTOP)": (2, stop_server),
    "log full (its stream takes no more)": (2, fill_events),
    FLOOD: (1, flood),
}
"""How often each comes in proportion, and what it does."""


def plan_of(faults: int, order: random.Random) -> list[str]:
    """So many faults in the proportions of `KINDS`, every kind at least once where there is room, shuffled."""
    names = list(KINDS)
    order.shuffle(names)
    planned = names[:faults]
    total = sum(share for share, _ in KINDS.values())
    exact = {name: faults * share / total for name, (share, _) in KINDS.items()}
    while len(planned) < faults:
        planned.append(max(names, key=lambda name: exact[name] - planned.count(name)))
    order.shuffle(planned)
    return planned
