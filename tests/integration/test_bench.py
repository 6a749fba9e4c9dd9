"""`naq bench`: what it prints, and that it leaves nothing on the server and touches nothing of others."""

from __future__ import annotations

import asyncio
import json
import signal

import psutil
import pytest

from naq.bench.run import percentile
from naq.bench.trial import left_behind
from naq.cli import bench
from naq.client import AsyncClient
from naq.settings import Settings
from tests.conftest import child, run_naq

pytestmark = pytest.mark.nats


async def streams_of(client: AsyncClient) -> list[str]:
    answer = await client.connection.api("STREAM.NAMES")
    return sorted(answer["streams"])


async def test_all_is_measured_and_nothing_is_left(client: AsyncClient, settings: Settings) -> None:
    job = await client.enqueue("naq.examples.tasks:add", 1, 2)
    streams, log = await streams_of(client), await client.log.range()
    code, out, err = await run_naq(settings, "bench", "--jobs", "40", "--concurrency", "5", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    figures = {figure["name"]: figure for figure in record["figures"]}
    assert list(figures) == [
        "enqueue, one at a time",
        "enqueue, 100 at once",
        "enqueue_many",
        "drain, async jobs",
        "drain, sync jobs",
        "enqueue to start, 50/s",
        "enqueue to result in hand",
        "event to its reader",
        "read the log",
    ]
    for figure in figures.values():
        assert figure["value"] > 0
        reached = figure["value"] <= figure["good"] if "p99" in figure else figure["value"] >= figure["good"]
        assert figure["is_good"] is reached
    assert [figures[name]["jobs"] for name in ("enqueue, one at a time", "drain, sync jobs")] == [4, 40]
    # three events of each job that was drained, an ENQUEUED of each that was not, and of the latency steps
    assert figures["read the log"]["jobs"] > 2 * 3 * 40 + 2 * 40
    assert record["server"] == settings.server_label
    assert record["round_trip_ms"] > 0
    assert await streams_of(client) == streams
    assert await client.log.range() == log
    assert (await client.list_queues())[0].waiting == 1
    assert (await client.get_job_status(job.job_id)) == "PENDING"


async def test_the_table_names_what_is_good(settings: Settings) -> None:
    code, out, _ = await run_naq(settings, "bench", "--jobs", "20")
    assert code == 0
    assert out.startswith("nats-server ")
    assert "WHAT" in out
    assert "from 10,000 jobs/s" in out
    assert ("not reached: do other programs" in out) is ("s  not reached" in out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_an_interrupted_run_removes_its_streams_and_ends_its_worker(
    client: AsyncClient, settings: Settings, number: signal.Signals, code: int
) -> None:
    async with child(settings, "bench", "--jobs", "1000") as process:
        async with asyncio.timeout(30):
            while not (workers := psutil.Process(process.pid).children()):  # noqa: ASYNC110  (a start is no event)
                await asyncio.sleep(0.02)
        assert len(await left_behind(client.connection)) == 1
        process.send_signal(number)
        async with asyncio.timeout(20):
            out, _ = await process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in out
    assert await left_behind(client.connection) == []
    assert not any(worker.is_running() for worker in workers)


async def test_what_a_killed_run_left_can_be_cleaned(client: AsyncClient, settings: Settings) -> None:
    streams = await streams_of(client)
    async with child(settings, "bench", "--jobs", "1000000") as process:
        async with asyncio.timeout(20):
            while not await left_behind(client.connection):  # noqa: ASYNC110  (the server tells nobody of new streams)
                await asyncio.sleep(0.02)
        process.kill()
        await process.wait()
    (prefix,) = await left_behind(client.connection)
    code, out, _ = await run_naq(settings, "bench", "--clean", "--json")
    assert (code, json.loads(out)) == (0, {"removed": [prefix]})
    assert await streams_of(client) == streams
    assert (await run_naq(settings, "bench", "--clean"))[1] == "0 runs removed\n"


async def test_a_number_that_can_not_be_is_refused(settings: Settings) -> None:
    code, _, err = await run_naq(settings, "bench", "--jobs", "0")
    assert (code, err) == (2, "naq: --jobs must be from 1 to 10,000,000, not 0\n")


def test_the_bar_is_for_terminals_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with bench.Bar("drain", 100) as bar:
        bar.show(50)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(bench, "FRAME_S", 0.0)
    with bench.Bar("drain", 100) as bar:
        bar.show(50)
        bar.show(200)
    out = capsys.readouterr().err
    assert "━" * 15 + "─" * 15 + " 50/100" in out
    assert "━" * 30 + " 200/100" in out
    assert out.endswith("\r\x1b[K")


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(number) for number in range(100, -1, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [0.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0
