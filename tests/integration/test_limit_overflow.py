"""More jobs than a worker holds back itself under a limit: what goes back to the server comes again and runs."""

from __future__ import annotations

from collections import Counter

import pytest

from naq.calls import Call
from naq.client import AsyncClient
from naq.examples import tasks
from naq.limits import ConcurrencyLimit
from naq.worker import limiter
from tests.conftest import WorkerFactory
from tests.integration.log import all_events, event_when

pytestmark = pytest.mark.nats

JOBS = 1_500


async def test_what_is_more_than_a_worker_holds_back_runs_too(client: AsyncClient, worker: WorkerFactory) -> None:
    assert limiter.MAX_WAITING < JOBS
    jobs = await client.enqueue_many([Call(tasks.sleep, (0.05,))] * JOBS, limits=[ConcurrencyLimit("api", 50)])
    left = {job.job_id for job in jobs}
    async with worker(concurrency=100):
        await event_when(
            client, lambda e: e.type == "COMPLETED" and not (left.discard(e.job_id or "") or left), timeout=120
        )
    events = [s.event for s in await all_events(client) if s.event is not None]
    told = Counter((event.job_id, event.type) for event in events if event.job_id)
    assert set(told.values()) == {1}, "started once, ended once"
    assert sum(event.type == "STARTED" for event in events) == JOBS
    running = most = 0
    for event in events:
        running += {"STARTED": 1, "COMPLETED": -1}.get(event.type, 0)
        most = max(most, running)
    assert most <= 50
