"""`naq doctor`: what it says of a healthy system, of each thing that is wrong, and what it repairs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from naq.client import AsyncClient
from naq.connection import Connection
from naq.doctor.checks import Check, Level
from naq.doctor.diagnose import diagnose
from naq.examples import tasks
from naq.models.times import utcnow
from naq.models.worker import WorkerRecord
from naq.settings import Settings
from tests.conftest import WorkerFactory, run_naq
from tests.integration.configured import configured
from tests.integration.log import all_events

pytestmark = pytest.mark.nats

PERMISSIONS = """
listen: "127.0.0.1:-1"
ports_file_dir: "{folder}"
jetstream {{ store_dir: "{folder}/store", max_file_store: 10GB }}
accounts {{
  A {{
    jetstream: {{ max_store: 1GB, max_streams: 10 }}
    users: [
      {{ user: all, password: pw }}
      {{ user: reader, password: pw, permissions: {{
        publish: {{
          deny: ["*.queue.>", "$JS.API.CONSUMER.DURABLE.CREATE.>", "$JS.API.STREAM.INFO.KV_{prefix}_unique"] }}
        subscribe: {{ deny: "$KV.*.>" }} }} }}
      {{ user: mute, password: pw, permissions: {{ subscribe: {{ deny: ">" }} }} }}
    ]
  }}
}}
"""


def of(checks: list[Check], name: str) -> Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def bad(checks: list[Check]) -> dict[str, str]:
    """Warnings and problems by what they are about; that an older server lacks something is left out."""
    wrong = [check for check in checks if check.level in (Level.WARNING, Level.PROBLEM) and check.name != "version"]
    return {check.name: check.found for check in wrong}


async def test_a_healthy_system(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    async with worker():
        job = await client.enqueue(tasks.add, 1, 2)
        await job.result(timeout=10)
        code, out, err = await run_naq(settings, "doctor")
    assert (code, err) == (0, "")
    told = [line for line in out.splitlines() if line and not line[0].isspace() and " version " not in line]
    assert {line.split()[0] for line in told[:-1]} == {"ok"}
    assert f"stream {client.connection.names.jobs}" in out
    assert "1 up" in out


async def test_nothing_is_made_where_naq_was_not_used(settings: Settings) -> None:
    checks = await diagnose(settings)
    assert of(checks, "streams").level == Level.WARNING
    assert of(checks, "clock").level == Level.UNKNOWN
    async with Connection(settings) as connection:
        answer = await connection.api("STREAM.NAMES", {"subject": connection.names.events_wildcard})
    assert not answer.get("streams")


async def test_repair_makes_everything_where_nothing_was(settings: Settings) -> None:
    checks = await diagnose(settings, repair=True)
    assert {check.found for check in checks if check.name.startswith("stream ")} == {"was missing and is made"}
    async with AsyncClient(settings) as client:
        told = [stored.event for stored in await all_events(client) if stored.event is not None]
    assert {event.type for event in told} == {"OPERATOR_ACTION"}
    assert len(told) == sum(check.name.startswith("stream ") for check in checks)
    assert list(bad(await diagnose(settings))) == ["workers"]


async def test_no_server(settings: Settings) -> None:
    code, out, err = await run_naq(settings, "doctor", "--json", "--server", "nats://127.0.0.1:1")
    (check,) = [json.loads(line) for line in out.splitlines()]
    assert (code, err, check["check"], check["level"]) == (1, "", "server", "problem")
    assert "no server answers at nats://127.0.0.1:1" in check["found"]


async def test_what_a_user_may_not_do_is_named(tmp_path: Path, settings: Settings) -> None:
    async with configured(tmp_path, PERMISSIONS, settings.prefix) as server:
        url = server.url
        mine = replace(settings, nats_url=url, user="all", password="pw")
        async with AsyncClient(mine):
            pass
        checks = await diagnose(mine)
        assert of(checks, "permissions").level == Level.OK
        assert of(checks, "jetstream storage").found.endswith("of 1.0 GiB used or reserved, 1.0 GiB left")
        assert "10 of 10 allowed" in of(checks, "jetstream streams").found, "an object store finds no room"
        async with asyncio.timeout(4):
            checks = await diagnose(replace(mine, user="reader"))
        told = {check.found: check.advice for check in checks if check.name == "permissions"}
        assert told["may not enqueue jobs"] == f"let this user publish {mine.prefix}.queue.*"
        assert told["may not serve queues"] == "let this user publish $JS.API.CONSUMER.DURABLE.>"
        assert "may not look at streams" in told
        assert (
            told["may not hear of results as they are stored"] == f"let this user subscribe $KV.{mine.names.results}.>"
        )
        assert "does not permit" in of(checks, "streams").found
        async with asyncio.timeout(4):
            (mute,) = await diagnose(replace(mine, user="mute"))
        assert (mute.level, mute.advice) == (Level.PROBLEM, "let this user subscribe _INBOX.>")


async def test_a_forbidden_write_fails_at_once(tmp_path: Path, settings: Settings) -> None:
    async with configured(tmp_path, PERMISSIONS, settings.prefix) as server:
        url = server.url
        mine = replace(settings, nats_url=url, user="all", password="pw")
        async with AsyncClient(mine):
            pass
        async with AsyncClient(mine) as client:
            stored = await client.enqueue(tasks.add, 1, 2)
        code, _, err = await run_naq(replace(mine, user="reader"), "enqueue", "naq.examples.tasks:add", "1", "2")
        assert stored.job_id
        assert code == 1
        assert "does not permit" in err
        assert len(err.splitlines()) == 1


async def update(client: AsyncClient, stream: str, **changes: Any) -> None:
    found = await client.connection.api(f"STREAM.INFO.{stream}")
    await client.connection.api(f"STREAM.UPDATE.{stream}", {**found["config"], **changes})


async def test_drift_is_told_field_by_field_and_repaired_on_demand(client: AsyncClient, settings: Settings) -> None:
    names = client.connection.names
    await update(client, f"KV_{names.results}", max_age=3_600 * 10**9, allow_rollup_hdrs=False)
    await update(client, names.events, max_age=90 * 86_400 * 10**9)
    await update(client, names.jobs, max_msgs=1000)
    await client.connection.api(f"STREAM.DELETE.KV_{names.limits}")
    checks = await diagnose(settings)
    results = of(checks, f"stream KV_{names.results}")
    assert results.level == Level.PROBLEM
    assert results.found == "max_age is 1 h, not 7 d; allow_rollup_hdrs is False, not True"
    longer = of(checks, f"stream {names.events}")
    assert (longer.level, longer.found) == (Level.WARNING, "max_age is 90 d, not 30 d")
    assert of(checks, f"stream {names.jobs}").found == "max_msgs is 1000, not unlimited"
    assert of(checks, f"stream KV_{names.limits}").found == "does not exist"
    code, out, _ = await run_naq(settings, "doctor", "--repair")
    assert code == 0, out
    assert "repaired: max_age from 1 h to 7 d; allow_rollup_hdrs from False to True" in out
    assert "was missing and is made" in out
    assert list(bad(await diagnose(settings))) == [f"stream {names.events}", "workers"], "a longer age is left alone"
    told = [stored.event for stored in await all_events(client) if stored.event is not None]
    assert [event.details["of"] for event in told if event.details] == [
        *(names.jobs, f"KV_{names.results}", f"KV_{names.limits}")
    ]
    changes = (told[0].details or {})["changes"]
    assert changes == {"max_msgs": {"from": 1000, "to": -1}}
    assert told[0].actor is not None


async def test_a_consumer_that_drifted_and_one_that_is_not_ours(
    client: AsyncClient, settings: Settings, worker: WorkerFactory
) -> None:
    names = client.connection.names
    async with worker():
        pass
    foreign = {"durable_name": "mine", "filter_subject": f"{names.prefix}.queue.other", "ack_policy": "explicit"}
    await client.connection.api(
        f"CONSUMER.DURABLE.CREATE.{names.jobs}.mine", {"stream_name": names.jobs, "config": foreign}
    )
    slower = replace(settings, ack_wait_s=30.0)
    checks = await diagnose(slower)
    consumer = names.consumer("default")
    assert of(checks, f"consumer {consumer}").found == "ack_wait is 2 s, not 30 s"
    assert of(checks, "consumer mine").level == Level.PROBLEM
    assert "repaired" in of(await diagnose(slower, repair=True), f"consumer {consumer}").found
    assert f"consumer {consumer}" not in bad(await diagnose(slower))


async def test_what_needs_somebody(client: AsyncClient, settings: Settings, worker: WorkerFactory) -> None:
    failing = await client.enqueue(tasks.fail, queue_name="served")
    async with worker("served"):
        await client.results.wait_record(failing.job_id, timeout=10)
    await client.enqueue_many([(tasks.add, (1, 2))] * 3, queue_name="alone")
    await client.pause_queue("held", reason="provider is down")
    await client.enqueue(tasks.add, 1, 2, queue_name="held")
    await client.schedule(tasks.add, 1, 2, interval=3600)
    ghost = WorkerRecord(worker_id="w-ghost", status="BUSY", heartbeat_interval_s=0.1)
    await client.inspector._workers.put("w-ghost", ghost.to_wire())
    saved = await client.inspector._workers.get("w-ghost")
    assert saved is not None
    while not ghost_is_dead(client, saved.saved_at):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    found = bad(await diagnose(settings))
    assert found == {
        "workers": "none is up",
        "schedules": "1 active schedules and no scheduler",
        "queue alone": "3 jobs wait and nobody consumes it",
        "queue held": "is paused (provider is down), 1 jobs wait",
        "dead letter": "1 failed job is kept",
    }
    assert "1 dead: w-ghost" in [check.found for check in await diagnose(settings)]


def ghost_is_dead(client: AsyncClient, beat_at: Any) -> bool:
    return bool(utcnow() + client.connection.clock_offset - beat_at > timedelta(seconds=0.3))
