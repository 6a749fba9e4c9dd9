"""What the console needs of the world. Everything it shows comes through here, everything it does goes through here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from naq.models.event import StoredEvent
from naq.models.result import JobResult
from naq_tui.store.updates import Update

if TYPE_CHECKING:
    from naq_tui.launcher import LaunchSpec, OutputPage, ProcessView


class Clock(Protocol):
    """The time of this machine."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Feed(Protocol):
    """A running system, as a stream of what changed and pages of what was."""

    def batches(self) -> AsyncIterator[tuple[Update, ...]]:
        """What changed since the last item, at most ten times a second: one item is one frame.

        Starts with what there is now. Does not end or raise by itself: trouble with the connection comes as
        `LinkChanged`. Read once, by one reader.
        """
        ...

    async def read_events(self, first_seq: int, count: int) -> tuple[StoredEvent, ...]:
        """Up to `count` events from `first_seq` on, in order, from anywhere in the log.

        Raises:
            NaqException: they can't be read now.
        """
        ...

    async def read_result(self, job_id: str) -> JobResult | None:
        """The stored result of a job, None where there is none. Raises NaqException."""
        ...

    async def job_events(self, job_id: str) -> tuple[StoredEvent, ...]:
        """All stored events of one job that can be found, in order. Raises NaqException."""
        ...

    async def close(self) -> None:
        """Give up the connection; a second call does nothing."""
        ...


class Commands(Protocol):
    """What an operator can do to the system. Each raises NaqException with one line that says why it failed."""

    async def pause_schedule(self, schedule_id: str) -> None: ...

    async def resume_schedule(self, schedule_id: str) -> None: ...

    async def cancel_schedule(self, schedule_id: str) -> None: ...

    async def purge_queue(self, queue: str) -> int:
        """Remove all waiting jobs; returns how many."""
        ...


class Processes(Protocol):
    """Local processes; `naq_tui.launcher.Supervisor` is the real one. Used on the event loop's thread."""

    @property
    def running(self) -> int: ...

    def snapshot(self) -> tuple[ProcessView, ...]: ...

    def output(self, process_id: str, first: int, count: int) -> OutputPage: ...

    def launch(self, spec: LaunchSpec) -> str: ...

    def stop(self, process_id: str) -> None: ...

    def kill(self, process_id: str) -> None: ...

    async def close(self, mode: Literal["stop", "kill", "leave"] = "stop", grace: float = 10.0) -> None: ...
