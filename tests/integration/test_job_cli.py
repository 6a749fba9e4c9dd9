"""`naq job`: what it prints, how it ends, what the log keeps of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.errors import JobExecutionError
from naq.models.job import Job, JobStatus
from naq.settings import Settings
from tests.conftest import WorkerFactory, run_naq
from tests.integration import sample_tasks
from tests.integration.log import all_events, events_of

pytestmark = pytest.mark.nats

SAMPLES = "tests.integration.sample_tasks"


async def some_failed(
    client: AsyncClient, worker: WorkerFactory, count: int, path: Path, **options: object
) -> list[Job]:
    async with worker("default", "mail", modules=(SAMPLES,)):
        jobs = [await client.enqueue(sample_tasks.fails_until, str(path / f"n{i}"), 1, **options) for i in range(count)]
        for job in jobs:
            with pytest.raises(JobExecutionError):
                await job.result(timeout=15)
    return jobs


async def test_a_failed_job_is_shown_retried_and_shown_again(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    (job,) = await some_failed(client, worker, 1, tmp_path, tags=["nightly"])
    code, out, err = await run_naq(settings, "job", "show", job.job_id)
    assert (code, err) == (0, "")
    for part in (
        job.job_id,
        "FAILED",
        f"{SAMPLES}:fails_until",
        "n0",
        "nightly",
        "Traceback",
        "call 1 fails",
        "ENQUEUED",
    ):
        assert part in out
    code, out, _ = await run_naq(settings, "job", "retry", job.job_id, "--reason", "again", "--json")
    told = json.loads(out)
    assert told.pop("action_id")
    assert (code, told) == (0, {"job_id": job.job_id, "status": "RETRY", "queue": "default"})
    code, _, err = await run_naq(settings, "job", "retry", job.job_id)
    assert (code, "is RETRY" in err) == (1, True)
    async with worker(modules=(SAMPLES,)):
        assert await job.result(timeout=10) == "call 2 succeeds"
    code, out, _ = await run_naq(settings, "job", "show", job.job_id, "--json")
    shown = json.loads(out)
    assert (code, shown["status"], shown["value"]) == (0, "COMPLETED", "call 2 succeeds")
    assert [(a["number"], "error" in a) for a in shown["attempts"]] == [(1, True), (2, False)]
    types = [event["type"] for event in shown["timeline"]]
    assert types == ["ENQUEUED", "STARTED", "FAILED", "RETRY_SCHEDULED", "STARTED", "COMPLETED"]
    assert shown["timeline"][3]["actor"]["program"] == "naq cli"
    assert shown["timeline"][3]["reason"] == "again"


async def test_a_waiting_job_is_shown_with_its_arguments(client: AsyncClient, settings: Settings) -> None:
    job = await client.enqueue(sample_tasks.fails_until, "some\x1b[2Jfile", 3)
    code, out, _ = await run_naq(settings, "job", "show", job.job_id)
    assert (code, "PENDING" in out, "file" in out, "\x1b" in out) == (0, True, True, False)
    code, out, _ = await run_naq(settings, "job", "show", job.job_id, "--json")
    shown = json.loads(out)
    assert (shown["status"], shown["args"]) == ("PENDING", ["some\x1b[2Jfile", 3])
    assert [event["type"] for event in shown["timeline"]] == ["ENQUEUED"]


async def test_arguments_are_edited_and_checked(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    (job,) = await some_failed(client, worker, 1, tmp_path)
    code, _, err = await run_naq(settings, "job", "retry", job.job_id, "--args-json", '["one"]')
    assert (code, "can't be called so" in err) == (2, True)
    edited = json.dumps([str(tmp_path / "fresh"), 0])
    code, _, _ = await run_naq(settings, "job", "retry", job.job_id, "--args-json", edited, "--to-queue", "mail")
    assert code == 0
    async with worker("mail", modules=(SAMPLES,)):
        assert await job.result(timeout=10) == "call 1 succeeds"


async def test_many_are_counted_then_retried(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    jobs = await some_failed(client, worker, 5, tmp_path, queue_name="mail")
    chosen = ("job", "retry", "--queue", "mail", "--error", "ValueError", "--all")
    code, out, _ = await run_naq(settings, *chosen, "--dry-run", "--json")
    assert (code, json.loads(out)["matched"]) == (0, 5)
    assert all(stored.event.type != "OPERATOR_ACTION" for stored in await all_events(client) if stored.event)
    code, out, err = await run_naq(settings, *chosen)
    assert (code, out, "--yes" in err) == (2, "", True)
    code, out, _ = await run_naq(settings, *chosen, "--yes", "--limit", "2", "--json")
    assert (code, json.loads(out)["done"]) == (0, 2)
    code, out, _ = await run_naq(settings, *chosen, "--yes", "--reason", "mended")
    assert (code, "retry: 3 of 3 jobs" in out) == (0, True)
    async with worker("mail", modules=(SAMPLES,)):
        assert {await job.result(timeout=10) for job in jobs} == {"call 2 succeeds"}


async def test_jobs_are_cancelled(client: AsyncClient, settings: Settings) -> None:
    job = await client.enqueue(sample_tasks.wait_long)
    code, out, _ = await run_naq(settings, "job", "cancel", job.job_id, "--reason", "not needed", "--json")
    told = json.loads(out)
    assert told.pop("action_id")
    assert (code, told) == (0, {"job_id": job.job_id, "status": "CANCELLED"})
    assert await client.get_job_status(job.job_id) == JobStatus.CANCELLED
    event = (await events_of(client, job.job_id))[-1]
    assert (event.type, event.reason) == ("CANCELLED", "not needed")
    code, out, err = await run_naq(settings, "job", "cancel", job.job_id, "nobody")
    assert (code, "is CANCELLED" in out, "nobody" in err) == (1, True, True)


async def test_records_are_deleted(
    client: AsyncClient, settings: Settings, worker: WorkerFactory, tmp_path: Path
) -> None:
    first, *rest = await some_failed(client, worker, 3, tmp_path)
    code, out, _ = await run_naq(settings, "job", "delete", first.job_id, "--json")
    told = json.loads(out)
    assert told.pop("action_id")
    assert (code, told) == (0, {"job_id": first.job_id, "deleted": True})
    code, out, _ = await run_naq(settings, "job", "delete", "--all", "--function", "fails_until", "--yes", "--json")
    assert (code, json.loads(out)["done"]) == (0, 2)
    for job in (first, *rest):
        assert await client.results.get_record(job.job_id) is None
        assert (await events_of(client, job.job_id))[-1].type == "OPERATOR_ACTION"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "nobody"), 1, "not known"),
        (("retry", "nobody"), 1, "has no record"),
        (("delete", "nobody"), 1, "no record to delete"),
        (("cancel", "nobody"), 1, "not known"),
        (("retry",), 2, "--all"),
        (("retry", "a", "--all"), 2, "--all"),
        (("retry", "a", "--args-json", "{}"), 2, "--args-json must be JSON like"),
        (("retry", "a", "--args-json", "["), 2, "not JSON"),
        (("retry", "a", "b", "--args-json", "[]"), 2, "one JOB-ID"),
        (("retry", "--all", "--since", "soon"), 2, "is no time"),
        (("retry", "--all", "--status", "running"), 2, "status must be one of"),
        (("delete", "--all", "--limit", "0", "--yes"), 2, "--limit"),
    ],
)
async def test_bad_input_is_one_line(
    client: AsyncClient, settings: Settings, arguments: tuple[str, ...], code: int, says: str
) -> None:
    got, out, err = await run_naq(settings, "job", *arguments)
    assert (got, out) == (code, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert await all_events(client) == []


@pytest.mark.parametrize("verb", ["", "show", "retry", "cancel", "delete"])
async def test_help_shows_an_example(settings: Settings, verb: str) -> None:
    code, out, _ = await run_naq(settings, "job", *([verb] if verb else []), "--help")
    assert (code, "example" in out, "naq job" in out) == (0, True, True)
