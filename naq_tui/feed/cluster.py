"""How a cluster keeps the streams: looked at now and then, at once after a failed question, often while it ails."""

from __future__ import annotations

import asyncio

from naq.connection import Connection, LinkState
from naq.copies import read_copies
from naq_tui.feed.frame import Frame
from naq_tui.store.updates import ClusterSeen

SOUND_S = 15.0
"""Between two looks while every stream has its leader and all its copies."""
AILING_S = 2.0
ANSWER_WITHIN_S = 2.0


class ClusterWatch:
    """Puts what it sees into the frame. Of a server that is in no cluster it asks nothing."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._doubt = asyncio.Event()

    def doubt(self) -> None:
        """Something was not answered, or another server is talked to: look at once."""
        self._doubt.set()

    async def run(self, connection: Connection) -> None:
        """Look for ever."""
        while True:
            self._doubt.clear()
            seen = await self._look(connection)
            try:
                async with asyncio.timeout(SOUND_S if seen is None or seen.is_sound else AILING_S):
                    await self._doubt.wait()
                if seen is not None and not seen.is_sound:
                    await asyncio.sleep(AILING_S)  # every reader doubts then
            except TimeoutError:
                continue

    async def _look(self, connection: Connection) -> ClusterSeen | None:
        if connection.state is not LinkState.LIVE or not connection.cluster_name:
            return None
        found = await read_copies(connection, timeout_s=ANSWER_WITHIN_S)
        seen = ClusterSeen(connection.server_name, tuple(found))
        self._frame.put(seen)
        return seen
