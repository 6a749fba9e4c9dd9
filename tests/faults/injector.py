"""Injects the planned faults one after another, spread over the time the jobs take, and writes each down."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.kinds import KINDS, System

REST_S = 0.5
"""Shortest time between two faults."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that took place."""

    number: int
    kind: str
    hit: str
    began: float
    """Seconds since 1970; `ended` is when what it broke was given back."""
    ended: float
    began_mono: float
    """The same by the monotonic clock."""

    @property
    def pid(self) -> int | None:
        """The process it hit; None where it hit all of them."""
        found = re.search(r"pid (\d+)", self.hit)
        return int(found[1]) if found else None


class Injector:
    """Runs one plan."""

    def __init__(self, system: System, plan: Sequence[str], file: Path) -> None:
        self._system, self.plan, self._file = system, plan, file
        self.injected: list[Injected] = []
        self.failures: list[str] = []
        """Faults that could not be injected, with the reason."""
        self.current = ""

    async def run(self, over_s: float) -> None:
        """Inject them all, in so many seconds where they let themselves be spread so."""
        start, order = time.monotonic(), self._system.order
        for number, kind in enumerate(self.plan):
            planned = start + over_s * (number + order.uniform(0.2, 0.8)) / len(self.plan)
            await asyncio.sleep(max(REST_S, planned - time.monotonic()))
            await self._system.programs.refill()
            await self._inject(number, kind)
        self.current = ""

    async def _inject(self, number: int, kind: str) -> None:
        self.current = kind
        began, began_mono = time.time(), time.monotonic()
        try:
            async with asyncio.timeout(120):
                hit = await KINDS[kind][1](self._system)
        except Exception as exc:  # told in the report: the run goes on with the next
            self.failures.append(f"{number} {kind}: {type(exc).__name__}: {exc}")
            return
        fault = Injected(number, kind, hit, began, time.time(), began_mono)
        self.injected.append(fault)
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(fault)) + "\n")

    @property
    def by_kind(self) -> dict[str, int]:
        done = Counter(fault.kind for fault in self.injected)
        return {kind: done[kind] for kind in KINDS if kind in self.plan}
