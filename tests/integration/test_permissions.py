"""Permissions per role on a server that enforces them: enough for all a role does, and nothing beyond."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.connection import Connection
from naq.errors import EnqueueError, NaqConnectionError, PermissionDeniedError
from naq.examples import tasks
from naq.names import Names
from naq.permissions import Role, configuration, permissions_of
from naq.settings import Settings
from naq_tui.app import make_console
from naq_tui.feed.nats import NatsFeed
from naq_tui.launcher import Supervisor
from naq_tui.store.updates import EventsAppended, LinkChanged
from tests.conftest import child, run_naq
from tests.integration.configured import ConfiguredServer, configured

pytestmark = pytest.mark.nats

PASSWORD = "pw"


class Roles:
    """A server with one user for each role, and one for each of a few that are wrong."""

    def __init__(self, server: ConfiguredServer, base: Settings) -> None:
        self.server = server
        self._base = base.with_(nats_url=server.url, password=PASSWORD)

    def settings(self, role: str) -> Settings:
        return self._base.with_(user=f"naq-{role}")

    def violations(self) -> list[str]:
        """What the server refused anybody: its own words on user and subject."""
        return [line.split(" - ", 2)[-1] for line in self.server.told("Violation")]


@asynccontextmanager
async def roles(folder: Path, base: Settings, *more: str) -> AsyncIterator[Roles]:
    names = base.names
    users = "".join([*(configuration(role, permissions_of(role, names)) for role in Role), *more])
    users = re.sub(r"\$NAQ_[A-Z]+_PASSWORD", PASSWORD, users)
    store = f'jetstream {{ store_dir: "{folder}/store" }}'
    async with configured(folder, f"{store}\nauthorization {{ users: [\n{users}] }}\n") as server:
        there = Roles(server, base)
        async with AsyncClient(there.settings(Role.OPERATOR)):
            pass  # the first operator makes the streams
        yield there


async def test_each_role_can_do_all_it_needs(tmp_path: Path, settings: Settings) -> None:
    async with roles(tmp_path, settings) as there:
        work = there.settings(Role.WORKER), "worker", "default", "-m", "naq.examples.tasks"
        async with (
            child(*work),
            child(there.settings(Role.SCHEDULER), "scheduler"),
            AsyncClient(there.settings(Role.PRODUCER)) as producer,
            AsyncClient(there.settings(Role.OPERATOR)) as operator,
            AsyncClient(there.settings(Role.OBSERVER)) as observer,
        ):
            first = await producer.enqueue(tasks.add, 1, 2)
            assert await first.result(timeout=20) == 3
            for options in ({"unique": "k", "unique_for": 60.0}, {"job_id": "mine"}, {"depends_on": [first]}):
                job = await producer.enqueue(tasks.add, 2, 2, **options)  # type: ignore[arg-type]
                assert await job.result(timeout=20) == 4
            later = await producer.enqueue_in(0.1, tasks.add, 3, 3)
            assert await later.result(timeout=20) == 6
            many = await producer.enqueue_many([(tasks.add, (n, n)) for n in range(20)])
            assert [await job.result(timeout=20) for job in many] == [2 * n for n in range(20)]
            schedule = await producer.schedule(tasks.add, 1, 1, interval=3600)
            await producer.pause_scheduled_job(schedule.schedule_id)
            await operator.resume_scheduled_job(schedule.schedule_id)
            failing = await producer.enqueue(tasks.fail)
            await operator.results.wait_record(failing.job_id, timeout=20)
            await operator.letters.retry(failing.job_id)
            await operator.pause_queue("idle", reason="test")
            waiting = await producer.enqueue(tasks.add, 1, 1, queue_name="idle")
            assert await operator.cancel(waiting.job_id) == "CANCELLED"
            await producer.enqueue(tasks.add, 1, 1, queue_name="idle")
            assert await operator.queue("idle").purge() == 1
            await operator.resume_queue("idle")
            assert {worker.kind for worker in await observer.inspector.workers()} == {"worker", "scheduler"}
            assert {queue.queue for queue in await observer.inspector.queues()} >= {"default"}
            assert (await observer.job_history(first.job_id))[-1].event is not None
            assert [found.schedule_id for found in await observer.list_schedules()] == [schedule.schedule_id]
            code, out, err = await run_naq(there.settings(Role.OBSERVER), "events", "--json", "--limit", "3")
            assert (code, err, len(out.splitlines())) == (0, "", 3)
        assert there.violations() == []


FORBIDDEN = {
    Role.PRODUCER: ("worker", "purge", "pause", "cancel", "forge", "log", "result", "other"),
    Role.WORKER: ("purge", "operator event", "delete stream", "other"),
    Role.SCHEDULER: ("worker", "purge", "operator event", "delete stream", "other"),
    Role.OPERATOR: ("delete stream", "other"),
    Role.OBSERVER: ("enqueue", "worker", "purge", "pause", "cancel", "forge", "result", "schedule", "other"),
}


def subject_of(act: str, names: Names) -> str:
    """The write that an act comes to, and which must be forbidden."""
    return {
        "enqueue": names.queue_subject("default"),
        "worker": f"$JS.API.CONSUMER.DURABLE.CREATE.{names.jobs}.{names.consumer('default')}",
        "purge": f"$JS.API.STREAM.PURGE.{names.jobs}",
        "pause": f"$KV.{names.control}.queue.default",
        "cancel": f"$JS.API.STREAM.MSG.DELETE.{names.jobs}",
        "forge": names.event_subject("job", "completed", "default"),
        "operator event": names.event_subject("operator", "operator_action", None),
        "log": f"$JS.API.DIRECT.GET.{names.events}",
        "result": f"$KV.{names.results}.x",
        "schedule": f"$KV.{names.schedules}.x",
        "delete stream": f"$JS.API.STREAM.DELETE.{names.events}",
        "other": "other.queue.default",
    }[act]


async def test_no_role_can_do_more(tmp_path: Path, settings: Settings) -> None:
    async with roles(tmp_path, settings) as there:
        for role, acts in FORBIDDEN.items():
            subjects = {act: subject_of(act, settings.names) for act in acts}
            async with Connection(there.settings(role)) as connection:
                for subject in subjects.values():
                    await connection.client.publish(subject, b"{")
                await connection.client.flush()
                await connection.client.flush()
                allowed = [act for act, subject in subjects.items() if not connection.is_denied(subject)]
                assert allowed == [], role
                for subject in (f"{settings.prefix}.>", ">", "$KV.>"):
                    await connection.client.subscribe(subject)
                await connection.client.flush()
                await connection.client.flush()
                assert {kind for kind, _ in connection.denied} == {"publish", "subscription"}


async def test_a_worker_of_one_queue_gets_jobs_of_no_other(tmp_path: Path, settings: Settings) -> None:
    mail = configuration(Role.WORKER, permissions_of(Role.WORKER, settings.names, queues=["mail"]))
    async with roles(tmp_path, settings, mail.replace("naq-worker,", "naq-mail-worker,")) as there:
        mine = there.settings("mail-worker")
        async with (
            AsyncClient(there.settings(Role.PRODUCER)) as producer,
            child(mine, "worker", "mail", "-m", "naq.examples.tasks"),
        ):
            job = await producer.enqueue(tasks.add, 1, 2, queue_name="mail")
            assert await job.result(timeout=20) == 3
        assert there.violations() == []
        code, _, err = await run_naq(mine, "worker", "other", "-m", "naq.examples.tasks")
        assert (code, len(err.splitlines())) == (1, 1)
        assert f"publish to $JS.API.CONSUMER.DURABLE.CREATE.{settings.names.jobs}" in err


async def test_what_is_missing_is_named_and_nothing_waits_for_it(tmp_path: Path, settings: Settings) -> None:
    async with roles(tmp_path, settings) as there:
        observer = there.settings(Role.OBSERVER)
        for arguments, subject in (
            (("enqueue", "naq.examples.tasks:add", "1", "2"), f"{settings.prefix}."),
            (("worker", "-m", "naq.examples.tasks"), "CONSUMER.DURABLE.CREATE"),
            (("scheduler",), f"$KV.{settings.names.workers}."),
            (("queues", "pause", "default"), f"$KV.{settings.names.control}."),
            (("purge", "default", "--yes"), f"{settings.prefix}.events.queue."),
        ):
            async with asyncio.timeout(8):
                code, _, err = await run_naq(observer, *arguments)
            assert code == 1, (arguments, err)
            assert len(err.splitlines()) == 1, err
            assert "does not permit this user to publish to" in err
            assert subject in err, arguments
        async with AsyncClient(observer) as client:
            with pytest.raises((EnqueueError, PermissionDeniedError), match="does not permit"):
                await client.enqueue(tasks.add, 1, 2)
        async with AsyncClient(there.settings(Role.PRODUCER)) as client:
            with pytest.raises(
                PermissionDeniedError, match=rf"(DIRECT\.GET|CONSUMER\.CREATE)\.{settings.names.events}"
            ):
                await client.log.read(1, 1)
            with pytest.raises(PermissionDeniedError, match=f"CONSUMER.CREATE.{settings.names.events}"):
                async for _ in client.events.follow():
                    pass


async def test_a_user_who_may_not_hear_answers_is_told_so(tmp_path: Path, settings: Settings) -> None:
    mine = configuration(Role.PRODUCER, permissions_of(Role.PRODUCER, settings.names, inbox_prefix="_INBOX.mine"))
    async with roles(tmp_path, settings, mine.replace("naq-producer,", "naq-mine-producer,")) as there:
        asked = there.settings("mine-producer")
        async with asyncio.timeout(4):
            with pytest.raises(NaqConnectionError, match=r"subscribe to _INBOX\.>, where all answers arrive"):
                await AsyncClient(asked).open()
        async with AsyncClient(replace(asked, inbox_prefix="_INBOX.mine")) as client:
            assert (await client.enqueue(tasks.add, 1, 2)).stored_seq is not None


async def test_the_console_of_an_observer_is_complete_and_offers_nothing(tmp_path: Path, settings: Settings) -> None:
    async with roles(tmp_path, settings) as there:
        async with AsyncClient(there.settings(Role.PRODUCER)) as producer:
            job = await producer.enqueue(tasks.add, 1, 2)
            for role, is_read_only in ((Role.OBSERVER, True), (Role.OPERATOR, False)):
                feed = NatsFeed(there.settings(role))
                console = make_console(feed, Supervisor(tmp_path / role), commands=feed.commands)
                async with console.run_test(size=(120, 40)) as pilot:
                    async with asyncio.timeout(20):
                        while not console.state.loaded >= {"events", "workers", "queues", "schedules", "results"}:
                            await pilot.pause(0.05)
                    assert console.is_read_only is is_read_only
                    assert (console.commands is None) is is_read_only
                    assert bool(console.state.link.forbids) is is_read_only
                    assert any(action.acts for action in console.actions) is not is_read_only
                    assert console.state.link.message == ""
                    assert (await feed.job_events(job.job_id))[0].event is not None
                    assert await feed.read_payload(job.job_id) is not None
                await feed.close()
        refused = [line for line in there.violations() if f"$KV.{settings.names.control}." not in line]
        assert refused == [], "the console asks once whether it may act, and for nothing else that it may not"


async def test_a_console_with_too_few_permissions_names_what_is_missing(tmp_path: Path, settings: Settings) -> None:
    async with roles(tmp_path, settings) as there:
        feed = NatsFeed(there.settings(Role.PRODUCER))
        batches = feed.batches()
        try:
            async with asyncio.timeout(10):
                async for batch in batches:
                    told = [update.message for update in batch if isinstance(update, LinkChanged) and update.message]
                    assert not any(isinstance(update, EventsAppended) for update in batch)
                    if told:
                        break
        finally:
            await batches.aclose()  # type: ignore[attr-defined]
        assert "does not permit this user to publish to $JS.API." in told[0]


async def test_the_command_prints_what_a_server_takes(tmp_path: Path, settings: Settings) -> None:
    for role in Role:
        code, out, err = await run_naq(settings, "permissions", role, "--inbox", "_INBOX.mine")
        assert (code, err) == (0, "")
        users = out.replace(f"$NAQ_{role.upper()}_PASSWORD", PASSWORD)
        async with configured(tmp_path, f"authorization {{ users: [\n{users}] }}\n") as server:
            asked = settings.with_(nats_url=server.url, user=f"naq-{role}", password=PASSWORD)
            async with Connection(replace(asked, inbox_prefix="_INBOX.mine")) as connection:
                assert await connection.round_trip() < 1
        code, out, _ = await run_naq(settings, "permissions", role, "--json")
        told = json.loads(out)
        assert (code, told["role"], "_INBOX.>" in told["subscribe"]) == (0, role, True)
