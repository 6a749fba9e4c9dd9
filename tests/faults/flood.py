"""Malformed messages from a stranger, in the queue, the log and every bucket."""

from __future__ import annotations

import random

from tests.faults.store import Store
from tests.faults.workload import QUEUE
from tests.hostile import HOSTILE

SHARES = {"queue": 3, "log": 4, "buckets": 3}
BUCKETS = ("workers", "results", "scheduled_jobs", "locks", "control", "unique", "limits", "waiting_jobs")
KEYS = 50
"""Different ones in each bucket: more would only replace these."""


class Flood:
    """Pours `size` messages each time."""

    def __init__(self, store: Store, size: int, order: random.Random) -> None:
        self._store, self._size, self._order = store, size, order
        self.in_queue = self.in_log = self.in_buckets = 0

    @property
    def poured(self) -> int:
        return self.in_queue + self.in_log + self.in_buckets

    async def pour(self) -> int:
        prefix, order = self._store.prefix, self._order
        messages: list[tuple[str, bytes]] = []
        for place in order.choices(list(SHARES), list(SHARES.values()), k=self._size):
            raw = order.choice(HOSTILE) if order.random() < 0.5 else order.randbytes(order.randint(1, 200))
            if place == "queue":
                self.in_queue += 1
                messages.append((f"{prefix}.queue.{QUEUE}", raw))
            elif place == "log":
                self.in_log += 1
                kind = order.choice(("started", "completed", "enqueued"))
                messages.append((f"{prefix}.events.job.{kind}.{QUEUE}", raw))
            else:
                self.in_buckets += 1
                key = f"flood-{order.randrange(KEYS)}"
                messages.append((f"$KV.{prefix}_{order.choice(BUCKETS)}.{key}", raw))
        await self._store.pour(messages)
        return len(messages)
