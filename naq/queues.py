"""Pause and resume queues, for all workers at once.

The record `queue.<queue>` in the control bucket is the pause: workers hear of it as it is stored, and one that starts
or reconnects reads it before it takes a job. The record is written first, by compare-and-set, so that of two operators
one pauses; then QUEUE_PAUSED tells it (resuming: the record goes, then QUEUE_RESUMED). A process that dies between the
two leaves the change in force and its event missing; of a pause the record itself still says who, when and why.
"""

from __future__ import annotations

from naq import codec
from naq.actor import current_actor
from naq.connection import Connection
from naq.control import QUEUE, Control, record_of
from naq.errors import ConflictError
from naq.events import Events
from naq.kv import Entry
from naq.models.event import JobEvent, JobEventType
from naq.models.queue import QueuePause
from naq.models.times import format_time, utcnow
from naq.names import check_queue_name


class QueueControl:
    """The paused queues of one system."""

    def __init__(self, connection: Connection, *, program: str = "naq") -> None:
        """`program` is what events call this process."""
        self._bucket = Control(connection).bucket
        self._events = Events(connection)
        self._program = program

    async def pause(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> QueuePause:
        """Keep every worker from taking jobs of `queue`; running ones go on. Returns the pause that is in force.

        A queue that is paused already stays so under its first reason, without another event.

        Raises:
            InvalidQueueNameError: no queue can have this name.
        """
        key = _key(queue)
        actor, at = current_actor(self._program), utcnow()
        record = {"paused": True, "actor": actor, "at": format_time(at)}
        if reason is not None:
            record["reason"] = reason
        while True:
            standing = await self._bucket.get(key)
            if standing is not None:
                return pause_of(standing)
            try:
                await self._bucket.create(key, codec.dumps(record))
            except ConflictError:
                continue
            break
        await self._tell(JobEventType.QUEUE_PAUSED, queue, actor, reason, action_id)
        return QueuePause(queue=queue, actor=actor, reason=reason, at=at)

    async def resume(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> bool:
        """Let workers take jobs of `queue` again; False where it was not paused (then nothing is told).

        Raises:
            InvalidQueueNameError: no queue can have this name.
        """
        key = _key(queue)
        while True:
            standing = await self._bucket.get(key)
            if standing is None:
                return False
            try:
                await self._bucket.delete(key, revision=standing.revision)
            except ConflictError:
                continue
            break
        await self._tell(JobEventType.QUEUE_RESUMED, queue, current_actor(self._program), reason, action_id)
        return True

    async def paused(self) -> dict[str, QueuePause]:
        """Every paused queue by name."""
        found: dict[str, QueuePause] = {}
        async for batch in self._bucket.watch(f"{QUEUE}.*"):
            for entry in batch.entries:
                pause = pause_of(entry)
                if entry.is_deleted:
                    found.pop(pause.queue, None)
                else:
                    found[pause.queue] = pause
            if batch.is_caught_up:
                break
        return found

    async def _tell(
        self,
        event_type: JobEventType,
        queue: str,
        actor: dict[str, str],
        reason: str | None,
        action_id: str | None,
    ) -> None:
        await self._events.write(JobEvent.of(event_type, queue=queue, actor=actor, reason=reason, action_id=action_id))


def pause_of(entry: Entry) -> QueuePause:
    """The pause that an entry of the control bucket stands for; what can't be read of it is None."""
    return QueuePause.from_wire(entry.key.partition(".")[2], record_of(entry))


def _key(queue: str) -> str:
    return f"{QUEUE}.{check_queue_name(queue)}"
