"""The console on a made-up system, as a program: what the terminal tests drive. `--stream N` adds N events a second."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from naq.models.event import StoredEvent
from naq_tui.app import SystemClock, make_console
from naq_tui.feed.fake import FakeCommands, FakeFeed, FakeProcesses
from naq_tui.feed.sample import T0, first_batch, old_event
from naq_tui.store.updates import EventsAppended, Update


class StreamingFeed(FakeFeed):
    """Goes on after the first batch, ten frames a second."""

    def __init__(self, events_per_s: int) -> None:
        super().__init__(first_batch())
        self.events_per_s = events_per_s

    async def batches(self) -> AsyncIterator[tuple[Update, ...]]:
        seq = 0
        async for batch in super().batches():
            seq = max(self.events)
            yield batch
            break
        while True:
            await asyncio.sleep(0.1)
            if self.events_per_s:
                size = self.events_per_s // 10
                now = datetime.now(UTC)
                made = (old_event(seq + 1 + place) for place in range(size))
                events = tuple(StoredEvent.from_stream(old.seq, now, old.subject, old.raw) for old in made)
                seq += size
                yield (EventsAppended(events),)


class ShiftedClock(SystemClock):
    """Starts at T0 and then runs."""

    def __init__(self) -> None:
        self.shift = T0 - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


def main() -> None:
    events_per_s = int(sys.argv[sys.argv.index("--stream") + 1]) if "--stream" in sys.argv else 0
    clock = SystemClock() if events_per_s else ShiftedClock()
    processes = FakeProcesses() if "--no-children" in sys.argv else FakeProcesses.usual()
    console = make_console(StreamingFeed(events_per_s), processes, clock, commands=FakeCommands())
    console.run()
    sys.exit(console.return_code or 0)


if __name__ == "__main__":
    main()
