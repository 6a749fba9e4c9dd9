"""Workers that end by themselves, and the three ways to ask them to."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.errors import ConfigurationError
from naq.examples import tasks
from naq.settings import Settings
from naq.worker import Worker
from tests.conftest import EXAMPLES, child
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats
SAMPLES = "tests.integration.sample_tasks"


async def types_of(client: AsyncClient) -> Counter[str]:
    return Counter(stored.event.type for stored in await all_events(client) if stored.event is not None)


async def test_a_burst_ends_once_everything_is_done_retries_included(
    client: AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    jobs = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(50)])
    retried = await client.enqueue(sample_tasks.fails_until, str(tmp_path / "calls"), 1, max_retries=1, retry_delay=0.5)
    async with child(settings, "worker", "-m", EXAMPLES, "-m", SAMPLES, "--burst") as worker, asyncio.timeout(20):
        assert await worker.wait() == 0
    assert [await job.fetch_result() for job in jobs] == list(range(1, 51))
    assert await retried.fetch_result() == "call 2 succeeds"
    assert (await types_of(client))["WORKER_STOPPED"] == 1


async def test_a_worker_ends_after_so_many_jobs(client: AsyncClient, settings: Settings) -> None:
    await client.enqueue_many([(tasks.sleep, (0.05,)) for _ in range(40)])
    async with child(settings, "worker", "-m", EXAMPLES, "--max-jobs", "7") as worker, asyncio.timeout(20):
        assert await worker.wait() == 0
    seen = await types_of(client)
    assert (seen["STARTED"], seen["COMPLETED"]) == (7, 7)
    queue = (await client.list_queues())[0]
    async with child(settings, "worker", "-m", EXAMPLES, "--burst") as rest, asyncio.timeout(20):
        assert await rest.wait() == 0
    seen = await types_of(client)
    assert (seen["STARTED"], seen["COMPLETED"]) == (40, 40), f"the rest went back at once ({queue})"


@pytest.mark.parametrize(
    "numbers", [(signal.SIGQUIT,), (signal.SIGTERM, signal.SIGTERM)], ids=["SIGQUIT", "SIGTERM x 2"]
)
async def test_a_cold_stop_hands_back_at_once(
    client: AsyncClient, settings: Settings, numbers: tuple[signal.Signals, ...]
) -> None:
    job = await client.enqueue(tasks.sleep, 1.0)
    async with child(settings, "worker", "-m", EXAMPLES, "--drain", "600") as worker:
        await event_when(client, lambda event: event.type == "STARTED")
        for number in numbers:
            worker.send_signal(number)
            await asyncio.sleep(0.1)  # two of the same at once are one to the kernel
        async with asyncio.timeout(10):
            assert await worker.wait() == 0
    stopped = await event_when(client, lambda event: event.type == "WORKER_STOPPED")
    assert stopped.details is not None
    assert stopped.details["unfinished"] == 1
    async with child(settings, "worker", "-m", EXAMPLES, "--burst") as other, asyncio.timeout(20):
        assert await other.wait() == 0
    assert await job.fetch_result() == 1.0


@pytest.mark.parametrize("max_jobs", [0, -1, True, 1.5])
def test_a_quota_is_a_whole_number(max_jobs: object) -> None:
    with pytest.raises(ConfigurationError, match="max_jobs"):
        Worker(modules=[EXAMPLES], max_jobs=max_jobs)  # type: ignore[arg-type]
