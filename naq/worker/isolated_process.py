"""The process of isolated jobs as its worker has it: started, told what to run, heard, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from naq.errors import IsolatedProcessDied, SerializationError
from naq.server.watch import watch_exit
from naq.worker.frames import HEADER, frame, length_of, record_of
from naq.worker.outcome import Outcome

GRACE_S = 0.5
"""Seconds between asking a function to stop and killing it."""
START_S = 60.0
"""Seconds a process may take to import the worker's modules."""

Listener = Callable[[dict[str, Any]], None]
"""Gets what a function says while it runs."""


class IsolatedProcess:
    """One process; runs one job at a time."""

    def __init__(self) -> None:
        """Raises IsolatedProcessDied where it can't be started."""
        try:
            self._socket, theirs = socket.socketpair()
            with theirs:
                # from the thread of the event loop: on Linux the process dies with the thread that started it
                self._popen = subprocess.Popen(
                    [sys.executable, "-m", "naq.worker.isolated", str(theirs.fileno()), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # no Ctrl-C from the terminal; a group to kill with all it started
                )
        except OSError as exc:
            raise IsolatedProcessDied(f"a process for an isolated job can't be started: {exc}") from None
        self.jobs = 0
        """Calls so far; the number of the last one."""
        self.ended = asyncio.Event()
        """Set once it runs no more."""
        self._is_leaving = False
        self._writer: asyncio.StreamWriter | None = None
        self._max_bytes = 0
        watch_exit(self._popen.pid, self._on_exit, lambda: self._popen.poll() is None)

    async def start(self, setup: dict[str, Any]) -> None:
        """Wait until it has imported the worker's modules."""
        self._max_bytes = setup["max_bytes"]
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket)
        self._writer.write(frame(setup))
        try:
            async with asyncio.timeout(START_S):
                refusal = (await self._receive()).get("refused")
        except TimeoutError:
            raise IsolatedProcessDied(
                f"the process for an isolated job was not ready after {START_S:g} s: do its modules do work at import?"
            ) from None
        if refusal is not None:
            raise IsolatedProcessDied(f"the process for an isolated job could not start: {refusal}")

    async def call(self, record: dict[str, Any], on_message: Listener) -> Outcome:
        """Have it run one job. Raises IsolatedProcessDied."""
        self.jobs += 1
        assert self._writer is not None
        try:
            self._writer.write(frame({**record, "number": self.jobs}))
            await self._writer.drain()
        except OSError:
            pass  # what it died of is told below
        while True:
            message = await self._receive()
            outcome = message.get("outcome")
            if isinstance(outcome, dict) and message.get("number") == self.jobs:
                return Outcome.from_record(outcome)
            on_message(message)

    async def stop(self, on_message: Listener = lambda message: None, *, is_cancelled: bool = False) -> None:
        """Ask it to stop, then kill it; what its function says meanwhile is still heard."""
        try:
            if self._writer is not None:
                self._writer.write(frame({"stop": True, "cancel": is_cancelled}))
                with contextlib.suppress(TimeoutError, IsolatedProcessDied):
                    async with asyncio.timeout(GRACE_S):
                        while True:
                            on_message(await self._receive())
        finally:  # also of a caller that is cancelled while it waits here
            self.kill()
            if self._writer is not None:
                self._writer.transport.abort()
        await self.ended.wait()

    def kill(self) -> None:
        """SIGKILL it, and all of its group."""
        if self._popen.returncode is None:  # not waited for yet, so the number is still its own
            with contextlib.suppress(OSError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        if self._writer is None:
            self._socket.close()

    def hang_up(self) -> None:
        """Let it end by itself, between jobs."""
        self._is_leaving = True
        if self._writer is not None:
            self._writer.close()

    async def _receive(self) -> dict[str, Any]:
        try:
            header = await self._reader.readexactly(HEADER.size)
            return record_of(await self._reader.readexactly(length_of(header, self._max_bytes)))
        except (asyncio.IncompleteReadError, OSError):
            await self._end_of_the_deaf()
            raise IsolatedProcessDied(f"the process of an isolated job {_ending(self._popen.returncode)}") from None
        except SerializationError as exc:
            raise IsolatedProcessDied(f"the process of an isolated job was killed: what it said is {exc}") from None

    async def _end_of_the_deaf(self) -> None:
        """It closed the connection, so it ends now; a function that closed what is not its own is helped along."""
        try:
            async with asyncio.timeout(GRACE_S):
                await self.ended.wait()
        except TimeoutError:
            self.kill()
            await self.ended.wait()

    def _on_exit(self) -> None:
        if not self._is_leaving:
            self.kill()  # what it started goes with it
        self._popen.wait()
        self.ended.set()
        if self._writer is not None:
            # a process it forked may hold the connection open: what is on its way still arrives
            asyncio.get_running_loop().call_later(GRACE_S, self._writer.transport.abort)


def _ending(returncode: int | None) -> str:
    if returncode is None or returncode >= 0:
        return f"ended by itself with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was killed by {name}" + (" (out of memory?)" if returncode == -signal.SIGKILL else "")
