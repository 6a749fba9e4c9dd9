"""Acting on all that match on a real server: on more jobs than the console holds, each once, and on no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from naq.client import AsyncClient
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job
from naq.models.result import JobError, JobResult
from naq.settings import Settings
from naq_tui.app import NaqConsole, make_console
from naq_tui.feed import nats, past
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.nats import NatsFeed
from naq_tui.screens.bulk import BulkScreen
from naq_tui.screens.collect import CollectScreen
from tests.integration import sample_tasks
from tests.integration.log import all_events
from tests.tui.conftest import until

pytestmark = pytest.mark.nats
STORED = 2_400


def ended(number: int) -> JobResult:
    """Every third has failed, half of these of another cause."""
    is_failed, queue = number % 3 == 0, "mail" if number % 2 else "reports"
    kind = "TimeoutError" if number % 2 else "ValueError"
    job = Job(job_id=f"job-{number:05}", function="tests.integration.sample_tasks:wait_long", queue_name=queue)
    return JobResult(
        job_id=job.job_id,
        status="FAILED" if is_failed else "COMPLETED",
        function=job.function,
        queue=queue,
        attempt=1,
        error=JobError(type=kind, message="too slow", fingerprint=kind) if is_failed else None,
        job=job.to_record(),
    )


async def store(client: AsyncClient, records: list[JobResult]) -> None:
    for first in range(0, len(records), 400):
        await asyncio.gather(
            *(client.results.bucket.put(each.job_id, each.to_wire()) for each in records[first : first + 400])
        )


@asynccontextmanager
async def console_on(settings: Settings) -> AsyncIterator[tuple[NaqConsole, Pilot[None]]]:
    feed = NatsFeed(settings)
    console = make_console(feed, FakeProcesses(), commands=feed.commands)
    async with console.run_test(size=(120, 40)) as pilot, asyncio.timeout(90):
        await until(pilot, lambda: {"results", "queues", "jobs", "failures"} <= console.state.loaded)
        yield console, pilot


async def confirm(pilot: Pilot[None], console: NaqConsole, number: int) -> BulkScreen:
    """Type the number and say yes; the form that tells the course."""
    await until(pilot, lambda: isinstance(console.screen, BulkScreen))
    screen = console.screen
    assert isinstance(screen, BulkScreen)
    assert len(screen.targets) == number
    await until(pilot, lambda: console.focused is not None and console.focused.id == "field-count")
    await pilot.press(*str(number), "enter", "y")
    return screen


async def test_results_that_are_not_held_are_retried_and_what_changed_since_is_refused(
    client: AsyncClient, settings: Settings
) -> None:
    await store(client, [ended(number) for number in range(STORED)])
    wanted = [f"job-{number:05}" for number in range(STORED) if number % 3 == 0 and number % 2]
    async with console_on(settings) as (console, pilot):
        await pilot.press("7", "slash", *"error:timeout", "enter", "a")
        await pilot.pause()
        assert 0 < len(console.main.tables["results"].marks) < len(wanted)
        await pilot.press("a", "R")
        await until(pilot, lambda: isinstance(console.screen, BulkScreen))
        assert [target.key for target in console.screen.targets] == wanted  # type: ignore[attr-defined]
        for job_id in wanted[5:8]:  # the list is frozen by now
            await client.retry_job(job_id, reason="somebody else")
        await client.delete_job(wanted[9])
        await store(client, [ended(STORED + 3)])
        screen = await confirm(pilot, console, len(wanted))
        await until(pilot, lambda: screen._is_over)
        action = screen._action
        assert action is not None
        assert (action.done, action.refused) == (len(wanted) - 4, 4)
        assert action.not_done == {*wanted[5:8], wanted[9]}
        assert action.problems
    queued = {queue.queue: queue.waiting for queue in await client.inspector.queues()}
    assert queued == {"mail": len(wanted) - 1}, "three by somebody else, none twice, one was deleted"
    left = await client.results.get_record(f"job-{STORED + 3:05}")
    assert left is not None
    assert left.status == "FAILED", "what failed after the list was frozen is not touched"


async def test_all_results_but_those_of_a_queue_are_deleted(client: AsyncClient, settings: Settings) -> None:
    await store(client, [ended(number) for number in range(STORED)])
    async with console_on(settings) as (console, pilot):
        await pilot.press("7", "slash", *"!queue:mail", "enter", "a", "a", "D")
        await confirm(pilot, console, STORED // 2)
        await until(pilot, lambda: console.screen is console.main)
        entries = await client.results.bucket.entries()
        assert {int(entry.key[-5:]) % 2 for entry in entries} == {1}
        assert len(entries) == STORED // 2
    acts = [event for stored in await all_events(client) if (event := stored.event) and event.type == "OPERATOR_ACTION"]
    assert [event.details for event in acts][-1] == {"action": "delete jobs", "done": STORED // 2, "refused": 0}


async def test_jobs_that_wait_are_cancelled_whether_they_are_held_or_not(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats, "PAST_EVENTS", 40)
    monkeypatch.setattr(past, "WAITING_READ", 20)
    await client.enqueue_many([(sample_tasks.wait_long, ())] * 150, queue_name="mail")
    kept = await client.enqueue(sample_tasks.wait_long, queue_name="reports")
    async with console_on(settings) as (console, pilot):
        table = console.main.tables["jobs"]
        await pilot.press("3", "right")
        assert table.facet == "PENDING"
        await pilot.press("slash", *"queue:mail", "enter")
        assert 0 < table.row_count <= 60
        await pilot.press("a", "a", "X")
        await confirm(pilot, console, 150)
        await until(pilot, lambda: console.screen is console.main)
    queued = {queue.queue: queue.waiting for queue in await client.inspector.queues()}
    assert {name: number for name, number in queued.items() if number} == {"reports": 1}
    assert await client.get_job_status(kept.job_id) == "PENDING"


async def test_all_of_one_error_are_retried_and_of_no_other(client: AsyncClient, settings: Settings) -> None:
    records = [ended(number) for number in range(STORED)]
    await store(client, records)
    failed = [each for each in records if each.error is not None and each.error.type == "ValueError"]
    for each in failed[:3]:  # the log tells of some: the others failed too long ago for it
        assert each.error is not None
        about = {"job_id": each.job_id, "queue": each.queue, "function": each.function}
        await client.events.write(JobEvent.of(JobEventType.FAILED, error=each.error.for_event(), **about))
    async with console_on(settings) as (console, pilot):
        await pilot.press("9")
        await until(pilot, lambda: console.main.tables["errors"].row_count == 1)
        await pilot.press("R")
        await confirm(pilot, console, len(failed))
        await until(pilot, lambda: console.screen is console.main)
    queued = {queue.queue: queue.waiting for queue in await client.inspector.queues()}
    assert queued == {"reports": len(failed)}


async def test_the_search_for_all_of_them_is_given_up_with_a_key(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(client, [ended(number) for number in range(STORED)])
    async with console_on(settings) as (console, pilot):
        go_on = asyncio.Event()
        read = console.feed.stored_results

        async def held(start: int, step: int):  # type: ignore[no-untyped-def]
            async for piece in read(start, step):
                yield piece
                await go_on.wait()

        monkeypatch.setattr(console.feed, "stored_results", held)
        await pilot.press("7", "a", "a", "D")
        await until(pilot, lambda: isinstance(console.screen, CollectScreen))
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is console.main)
        assert console.main.tables["results"].takes_all, "what was chosen stays chosen"
    assert len(await client.results.bucket.entries()) == STORED
