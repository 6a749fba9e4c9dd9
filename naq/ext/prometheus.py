"""Prometheus metrics of a worker's jobs. Needs `naq[prometheus]`.

`naq worker --metrics-port 9100` serves them at `:9100/metrics`; in code, `Worker(middleware=[PrometheusMetrics()])`
puts them into the default registry, for an endpoint that is there already. One process has one port: give each worker
of a host its own. They count what this process ran since it started; the whole system's figures are in the event log.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from naq.errors import ConfigurationError, JobExecutionError
from naq.middleware import Middleware

try:
    import prometheus_client
except ImportError as exc:
    raise ConfigurationError(f"metrics need prometheus-client ({exc}): pip install 'naq[prometheus]'") from None

if TYPE_CHECKING:
    from naq.worker import Worker
    from naq.worker.run import Run

BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800)
REFUSED = "(refused)"
"""The label of functions that this worker does not run: their names are anybody's, and each would be kept for ever."""


class PrometheusMetrics(Middleware):
    """Counts and times by queue and function.

    - `naq_jobs_total{queue, function, outcome}`: runs that ended, outcome completed, failed, retried or cancelled
    - `naq_job_run_seconds{queue, function}`: time in the function
    - `naq_job_wait_seconds{queue}`: from being enqueued (or due) to the start
    - `naq_jobs_running{queue}`
    - `naq_worker_slots`: jobs this worker runs at once
    """

    def __init__(self, *, port: int | None = None, address: str = "0.0.0.0", registry: Any = None) -> None:
        """Args:
            port: where to serve them over HTTP while the worker runs; None serves nothing. 0 takes any free one.
            address: to listen on.
            registry: a `prometheus_client.CollectorRegistry`; None means the default one, or with `port` a new one.

        Raises:
            ConfigurationError: no such port.
        """
        if port is not None and not 0 <= port <= 65_535:
            raise ConfigurationError(f"the metrics port must be from 0 to 65,535, not {port}")
        if registry is None:
            registry = prometheus_client.REGISTRY if port is None else prometheus_client.CollectorRegistry()
        self.port = port
        """The port it listens on once the worker is up; None where nothing is served."""
        self._address, self._registry = address, registry
        by_function = ("queue", "function")
        self._ended = prometheus_client.Counter(
            "naq_jobs", "Runs of jobs that ended", (*by_function, "outcome"), registry=registry
        )
        self._run_s = prometheus_client.Histogram(
            "naq_job_run_seconds", "Time in the function", by_function, registry=registry, buckets=BUCKETS_S
        )
        self._wait_s = prometheus_client.Histogram(
            "naq_job_wait_seconds", "Time from being due to the start", ("queue",), registry=registry, buckets=BUCKETS_S
        )
        self._running = prometheus_client.Gauge("naq_jobs_running", "Jobs running now", ("queue",), registry=registry)
        self._slots = prometheus_client.Gauge("naq_worker_slots", "Jobs the worker runs at once", registry=registry)

    def startup(self, worker: Worker) -> None:
        self._slots.set(worker.concurrency)
        if self.port is not None:
            self._server, self._thread = prometheus_client.start_http_server(self.port, self._address, self._registry)
            self.port = self._server.server_port

    def shutdown(self, worker: Worker) -> None:
        if self.port is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    @contextmanager
    def around(self, run: Run) -> Iterator[None]:
        queue = run.job.queue_name
        if run.wait_ms is not None:
            self._wait_s.labels(queue).observe(max(0.0, run.wait_ms / 1000))
        running = self._running.labels(queue)
        running.inc()
        began = time.perf_counter()
        function = run.job.function
        try:
            yield
        except JobExecutionError as exc:
            function = _label(run, exc)
            raise
        finally:
            running.dec()
            self._run_s.labels(queue, function).observe(time.perf_counter() - began)

    def on_success(self, run: Run, value: Any) -> None:
        self._ended.labels(run.job.queue_name, run.job.function, "completed").inc()

    def on_failure(self, run: Run, exception: BaseException, will_retry: bool) -> None:
        outcome = "retried" if will_retry else "failed"
        self._ended.labels(run.job.queue_name, _label(run, exception), outcome).inc()

    def on_cancel(self, run: Run, reason: str | None) -> None:
        self._ended.labels(run.job.queue_name, run.job.function, "cancelled").inc()


def _label(run: Run, exception: BaseException) -> str:
    is_refused = isinstance(exception, JobExecutionError) and exception.error_type == "FunctionReferenceError"
    return REFUSED if is_refused else run.job.function
