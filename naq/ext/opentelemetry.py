"""OpenTelemetry spans around jobs, in the trace of the code that enqueued them. Needs `naq[otel]`.

On the worker: `naq worker --middleware naq.ext.opentelemetry:OpenTelemetry`, or an instance in `Worker(middleware=…)`.
In code that enqueues: `naq.ext.opentelemetry.instrument_producer()` once; each job made while a span is current then
carries that span's context (W3C `traceparent`, `tracestate`) in its headers. A worker with the middleware does this for
the jobs that its jobs enqueue by itself.

The span of a run is a child of the span that enqueued the job. A run of a schedule begins a trace of its own that links
to it instead: a schedule may run for years.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from naq.context import current_job
from naq.errors import Cancel, ConfigurationError, JobExecutionError, Retry
from naq.middleware import Middleware, add_enqueue_hook
from naq.models.job import Job, function_label
from naq.models.retry import class_names

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as exc:
    raise ConfigurationError(f"naq.ext.opentelemetry needs OpenTelemetry ({exc}): pip install 'naq[otel]'") from None

if TYPE_CHECKING:
    from naq.worker import Worker
    from naq.worker.run import Run

_propagator = TraceContextTextMapPropagator()


def instrument_producer() -> None:
    """Have every job that this process makes carry the current span's context; calling it again changes nothing."""
    add_enqueue_hook(_carry_context)


def _carry_context(job: Job) -> None:
    headers = dict(job.headers)
    _propagator.inject(headers)
    job.headers = headers


class OpenTelemetry(Middleware):
    """A CONSUMER span around each run, with the messaging attributes of the semantic conventions."""

    def __init__(self, tracer_provider: Any = None) -> None:
        """`tracer_provider` is where spans go; None means the process's own."""
        self._tracer = trace.get_tracer("naq", tracer_provider=tracer_provider)

    def startup(self, worker: Worker) -> None:
        instrument_producer()

    @contextmanager
    def around(self, run: Run) -> Iterator[None]:
        job = run.job
        producer = _propagator.extract(job.headers)
        links = []
        if job.schedule_id is not None:
            created_in = trace.get_current_span(producer).get_span_context()
            links = [trace.Link(created_in)] if created_in.is_valid else []
            producer = trace.set_span_in_context(trace.INVALID_SPAN)
        with self._tracer.start_as_current_span(
            f"run {function_label(job.function)}",
            context=producer,
            kind=trace.SpanKind.CONSUMER,
            attributes=_attributes(run),
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except (Retry, Cancel) as wish:
                span.add_event(f"naq.{type(wish).__name__.lower()}", {"naq.reason": str(wish)})
                raise
            except Exception as exc:
                name = exc.error_type if isinstance(exc, JobExecutionError) else class_names(exc)[1]
                span.set_attribute("error.type", name)
                span.record_exception(exc)
                span.set_status(trace.Status(trace.StatusCode.ERROR, f"{name}: {exc}"))
                raise
            except BaseException:
                span.set_attribute("naq.cancelled", current_job().cancel_requested)
                raise


def _attributes(run: Run) -> dict[str, str | int | float]:
    job = run.job
    attributes: dict[str, str | int | float] = {
        "messaging.system": "naq",
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.queue_name,
        "messaging.message.id": job.job_id,
        "messaging.client.id": run.worker_id,
        "code.function.name": job.function.replace(":", "."),
        "naq.attempt": run.attempt,
    }
    if run.wait_ms is not None:
        attributes["naq.wait_ms"] = run.wait_ms
    if job.schedule_id is not None:
        attributes["naq.schedule_id"] = job.schedule_id
    return attributes
