"""The `naq` command: what it prints, how it ends."""

from __future__ import annotations

import json

import pytest

from naq.client import AsyncClient
from naq.examples import tasks
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, run_naq
from tests.integration.log import all_events

pytestmark = pytest.mark.nats


async def test_enqueue_and_result(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    async with worker():
        code, out, err = await run_naq(settings, "enqueue", f"{EXAMPLES}:add", "2", "3", "--json")
        assert (code, err) == (0, "")
        job_id = json.loads(out)["job_id"]
        code, out, _ = await run_naq(settings, "result", job_id, "--wait", "5", "--json")
    assert code == 0
    assert json.loads(out)["value"] == 5


async def test_enqueue_takes_json_and_keywords(settings: Settings, client: AsyncClient, worker: WorkerFactory) -> None:
    async with worker():
        code, out, _ = await run_naq(settings, "enqueue", f"{EXAMPLES}:echo", 'value={"a": [1, null]}', "--wait", "5")
    assert (code, json.loads(out)) == (0, {"a": [1, None]})


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("enqueue", "naq.examples.tasks:nope"), 2, "has no function 'nope'"),
        (("enqueue", "naq.nowhere:add"), 2, "was not found"),
        (("enqueue", "naq.examples.tasks:add", "1"), 2, "missing a required argument"),
        (("enqueue", "add"), 2, "expected 'module:function'"),
        (("enqueue", "naq.examples.tasks:add", "1", "2", "-q", "a b"), 2, "queue name 'a b' is not valid"),
        (("enqueue", "naq.examples.tasks:add", "1", "2", "--at", "soon"), 2, "no ISO time"),
        (("schedules", "add", "naq.examples.tasks:add", "1", "2", "--cron", "* * 40 * *"), 2, "(column 5)"),
        (("schedules", "pause", "nobody"), 1, "does not exist"),
        (("result", "nobody"), 1, "not known"),
        (("result", "no body.*"), 1, "job no body.* is not known"),
        (("worker",), 2, "-m myapp.tasks"),
        (("worker", "-m", "naq.nowhere"), 2, "was not found"),
        (("purge", "mail"), 2, "--yes"),
        (("queues", "--server", "nats://127.0.0.1:1"), 1, "no server answers at nats://127.0.0.1:1"),
        (("queues", "--server", "ftp://x"), 2, "server address"),
    ],
)
async def test_bad_input_is_one_line(
    client: AsyncClient, settings: Settings, arguments: tuple[str, ...], code: int, says: str
) -> None:
    got, out, err = await run_naq(settings, *arguments)
    assert (got, out) == (code, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert await all_events(client) == []


async def test_lists_are_told_as_json(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="nightly")
    async with worker() as w:
        _, workers, _ = await run_naq(settings, "list-workers", "--json")
        _, queues, _ = await run_naq(settings, "queues", "--json")
        _, schedules, _ = await run_naq(settings, "schedules", "--json")
        _, events, _ = await run_naq(settings, "events", "--json")
        for verb in ("list-workers", "queues", "schedules", "events"):
            code, out, _ = await run_naq(settings, verb)
            assert (code, out != "") == (0, True)
    assert json.loads(workers)["worker_id"] == w.worker_id
    assert json.loads(queues)["queue"] == "default"
    assert json.loads(schedules)["schedule_id"] == "nightly"
    assert [json.loads(line)["type"] for line in events.splitlines()] == ["SCHEDULED", "WORKER_STARTED"]


async def test_schedules_are_paused_and_cancelled(client: AsyncClient, settings: Settings) -> None:
    code, out, _ = await run_naq(
        settings, "schedules", "add", f"{EXAMPLES}:add", "1", "2", "--every", "1h", "--id", "hourly"
    )
    assert (code, out.strip()) == (0, "hourly")
    for verb, status in (("pause", "paused"), ("resume", "active"), ("cancel", "cancelled")):
        code, out, _ = await run_naq(settings, "schedules", verb, "hourly", "--reason", "test")
        assert (code, out.partition(" (action ")[0]) == (0, f"schedule 'hourly' is {status}")


async def test_purge_asks_nobody_with_yes(client: AsyncClient, settings: Settings) -> None:
    await client.enqueue_many([(tasks.add, (1, 2))] * 3)
    code, out, _ = await run_naq(settings, "purge", "default", "--yes", "--json")
    assert (code, json.loads(out)["purged"]) == (0, 3)


async def test_hostile_names_cannot_move_the_cursor(client: AsyncClient, settings: Settings) -> None:
    subject = client.connection.names.event_subject("job", "started", "default")
    await client.connection.outbox.publish(subject, b'{"type": "A\\u001b[2J", "function": "\\u009b31m"}')
    await client.connection.outbox.publish(subject, b"\x1b]0;title\x07")
    _, out, _ = await run_naq(settings, "events")
    assert "\x1b" not in out
    assert "\x9b" not in out


@pytest.mark.parametrize("arguments", [(), ("--help",), ("worker", "--help"), ("enqueue", "--help")])
async def test_help_shows_an_example(settings: Settings, arguments: tuple[str, ...]) -> None:
    code, out, _ = await run_naq(settings, *arguments)
    assert code == (0 if arguments else 2)
    assert "example" in out
