"""What a job can know and say of itself while it runs: `naq.current_job()`.

The context travels with the call: coroutines and the threads that plain functions run in see the same one. Everything
here may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from naq.errors import Cancel, ConfigurationError, NaqException

PROGRESS_EVERY_S = 0.5
"""Least time between two PROGRESS events of one job; the newest figure is kept and told later."""
MAX_NOTE = 300
MAX_LOG_LINES = 500
MAX_LOG_LINE = 2_000


class Progress(NamedTuple):
    """How far a job has come."""

    done: float
    total: float | None
    """None where the end is not known."""
    note: str | None


def to_nobody(_progress: Progress) -> None:
    """What becomes of progress before a run and after it."""


@dataclass(slots=True, kw_only=True, eq=False)
class JobContext:
    """One run of one job, as its own function sees it."""

    job_id: str
    function: str
    """`module:qualname`."""
    queue: str
    attempt: int
    """1 for the first run."""
    worker_id: str
    tags: tuple[str, ...] = ()
    schedule_id: str | None = None
    """The schedule that fired it, if one did."""
    time_limit_s: float | None = None
    """Seconds this run may take: the job's `timeout`, else its queue's on this worker; None means no limit."""
    cancel_requested: bool = False
    """Somebody asked to cancel this job. Coroutines are stopped anyway; a function in a thread has to look here."""
    tell: Callable[[Progress], None] = to_nobody
    """Hands a progress on to the worker; set by the worker, called in the function's own thread."""
    tell_every_s: float = PROGRESS_EVERY_S
    """Least seconds between two calls of `tell`."""
    logs: deque[str] | None = None
    """Captured log lines, newest last; None where the job did not ask for them."""
    _told_at: float = float("-inf")
    _untold: Progress | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Say how far the job has come; a PROGRESS event tells it, at most two a second, the last one always.

        Raises:
            ConfigurationError: `done` or `total` is no number.
        """
        for name, figure in (("done", done), ("total", total)):
            if figure is not None and (isinstance(figure, bool) or not isinstance(figure, int | float)):
                raise ConfigurationError(f"progress {name} must be a number, not {figure!r}")
        progress = Progress(done, total, None if note is None else str(note)[:MAX_NOTE])
        with self._lock:
            now = time.monotonic()
            if now - self._told_at < self.tell_every_s:
                self._untold = progress
                return
            self._told_at, self._untold = now, None
        self.tell(progress)

    def check_cancelled(self) -> None:
        """Raise `naq.Cancel` where somebody asked to cancel this job: for functions in threads, at good moments."""
        if self.cancel_requested:
            raise Cancel("cancelled on request")

    @property
    def has_untold(self) -> bool:
        """Whether there is progress that no event has told yet."""
        return self._untold is not None

    def take_untold(self) -> Progress | None:
        """The newest progress that no event has told yet, handed out once."""
        with self._lock:
            progress, self._untold = self._untold, None
        return progress


_current: ContextVar[JobContext | None] = ContextVar("naq-current-job", default=None)


def current_job() -> JobContext:
    """The job that is running here.

    Raises:
        NaqException: the caller is not run by a worker.
    """
    context = _current.get()
    if context is None:
        raise NaqException("no job is running here: current_job() works inside a function that a worker runs")
    return context


class Running:
    """Makes `context` the current job within a `with` block."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = _current.set(self._context)
        if self._context.logs is not None:
            _capture()

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def new_log() -> deque[str]:
    """Where the log lines of one run go: the newest `MAX_LOG_LINES` are kept."""
    return deque(maxlen=MAX_LOG_LINES)


class _Capture(logging.Handler):
    """Copies log lines written while a job that asked for them runs, into that job's own log."""

    def emit(self, record: logging.LogRecord) -> None:
        context = _current.get()
        if context is None or context.logs is None:
            return
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        context.logs.append(line.encode("utf-8", "replace").decode()[:MAX_LOG_LINE])


_handler: _Capture | None = None


def _capture() -> None:
    """Listen at the root logger, from the first job on that wants its log kept."""
    global _handler
    if _handler is None:
        handler = _Capture(logging.INFO)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        if not root.handlers and logging.lastResort is not None:
            # nothing is set up: warnings go on to standard error as before, and INFO reaches the job's log
            root.addHandler(logging.lastResort)
            root.setLevel(logging.INFO)
        root.addHandler(handler)
        own = logging.getLogger("naq")
        if not own.propagate:  # as `setup_logging` leaves it
            own.addHandler(handler)
        _handler = handler
