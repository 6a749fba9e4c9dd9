"""Where a job stands, asked while it moves."""

from __future__ import annotations

from typing import Any

import pytest

from naq import inspector
from naq.client import AsyncClient
from naq.examples import tasks
from naq.models.job import JobStatus
from tests.conftest import WorkerFactory


async def test_a_job_that_ends_while_it_is_looked_for_is_known(
    client: AsyncClient, worker: WorkerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await client.enqueue(tasks.add, 1, 2)
    find = inspector.find_job

    async def find_late(*args: Any) -> Any:
        async with worker("default"):
            assert await client.fetch_job_result(job.job_id, timeout=10) == 3
        return await find(*args)

    monkeypatch.setattr(inspector, "find_job", find_late)
    assert await client.get_job_status(job.job_id) is JobStatus.COMPLETED
