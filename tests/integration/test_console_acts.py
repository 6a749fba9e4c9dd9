"""Who did this: every act of the console on a real server, each with its actor and one action id in the log."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from naq.calls import Call
from naq.client import AsyncClient
from naq.examples import tasks
from naq.ids import uuid7
from naq.models.event import JobEvent
from naq.models.times import utcnow
from naq.settings import Settings
from naq_tui.feed.commands import NatsCommands
from naq_tui.feed.protocol import Commands
from naq_tui.store.rows import event_row
from tests.conftest import WorkerFactory, child
from tests.integration import sample_tasks
from tests.integration.log import all_events, event_when
from tests.integration.test_monitor import record_when

pytestmark = pytest.mark.nats
MODULES = ("naq.examples.tasks", "tests.integration.sample_tasks")
QUEUE = "mail"


@pytest.fixture
async def console(settings: Settings) -> AsyncIterator[Commands]:
    async with AsyncClient(settings, program="naq-console") as client:
        yield NatsCommands(lambda: client)


async def told_by(client: AsyncClient, act: Awaitable[object]) -> list[JobEvent]:
    """The events that an act wrote, all with one action id and who did it."""
    before = len(await all_events(client))
    await act
    events = [stored.event for stored in (await all_events(client))[before:] if stored.event is not None]
    assert events
    assert len({event.action_id for event in events}) == 1
    assert events[0].action_id
    done_by = [event.actor for event in events if event.actor]
    assert {(actor["host"], actor["program"]) for actor in done_by} == {(socket.gethostname(), "naq-console")}
    return events


async def test_every_act_on_one_record_has_an_action_id_of_its_own(client: AsyncClient, console: Commands) -> None:
    call = Call(tasks.add, (1, 2), {})
    schedule_id = await console.create_schedule(call, {"cron": "0 3 * * *", "queue_name": QUEUE})
    first = await client.enqueue(tasks.add, 1, 2, queue_name="other")
    second = await client.enqueue(tasks.add, 1, 2, queue_name="other")
    acts: list[tuple[Callable[[], Awaitable[object]], list[str]]] = [
        (lambda: console.pause_schedule(schedule_id, reason="why"), ["SCHEDULE_PAUSED"]),
        (lambda: console.resume_schedule(schedule_id, reason="why"), ["SCHEDULE_RESUMED"]),
        (lambda: console.trigger_schedule(schedule_id, reason="why"), ["ENQUEUED", "SCHEDULE_TRIGGERED"]),
        (lambda: console.modify_schedule(schedule_id, {"repeat": 3}, reason="why"), ["SCHEDULE_MODIFIED"]),
        (lambda: console.cancel_schedule(schedule_id, reason="why"), ["SCHEDULE_CANCELLED"]),
        (lambda: console.pause_queue(QUEUE, reason="why"), ["QUEUE_PAUSED"]),
        (lambda: console.resume_queue(QUEUE, reason="why"), ["QUEUE_RESUMED"]),
        (lambda: console.purge_queue(QUEUE, reason="why"), ["CANCELLED", "QUEUE_PURGED"]),
        (lambda: console.clone_job(first.job_id, [3, 4], {}, new_id=uuid7(), reason="why"), ["ENQUEUED"]),
        (lambda: console.cancel_job(first.job_id, reason="why"), ["CANCELLED"]),
        (lambda: console.retry_job(first.job_id, reason="why"), ["RETRY_SCHEDULED"]),
        (lambda: console.cancel_job(second.job_id, reason="why"), ["CANCELLED"]),
        (lambda: console.delete_job(second.job_id, reason="why"), ["OPERATOR_ACTION"]),
        (lambda: console.enqueue_job(call, {"queue_name": QUEUE}, reason="why"), ["OPERATOR_ACTION", "ENQUEUED"]),
        (lambda: console.tell("stop processes", {"processes": 2}, reason="why"), ["OPERATOR_ACTION"]),
    ]
    ids = []
    for act, types in acts:
        events = await told_by(client, act())
        assert [event.type for event in events] == types
        assert any("why" in (event.reason or "") for event in events)
        assert events[-1].actor or events[0].actor
        ids.append(events[0].action_id)
    assert len(set(ids)) == len(acts)


async def test_what_is_made_and_removed_has_an_action_id_of_its_own(
    client: AsyncClient, settings: Settings, console: Commands, worker: WorkerFactory
) -> None:
    call = Call(tasks.add, (1, 2), {})
    made = await told_by(client, console.create_schedule(call, {"cron": "0 3 * * *"}, reason="why"))
    assert [event.type for event in made] == ["OPERATOR_ACTION", "SCHEDULED"]
    once = await told_by(client, console.create_schedule(call, {}, run_at=utcnow() + timedelta(hours=1), reason="why"))
    assert [event.type for event in once] == ["OPERATOR_ACTION", "SCHEDULED"]
    async with worker(modules=MODULES), child(settings, "worker", "other", "-m", MODULES[0]) as process:
        dead = (await record_when(client, lambda r: r.queues == ("other",) and r.status == "IDLE")).worker_id
        process.kill()
        await record_when(client, lambda r: r.worker_id == dead and r.lost_seq is not None)
        forgotten = await told_by(client, console.forget_worker(dead, reason="why"))
        assert dead not in {record.worker_id for record in await client.list_workers()}
    assert [(event.type, event.worker_id) for event in forgotten] == [("OPERATOR_ACTION", dead)]
    assert {event.reason for event in (*made, *once, *forgotten)} == {"why"}
    assert len({events[0].action_id for events in (made, once, forgotten)}) == 3


async def test_a_job_that_is_sent_twice_from_a_form_is_one(client: AsyncClient, console: Commands) -> None:
    call, options = Call(tasks.add, (1, 2), {}), {"queue_name": QUEUE, "job_id": uuid7()}
    assert await console.enqueue_job(call, options) == await console.enqueue_job(call, options) == options["job_id"]
    (stats,) = [stats for stats in await client.inspector.queues() if stats.queue == QUEUE]
    assert stats.waiting == 1


async def test_a_clone_that_is_sent_twice_from_a_form_is_one(client: AsyncClient, console: Commands) -> None:
    first, new_id = await client.enqueue(tasks.add, 1, 2, queue_name=QUEUE), uuid7()
    for _ in range(2):
        assert await console.clone_job(first.job_id, [3, 4], {}, new_id=new_id, action_id="act-1") == new_id
    (stats,) = [stats for stats in await client.inspector.queues() if stats.queue == QUEUE]
    assert stats.waiting == 2
    told = [stored.event for stored in await client.job_history(new_id) if stored.event]
    assert [(event.type, event.action_id, event.details) for event in told] == [
        ("ENQUEUED", "act-1", {"cloned_from": first.job_id})
    ]


async def test_what_a_worker_ends_for_an_operator_has_the_action_id_too(
    client: AsyncClient, console: Commands, worker: WorkerFactory
) -> None:
    async with worker(modules=MODULES) as serving:
        job = await client.enqueue(sample_tasks.wait_long)
        await event_when(client, lambda e: e.type == "STARTED" and e.job_id == job.job_id)
        (cancelled,) = await told_by(client, console.cancel_job(job.job_id, action_id="action-7"))
        assert (cancelled.type, cancelled.worker_id, cancelled.action_id) == (
            "CANCELLED",
            serving.worker_id,
            "action-7",
        )
        await console.stop_worker(serving.worker_id, action_id="action-8")
        stopped = await event_when(client, lambda e: e.type == "OPERATOR_ACTION")
        assert stopped.action_id == "action-8"


async def test_an_action_on_many_is_one_in_the_log(client: AsyncClient, console: Commands) -> None:
    for queue in ("a", "b"):
        await client.enqueue(tasks.add, 1, 2, queue_name=queue)

    async def act() -> None:
        action_id = await console.begin("pause", "queue", ["a", "b"], reason="deploy")
        for queue in ("a", "b"):
            await console.pause_queue(queue, reason="deploy", action_id=action_id)
        await console.finish(action_id, "pause", "queue", done=2, refused=0)

    events = await told_by(client, act())
    assert [event.type for event in events] == ["OPERATOR_ACTION", "QUEUE_PAUSED", "QUEUE_PAUSED", "OPERATOR_ACTION"]
    assert events[0].details == {"action": "pause queues", "queues": 2, "queue_names": ["a", "b"]}
    assert events[-1].details == {"action": "pause queues", "done": 2, "refused": 0}
    shown = [event_row(stored).text for stored in (await all_events(client))[-4:]]
    assert shown[0].startswith("pause queues, 2 by ")
    assert shown[-1].startswith("pause queues, done 2 by ")
