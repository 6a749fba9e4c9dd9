"""OpenTelemetry spans and Prometheus metrics, by the real packages."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import naq
from naq.client import AsyncClient
from naq.errors import JobExecutionError
from naq.examples import context as context_examples
from naq.examples import tasks
from naq.middleware import add_enqueue_hook, enqueue_hooks, remove_enqueue_hook
from naq.models.job import Job
from naq.scheduler import Scheduler
from naq.settings import Settings
from tests.conftest import EXAMPLES, WorkerFactory, child
from tests.integration.log import event_when

pytestmark = pytest.mark.nats

HERE = "tests.integration.test_telemetry"
CONTEXT = "naq.examples.context"


@pytest.fixture(autouse=True)
def _own_enqueue_hooks() -> Iterator[None]:
    yield
    enqueue_hooks.clear()


async def relay(value: str) -> str:
    """A job that enqueues another."""
    async with naq.AsyncClient(_settings[0]) as client:
        return (await client.enqueue(tasks.echo, value)).job_id


_settings: list[Settings] = []


@pytest.fixture
def spans() -> Any:
    """(exporter, provider) of the SDK: spans are kept in memory."""
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    return exporter, provider


async def test_a_run_is_a_span_in_the_trace_of_its_producer(
    client: AsyncClient, worker: WorkerFactory, settings: Settings, spans: Any
) -> None:
    from naq.ext.opentelemetry import OpenTelemetry, instrument_producer

    exporter, provider = spans
    instrument_producer()
    _settings[:] = [settings]
    with provider.get_tracer("shop").start_as_current_span("order") as order:
        first = await client.enqueue(relay, "parcel")
        retried = await client.enqueue(tasks.fail, "no luck", max_retries=1, retry_delay=0.01)
        asked = await client.enqueue(context_examples.stop_if_unknown, "unknown")
    alone = await client.enqueue(tasks.add, 1, 2)
    assert first.headers["traceparent"].split("-")[2] == f"{order.get_span_context().span_id:016x}"
    assert alone.headers == {}
    modules = (EXAMPLES, CONTEXT, HERE)
    async with worker(modules=modules, middleware=[OpenTelemetry(provider)]):
        second_id = await first.result(timeout=10)
        assert await client.fetch_job_result(second_id, timeout=10) == "parcel"
        assert await alone.result(timeout=10) == 3
        for job in (retried, asked):
            with pytest.raises(JobExecutionError):
                await job.result(timeout=10)
        refused = await client.enqueue("os:getcwd")
        with pytest.raises(JobExecutionError):
            await refused.result(timeout=10)
    by_job: dict[str, list[Any]] = {}
    for span in exporter.get_finished_spans():
        by_job.setdefault((span.attributes or {}).get("messaging.message.id", ""), []).append(span)
    (relayed,), (echoed,) = by_job[first.job_id], by_job[second_id]
    assert relayed.parent.span_id == order.get_span_context().span_id
    assert (echoed.parent.span_id, echoed.context.trace_id) == (relayed.context.span_id, relayed.context.trace_id)
    assert (relayed.name, relayed.kind.name) == ("run relay", "CONSUMER")
    assert (
        dict(relayed.attributes).items()
        >= {
            "messaging.system": "naq",
            "messaging.operation.type": "process",
            "messaging.destination.name": "default",
            "code.function.name": f"{HERE}.relay",
            "naq.attempt": 1,
        }.items()
    )
    assert [span.attributes["naq.attempt"] for span in by_job[retried.job_id]] == [1, 2]
    for span in by_job[retried.job_id]:
        assert (span.status.status_code.name, span.attributes["error.type"]) == ("ERROR", "builtins.RuntimeError")
        assert span.events[0].attributes["exception.message"] == "no luck"
    (ended,) = by_job[asked.job_id]
    assert (ended.status.status_code.name, ended.events[0].name) == ("UNSET", "naq.cancel")
    assert by_job[refused.job_id][0].attributes["error.type"] == "FunctionReferenceError"
    assert by_job[alone.job_id][0].parent is None


async def test_a_scheduled_run_begins_a_trace_that_links_back(
    client: AsyncClient, worker: WorkerFactory, settings: Settings, spans: Any
) -> None:
    from naq.ext.opentelemetry import OpenTelemetry, instrument_producer

    exporter, provider = spans
    instrument_producer()
    with provider.get_tracer("shop").start_as_current_span("plan") as plan:
        job = await client.enqueue_in(0.05, tasks.add, 1, 2)
    scheduler = Scheduler(settings=settings)
    serving = asyncio.create_task(scheduler.run())
    async with worker(middleware=[OpenTelemetry(provider)]):
        assert await job.result(timeout=10) == 3
    scheduler.stop()
    await serving
    (run,) = [span for span in exporter.get_finished_spans() if span.name == "run add"]
    assert run.parent is None
    assert [link.context.span_id for link in run.links] == [plan.get_span_context().span_id]


async def test_what_an_enqueue_hook_raises_is_told_once(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    def broken(job: Job) -> None:
        raise LookupError("no tenant")

    def stamp(job: Job) -> None:
        seen.append(job.job_id)
        job.headers = {**job.headers, "tenant": "acme"}

    add_enqueue_hook(broken)
    add_enqueue_hook(stamp)
    with caplog.at_level(logging.ERROR, logger="naq.middleware"):
        jobs = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(3)])
    assert [job.job_id for job in jobs] == seen
    assert Job.from_wire(jobs[0].to_wire()).headers == {"tenant": "acme"}
    assert Job.from_record({**jobs[0].to_record(), "headers": {"tenant": 7, "a": "b"}}).headers == {"a": "b"}
    assert Job.from_record({**jobs[0].to_record(), "headers": "none"}).headers == {}
    assert len([record for record in caplog.records if record.name == "naq.middleware"]) == 1
    remove_enqueue_hook(stamp)
    assert (await client.enqueue(tasks.add, 1, 2)).headers == {}


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


async def test_metrics_count_and_time_what_ran(client: AsyncClient, worker: WorkerFactory) -> None:
    pytest.importorskip("prometheus_client")
    from naq.ext.prometheus import PrometheusMetrics

    metrics = PrometheusMetrics(port=0, address="127.0.0.1")
    async with worker(modules=(EXAMPLES, CONTEXT), middleware=[metrics], concurrency=7):
        assert metrics.port
        slow = await client.enqueue(tasks.sleep, 30)
        await event_when(client, lambda event: event.type == "STARTED" and event.job_id == slow.job_id)
        done = await client.enqueue_many([(tasks.add, (n, 1)) for n in range(5)])
        await asyncio.gather(*(job.result(timeout=10) for job in done))
        assert (await asyncio.to_thread(scrape, metrics.port))['naq_jobs_running{queue="default"}'] == 1
        await client.cancel(slow.job_id)
        failing = await client.enqueue(tasks.fail, max_retries=1, retry_delay=0.01)
        hostile = [await client.enqueue(f"evil.module{n}:f") for n in range(3)]
        for job in (slow, failing, *hostile):
            with pytest.raises(JobExecutionError):
                await job.result(timeout=10)
        last = await client.enqueue(tasks.add, 1, 1)
        await event_when(client, lambda event: event.type == "COMPLETED" and event.job_id == last.job_id)
        seen = await asyncio.to_thread(scrape, metrics.port)
    label = 'queue="default"'

    def ended(function: str, outcome: str) -> float:
        return seen[f'naq_jobs_total{{function="{function}",outcome="{outcome}",{label}}}']

    assert ended("naq.examples.tasks:add", "completed") >= 5
    assert ended("naq.examples.tasks:sleep", "cancelled") == 1
    assert ended("naq.examples.tasks:fail", "retried") == 1
    assert ended("naq.examples.tasks:fail", "failed") == 1
    assert ended("(refused)", "failed") == 3
    assert not any("evil" in name for name in seen)
    assert seen[f"naq_jobs_running{{{label}}}"] == 0
    assert seen["naq_worker_slots"] == 7
    assert seen[f"naq_job_wait_seconds_count{{{label}}}"] == 1 + 6 + 2 + 3
    assert seen[f'naq_job_run_seconds_count{{function="naq.examples.tasks:fail",{label}}}'] == 2
    with pytest.raises(OSError):  # noqa: PT011  (refused: the port is closed with the worker)
        await asyncio.to_thread(scrape, metrics.port)


async def test_metrics_port_on_the_command_line(client: AsyncClient, settings: Settings) -> None:
    pytest.importorskip("prometheus_client")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with child(settings, "worker", "-m", EXAMPLES, "--metrics-port", str(port)):
        job = await client.enqueue(tasks.add, 1, 2)
        assert await job.result(timeout=15) == 3
        seen = await asyncio.to_thread(scrape, port)
        await event_when(client, lambda event: event.type == "COMPLETED")
    assert seen["naq_worker_slots"] == 10


@pytest.mark.parametrize(("package", "extra"), [("prometheus_client", "prometheus"), ("opentelemetry", "otel")])
def test_a_package_that_is_missing_is_named(package: str, extra: str) -> None:
    home = {"prometheus": "naq.ext.prometheus", "otel": "naq.ext.opentelemetry"}[extra]
    code = f"import sys; sys.modules[{package!r}] = None; import {home}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pip install 'naq[{extra}]'" in done.stderr.splitlines()[-1]
