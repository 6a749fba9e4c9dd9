"""The testing kit, as users of it write their tests."""

from __future__ import annotations

import asyncio
import doctest
import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest

import naq
import naq.testing
from naq.client import AsyncClient
from naq.errors import ConfigurationError, FunctionReferenceError, JobExecutionError, JobNotCompletedError, NaqException
from naq.examples import context as context_examples
from naq.examples import tasks
from naq.models.event import JobEventType
from naq.settings import Settings
from tests.conftest import EXAMPLES
from tests.integration import sample_tasks
from tests.integration.log import all_events

pytestmark = pytest.mark.nats

HERE = "tests.integration.test_testing_kit"
CONTEXT = "naq.examples.context"


async def order_parts(count: int) -> int:
    """A job that enqueues further ones."""
    for number in range(count):
        await naq.enqueue(tasks.echo, number)
    return count


def order_parts_blocking(count: int) -> int:
    for number in range(count):
        naq.enqueue_sync(tasks.echo, number)
    return count


def test_the_examples_of_the_documentation_hold() -> None:
    outcome = doctest.testmod(naq.testing)
    assert outcome.attempted >= 4
    assert outcome.failed == 0


async def test_inline_a_job_has_its_context_timeouts_and_retries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run = await naq.testing.run_inline(context_examples.count, 3, pause=0, capture_logs=True)
    assert (run.status, run.value, run.exception) == ("COMPLETED", 3, None)
    assert [step.done for step in run.progress] == [1, 2, 3]
    assert [line.split(": ")[-1] for line in run.result.logs] == ["counted 1", "counted 2", "counted 3"]

    run = await naq.testing.run_inline(tasks.sleep, 5, timeout=0.05)
    assert run.result.error is not None
    assert (run.status, run.result.error.type) == ("FAILED", "TimeLimitExceeded")

    run = await naq.testing.run_inline(
        sample_tasks.fails_until, str(tmp_path / "calls"), 2, max_retries=2, retry_delay=3600
    )
    assert (run.status, run.value, run.result.attempt) == ("COMPLETED", "call 3 succeeds", 3)
    assert len(run.result.attempts) == 2
    assert all(attempt.error is not None for attempt in run.result.attempts)

    run = await naq.testing.run_inline(context_examples.stop_if_unknown, "unknown")
    assert (run.status, run.result.reason) == ("CANCELLED", "no such customer")
    with pytest.raises(JobExecutionError, match="no such customer"):
        run.value  # noqa: B018

    run = await naq.testing.run_inline(tasks.fail, "as asked")
    assert isinstance(run.exception, RuntimeError)


async def test_inline_a_call_that_would_be_refused_is_refused() -> None:
    with pytest.raises(FunctionReferenceError, match="lambda"):
        await naq.testing.run_inline(lambda: 1)
    with pytest.raises(ConfigurationError, match="max_retries"):
        await naq.testing.run_inline(tasks.add, 1, 2, max_retries=-1)
    run = await naq.testing.run_inline(tasks.echo, {1, 2})
    assert run.value == {1, 2}, "through JSON and back"


async def test_all_final_waits_for_jobs_that_jobs_enqueue_and_for_retries(settings: Settings, tmp_path: Path) -> None:
    async with naq.testing.worker(
        naq.testing.isolated(settings), EXAMPLES, HERE, "tests.integration.sample_tasks"
    ) as w:
        await naq.enqueue(order_parts, 5)
        await asyncio.to_thread(naq.enqueue_sync, order_parts_blocking, 3)
        retried = await w.client.enqueue(
            sample_tasks.fails_until, str(tmp_path / "calls"), 1, max_retries=1, retry_delay=0.1
        )
        failed = await naq.enqueue(tasks.fail)
        behind = await naq.enqueue(tasks.echo, depends_on=retried, pass_results=True)
        ended = await w.all_final()
        assert len(ended) == 2 + 5 + 3 + 3
        assert (ended[retried.job_id], ended[failed.job_id]) == ("COMPLETED", "FAILED")
        assert await behind.fetch_result() == "call 2 succeeds"
        assert await w.all_final() == ended, "asked again, it says the same"
    assert "NAQ_PREFIX" not in os.environ


async def test_all_final_names_what_has_not_ended(settings: Settings) -> None:
    async with naq.testing.worker(settings, EXAMPLES, drain_s=0) as w:
        job = await naq.enqueue(tasks.sleep, 60)
        with pytest.raises(JobNotCompletedError, match=f"1 jobs have not ended and 0.3 s have passed: {job.job_id}"):
            await w.all_final(timeout=0.3)
        elsewhere = await naq.enqueue(tasks.add, 1, 2, queue_name="nobody")
        w.worker.stop()
        with pytest.raises(JobNotCompletedError, match=f"the worker has stopped: .*{elsewhere.job_id} is PENDING"):
            await w.all_final()


async def test_all_final_of_a_worker_that_has_stopped(settings: Settings) -> None:
    async with naq.testing.worker(settings, EXAMPLES, max_jobs=1) as w:
        job = await naq.enqueue(tasks.add, 1, 2)
        await job.result(timeout=10)
        for _ in range(2):  # as it stops, and after
            assert await w.all_final() == {job.job_id: "COMPLETED"}


async def test_a_clock_put_forward_fires_each_run_on_the_way(settings: Settings) -> None:
    async with naq.testing.worker(settings, EXAMPLES) as w, naq.testing.scheduler(settings) as clock:
        daily = await naq.schedule(tasks.add, 1, 2, cron="0 2 * * *")
        late = await naq.enqueue_in(timedelta(hours=30), tasks.echo, "late")
        await clock.advance(1)
        assert await w.all_final() == {}
        await clock.advance(timedelta(days=3))
        ended = await w.all_final()
        assert len(ended) == 4
        assert await late.fetch_result() == "late"
        (kept,) = await naq.list_schedules()
        assert (kept.schedule_id, kept.run_count) == (daily.schedule_id, 3)
        await clock.advance(timedelta(hours=24))
        assert len(await w.all_final()) == 5
        types = [stored.event.type for stored in await all_events(w.client) if stored.event is not None]
        assert JobEventType.SCHEDULE_MISFIRED not in types


async def test_a_clock_put_forward_at_once_shows_what_an_outage_does(settings: Settings) -> None:
    async with naq.testing.worker(settings, EXAMPLES) as w, naq.testing.scheduler(settings) as clock:
        await naq.schedule(tasks.add, 1, 2, interval="1h", misfire="run_once")
        clock.clock.put_forward(clock.clock.now() + timedelta(hours=10, seconds=5))
        await clock.advance(1)
        assert len(await w.all_final()) == 1
        types = [stored.event.type for stored in await all_events(w.client) if stored.event is not None]
        assert types.count(JobEventType.SCHEDULE_MISFIRED) == 1


async def test_advance_says_what_did_not_fire(settings: Settings) -> None:
    async with AsyncClient(settings) as client, naq.testing.scheduler(settings) as clock:
        made = await client.schedule(tasks.add, 1, 2, interval="1h")
        clock.scheduler.stop()
        with pytest.raises(NaqException, match=made.schedule_id):
            await clock.advance(7200, timeout=0.5)


async def test_a_server_of_ones_own() -> None:
    async with naq.testing.server() as settings:
        async with naq.testing.worker(settings, EXAMPLES) as w:
            job = await naq.enqueue(tasks.add, 2, 3)
            assert await w.all_final() == {job.job_id: "COMPLETED"}
            assert await job.fetch_result() == 5
        url = settings.nats_url
    with pytest.raises(naq.NaqConnectionError):
        await AsyncClient(nats_url=url, connect_timeout_s=1.0).open()
