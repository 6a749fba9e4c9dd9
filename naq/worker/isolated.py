"""What runs in the process of an isolated job: `python -m naq.worker.isolated DESCRIPTOR PARENT`, started by a worker.

The function runs in the main thread, as libraries with signal handlers or a main loop like it; coroutines on one loop
that lives as long as the process. A second thread reads what the worker says. To stop the function, SystemExit is
raised in it, so that its `finally` blocks run; the worker waits for `isolated_process.GRACE_S`, then kills the process.
SIGTERM from anybody else is ignored: a service manager that signals the whole group means the worker, which drains.

When the worker dies, this process does too, with whatever it was doing: by the kernel on Linux, by the end of the
connection everywhere. It has no connection to NATS and writes no state.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import faulthandler
import inspect
import os
import queue
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from naq import callables, codec
from naq.context import JobContext, Progress, Running
from naq.errors import ConfigurationError, FunctionReferenceError, SerializationError
from naq.worker.frames import HEADER, frame, record_of
from naq.worker.modules import import_modules
from naq.worker.outcome import Outcome, failure, refusal

_PR_SET_PDEATHSIG = 1


class _Stopped(SystemExit):
    """The worker stops this process."""


class _Line:
    """The connection to the worker; may be written to from every thread."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._input = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def send(self, record: dict[str, Any]) -> None:
        self.write(frame(record))

    def write(self, data: bytes) -> None:
        with self._lock:
            self._socket.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """The next message; None once the worker is gone."""
        try:
            header = self._input.read(HEADER.size)
            if len(header) < HEADER.size:
                return None
            (length,) = HEADER.unpack(header)
            data = self._input.read(length)
        except OSError:
            return None
        return record_of(data) if len(data) == length else None


class _SentLog(deque[str]):
    """A job's log whose lines go to the worker as they are written: what kills this process doesn't take them along."""

    def __init__(self, send: Callable[[str], None]) -> None:
        super().__init__(maxlen=0)
        self._send = send

    def append(self, line: str) -> None:
        self._send(line)


class _Process:
    def __init__(self, line: _Line, modules: list[str], max_bytes: int) -> None:
        self._line = line
        self._allowed = callables.ModuleAllowList(modules)
        self._max_bytes = max_bytes
        self._runner = asyncio.Runner()
        self._calls: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._context: JobContext | None = None
        """Of the job that runs; None between jobs."""
        self._is_stopping = False

    def serve(self) -> None:
        """Run one job after the other until the worker hangs up or stops this process."""
        signal.signal(signal.SIGTERM, self._on_signal)
        threading.Thread(target=self._listen, name="naq-isolated-line", daemon=True).start()
        with self._runner:
            self._line.send({"ready": True})
            while (call := self._calls.get()) is not None:
                try:
                    data = self._answer(call)
                finally:
                    self._context = None
                self._line.write(data)

    def _answer(self, call: dict[str, Any]) -> bytes:
        number = call["number"]
        context = self._context = self._context_of(call, number)
        outcome = self._run(call, context)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # none, or a function closed it
                stream.flush()  # now: a process that is killed later would take it along
        untold = context.take_untold()
        if untold is not None:
            context.tell(untold)
        data = frame({"number": number, "outcome": outcome.to_record()})
        if len(data) > self._max_bytes and outcome.error is None:
            told = f"the result can't be stored: it is {len(data):,} bytes, the limit is {self._max_bytes:,} "
            problem = refusal("ResultTooLarge", told + "(NAQ_MAX_RESULT_BYTES): return a reference to the data")
            return frame({"number": number, "outcome": problem.to_record()})
        return data

    def _context_of(self, call: dict[str, Any], number: int) -> JobContext:
        def tell(progress: Progress) -> None:
            self._line.send({"number": number, "progress": progress._asdict()})

        def log(line: str) -> None:
            self._line.send({"number": number, "log": line})

        return JobContext(
            job_id=call["job_id"],
            function=call["function"],
            queue=call["queue"],
            attempt=call["attempt"],
            worker_id=call["worker_id"],
            tags=tuple(call["tags"]),
            schedule_id=call["schedule_id"],
            time_limit_s=call["time_limit_s"],
            tell=tell,
            logs=_SentLog(log) if call["logs"] else None,
        )

    def _run(self, call: dict[str, Any], context: JobContext) -> Outcome:
        reference = call["function"]
        try:
            function = callables.resolve(reference, self._allowed)
            args = [codec.unpack(value) for value in call["args"]]
            kwargs = {name: codec.unpack(value) for name, value in call["kwargs"].items()}
        except (FunctionReferenceError, SerializationError) as exc:
            return refusal(type(exc).__name__, str(exc))
        try:
            with Running(context):
                value = function(*args, **kwargs)
                if inspect.isawaitable(value):
                    value = self._runner.run(_awaited(value), context=contextvars.copy_context())
        except _Stopped:
            raise
        except (Exception, asyncio.CancelledError, SystemExit, GeneratorExit) as exc:
            return failure(exc, skip_files=(__file__, asyncio.runners.__file__, asyncio.base_events.__file__))
        try:
            return Outcome(value=codec.pack(value))
        except SerializationError as exc:
            return refusal("SerializationError", f"{reference} returned what can't be stored: {exc}")

    def _listen(self) -> None:
        while (message := self._line.receive()) is not None:
            if message.get("stop") is not True:
                self._calls.put(message)
                continue
            context, self._is_stopping = self._context, True
            if context is not None:
                context.cancel_requested = message.get("cancel") is True
            # to the main thread itself: the system might give it to this one, and leave a sleeping function asleep
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        if self._context is not None:
            os.killpg(0, signal.SIGKILL)  # the worker is dead, and another may be given the job any moment
        self._calls.put(None)

    def _on_signal(self, _number: int, _frame: object) -> None:
        if self._is_stopping:
            self._is_stopping = False  # once: what cleans up is not interrupted again
            raise _Stopped(0)


async def _awaited(value: Any) -> Any:
    return await value


def _die_with(parent: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        os._exit(1)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # until a function runs that can be stopped
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    if sys.stderr is not None:
        faulthandler.enable()
    line = _Line(descriptor)
    setup = line.receive()
    if setup is None:
        return
    sys.argv[1:] = []
    sys.path[:] = setup["path"]
    try:
        import_modules(setup["modules"])
    except ConfigurationError as exc:
        line.send({"refused": str(exc)})
        return
    try:
        _Process(line, setup["modules"], setup["max_bytes"]).serve()
    except OSError as exc:  # the connection is gone: nothing that a function left behind may keep this process
        if sys.stderr is not None:
            sys.stderr.write(f"naq: the process of an isolated job can't reach its worker: {exc}\n")
        os._exit(1)


if __name__ == "__main__":
    main()
