"""A place for one measurement: streams under a prefix of its own, removed at the end, and a worker process.

What a crash does: killed with -9, the streams stay on the server, where `left_behind` finds them. The worker process
ends with this one (on Linux; elsewhere it stays until it is stopped).
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from naq.bench import tasks
from naq.client import AsyncClient
from naq.connection import Connection
from naq.errors import NaqException
from naq.models.times import parse_time
from naq.server.watch import end_with_parent
from naq.settings import Settings
from naq.topology import STREAM_NOT_FOUND, ensure_topology, objects_config, stream_configs

PREFIX = "naqbench"
STALLED_S = 60.0
"""Seconds without one job done after which a measurement gives up."""
_LOOK_S = 0.05
_OURS = re.compile(rf"(?:KV_|OBJ_)?({PREFIX}-[0-9a-f]{{8}})_.*")

Progress = Callable[[int], None]
"""Told how many are done."""


def nobody(_done: int) -> None:
    """Progress that nobody follows."""


class Drained(NamedTuple):
    """A queue worked off."""

    jobs: int
    seconds: float
    """From the first STARTED event to the last COMPLETED event, by the clock of the server that stored them."""

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


class Trial:
    """What stands under one prefix, and a client for it. Made by `trial`."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.settings = client.settings

    @asynccontextmanager
    async def worker(self, queue: str, *options: str) -> AsyncIterator[subprocess.Popen[bytes]]:
        """A worker process for `queue` that runs `naq.bench.tasks`; `options` are those of `naq worker`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NAQ_")}
        command = [sys.executable, "-m", "naq", "worker", queue, "-m", tasks.__name__, "--log-level", "ERROR", *options]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: ASYNC220  (a fork and exec, no waiting)
                command,
                env={**environment, **self.settings.to_env(), "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # an interrupt is for this process, which then stops the worker
                preexec_fn=end_with_parent(signal.SIGTERM),
            )
            try:
                yield process
            except NaqException as exc:
                if process.poll() is None:
                    raise
                said.seek(0)
                lines = said.read()[-500:].decode(errors="replace").split("\n")
                raise NaqException(f"the worker ended with exit code {process.returncode}: {' '.join(lines)}") from exc
            finally:
                process.terminate()
                try:
                    await asyncio.to_thread(process.wait, 10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    await asyncio.to_thread(process.wait)

    async def emptied(
        self, queue: str, worker: subprocess.Popen[bytes], total: int, progress: Progress = nobody
    ) -> None:
        """Wait until no job of `queue` waits or runs: each is acked, and so its result and its events are stored.

        Raises:
            NaqException: the worker ended, or nothing was done for a minute.
        """
        names = self.client.connection.names
        left, since = total, time.monotonic()
        while True:
            now_left = sum((await self._counts(names.jobs, names.queue_subject(queue))).values())
            if now_left != left:
                left, since = now_left, time.monotonic()
            progress(max(0, total - left))
            if not left:
                return
            if worker.poll() is not None or time.monotonic() - since > STALLED_S:
                raise NaqException(f"{left:,} of {total:,} jobs are left, and none was done for a while")
            await asyncio.sleep(_LOOK_S)  # the server tells nobody that a stream is empty

    async def drained(self, queue: str, jobs: int) -> Drained:
        """How long `jobs` jobs of `queue` took, all of which have ended.

        Raises:
            NaqException: the log does not hold one ENQUEUED, STARTED and COMPLETED event for each.
        """
        names = self.client.connection.names
        by_subject = await self._counts(names.events, names.event_filter(entity="job", queue=queue))
        counts = {subject.split(".")[-2]: count for subject, count in by_subject.items()}
        if counts != dict.fromkeys(("enqueued", "started", "completed"), jobs):
            raise NaqException(f"the log of {jobs:,} jobs is not what it must be: {counts}")
        first = await self.client.log.read(1, 1, subject=names.event_subject("job", "started", queue))
        last_subject = names.event_subject("job", "completed", queue)
        last = await self.client.connection.api(f"STREAM.MSG.GET.{names.events}", {"last_by_subj": last_subject})
        ended = parse_time(last["message"]["time"])
        assert ended is not None
        return Drained(jobs, (ended - first[0].stored_at).total_seconds())

    async def _counts(self, stream: str, subjects: str) -> dict[str, int]:
        """Messages of a stream by subject."""
        answer = await self.client.connection.api(f"STREAM.INFO.{stream}", {"subjects_filter": subjects})
        return dict(answer["state"].get("subjects") or {})


@asynccontextmanager
async def trial(settings: Settings, *, program: str = "naq bench") -> AsyncIterator[Trial]:
    """Streams on the server of `settings` under a prefix that nobody uses, gone at the end of the block.

    Raises:
        NaqConnectionError: no server, refused credentials, or no JetStream.
    """
    own = settings.with_(prefix=f"{PREFIX}-{uuid.uuid4().hex[:8]}", events_max_bytes=0)
    client = AsyncClient(own, program=program)
    await client.connection.open()
    try:
        try:
            client.topology = await ensure_topology(client.connection)
            yield Trial(client)
        finally:
            await remove(client.connection)
    finally:
        await client.close()


async def remove(connection: Connection) -> None:
    """Delete every stream and bucket under the prefix of `connection`.

    Raises:
        NaqException: the server did not delete one.
    """
    configs = [*stream_configs(connection), objects_config(connection)]
    answers = await asyncio.gather(
        *(connection.api(f"STREAM.DELETE.{config['name']}") for config in configs), return_exceptions=True
    )
    for answer in answers:
        if isinstance(answer, BaseException) and getattr(answer, "code", None) != STREAM_NOT_FOUND:
            raise answer


async def left_behind(connection: Connection) -> list[str]:
    """The prefixes of trials whose process was killed, or is still at it."""
    found: set[str] = set()
    seen, total = 0, 1
    while seen < total:
        page = await connection.api("STREAM.NAMES", {"offset": seen})
        names, total = page["streams"] or [], page["total"]
        seen += len(names) or total
        found.update(match[1] for name in names if (match := _OURS.fullmatch(name)))
    return sorted(found)
