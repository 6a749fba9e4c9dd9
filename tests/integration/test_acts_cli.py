"""Who did this: every act of the command line has an action id, which it prints and its events have."""

from __future__ import annotations

import json

import pytest

from naq.client import AsyncClient
from naq.examples import tasks
from naq.settings import Settings
from tests.conftest import run_naq
from tests.integration.log import all_events

pytestmark = pytest.mark.nats

JOB = "0199a000-0000-7000-8000-000000000001"
ACTS: tuple[tuple[str, list[str]], ...] = (
    ("schedules add naq.examples.tasks:add 1 2 --every 1h --id hourly", ["SCHEDULED"]),
    ("schedules pause hourly", ["SCHEDULE_PAUSED"]),
    ("schedules resume hourly", ["SCHEDULE_RESUMED"]),
    ("schedules trigger hourly", ["ENQUEUED", "SCHEDULE_TRIGGERED"]),
    ("schedules edit hourly --timeout 60", ["SCHEDULE_MODIFIED"]),
    ("schedules cancel hourly", ["SCHEDULE_CANCELLED"]),
    ("queues pause mail", ["QUEUE_PAUSED"]),
    ("queues resume mail", ["QUEUE_RESUMED"]),
    (f"job clone {JOB}", ["ENQUEUED"]),
    (f"job cancel {JOB}", ["CANCELLED"]),
    (f"job retry {JOB}", ["RETRY_SCHEDULED"]),
    (f"job cancel {JOB}", ["CANCELLED"]),
    (f"job delete {JOB}", ["OPERATOR_ACTION"]),
    ("queues purge mail --yes", ["CANCELLED", "QUEUE_PURGED"]),
)


async def test_every_act_has_an_id_of_its_own(client: AsyncClient, settings: Settings) -> None:
    await client.enqueue(tasks.add, 1, 2, queue_name="mail", job_id=JOB)
    ids = set[str]()
    for command, types in ACTS:
        before = len(await all_events(client))
        code, out, err = await run_naq(settings, *command.split(), "--reason", "why", "--json")
        assert (code, err) == (0, ""), command
        action_id = json.loads(out)["action_id"]
        events = [stored.event for stored in (await all_events(client))[before:]]
        assert [event and event.type for event in events] == types
        assert {event and event.action_id for event in events} == {action_id}, command
        assert any("why" in (event.reason or "") for event in events if event), command
        ids.add(action_id)
    assert len(ids) == len(ACTS)


async def test_jobs_named_together_are_one_act_and_its_events_are_found(
    client: AsyncClient, settings: Settings
) -> None:
    jobs = [await client.enqueue(tasks.add, 1, 2, queue_name="mail") for _ in range(3)]
    code, out, _ = await run_naq(settings, "job", "cancel", *(job.job_id for job in jobs[:2]))
    assert code == 0
    told = {line.partition("(action ")[2].rstrip(")") for line in out.splitlines()}
    assert (len(out.splitlines()), len(told)) == (2, 1)
    await client.cancel(jobs[2].job_id)
    code, found, _ = await run_naq(settings, "events", "--action", *told, "--json")
    events = [json.loads(line) for line in found.splitlines()]
    assert [(event["type"], event["job_id"]) for event in events] == [("CANCELLED", job.job_id) for job in jobs[:2]]


async def test_what_was_not_done_has_no_id(client: AsyncClient, settings: Settings) -> None:
    code, out, _ = await run_naq(settings, "queues", "resume", "mail", "--json")
    assert (code, json.loads(out)) == (0, {"queue": "mail", "paused": False, "was_paused": False})
    await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="nightly")
    code, out, _ = await run_naq(settings, "schedules", "edit", "nightly", "--timeout", "60", "--dry-run", "--json")
    assert (code, "action_id" in json.loads(out)) == (0, False)
