"""Reading what waits in the queues."""

from __future__ import annotations

from typing import Any

import pytest

from naq import backlog
from naq.client import AsyncClient
from naq.errors import NaqConnectionError
from naq.examples import tasks

pytestmark = pytest.mark.nats


async def test_a_server_without_batches_is_read_job_by_job(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "DIRECT_BATCH_SINCE", (99, 0, 0))
    jobs = [await client.enqueue(tasks.add, number, 1) for number in range(3)]
    found = await backlog.oldest_jobs(client.connection, 10)
    assert [job.seq for job in found] == [1, 2, 3]
    assert await backlog.stored_job_ids(client.connection) == {job.job_id for job in jobs}


async def test_no_answer_from_such_a_server_is_told_as_one(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "DIRECT_BATCH_SINCE", (99, 0, 0))
    await client.enqueue(tasks.add, 1, 1)

    async def silent(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(client.connection.requests, "ask", silent)
    with pytest.raises(NaqConnectionError, match="no answer"):
        await backlog.waiting_jobs(client.connection, "default", 1)
