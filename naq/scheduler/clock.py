"""The clock that says which schedules are due."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from naq.connection import Connection


class Clock:
    """The server's clock: skewed hosts agree about what is due."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def attach(self, connection: Connection, changed: asyncio.Event) -> None:
        """Called by the scheduler that goes by this clock; `changed` wakes it where its clock is set."""
        self._connection = connection

    def now(self) -> datetime:
        """Aware UTC; to be asked once a scheduler is attached."""
        assert self._connection is not None
        return self._connection.server_now()


class ManualClock(Clock):
    """The server's clock, put forward by hand: for tests (`naq.testing.scheduler`)."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = timedelta(0)
        self._wake: list[asyncio.Event] = []

    def attach(self, connection: Connection, changed: asyncio.Event) -> None:
        super().attach(connection, changed)
        self._wake.append(changed)

    def now(self) -> datetime:
        return super().now() + self._ahead

    def put_forward(self, moment: datetime) -> None:
        """Make it at least `moment`; it never goes back. Schedulers notice at once."""
        self._ahead = max(self._ahead, moment - super().now())
        for changed in self._wake:
            changed.set()
