"""A fleet: worker processes under one parent, for `naq worker --processes N` and `--reload`.

The parent works on no job and has no connection. Each member is a `naq worker` of its own, with its own id and
heartbeat, so that N processes use N cores. A member that ends well (`--burst`, `--max-jobs`, an operator's stop) is not
replaced; one that dies is started again, later and later while it keeps dying, and given up after `GIVE_UP` deaths in
a row. SIGTERM and SIGINT are passed on as one stop, a second one or SIGQUIT as "hand everything back now", a third
kills.

Nothing is written here. A parent that is killed takes no job along: its members see the end of the pipe they share
with it, and stop as at SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from naq.errors import ConfigurationError, NaqException
from naq.server.watch import watch_exit
from naq.worker.signals import stop_on_signals
from naq.worker.sources import Sources, syntax_error

log = logging.getLogger(__name__)

MEMBER_VARIABLE = "NAQ_FLEET_MEMBER"
MAX_PROCESSES = 256
STEADY_S = 30.0
"""A member that lived this long is not in a crash loop."""
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
LOOP_DEATHS = 3
"""Deaths in a row after which the log calls it a crash loop."""
GIVE_UP = 10
"""Deaths in a row after which a member is not started again: about two minutes."""
SCAN_S = 1.0
RELOAD_DRAIN_S = 2.0
"""Seconds running jobs get before a reload hands them back."""
USAGE = 2
"""Exit code of a worker whose options or modules are wrong: starting it again would change nothing."""


class Membership(NamedTuple):
    """What a member knows of its fleet."""

    number: int
    """From 1."""
    supervisor: int
    """Descriptor that ends with the parent."""


def membership() -> Membership | None:
    """This process's place in a fleet; None outside of one. What it starts itself is no member."""
    number, _, supervisor = os.environ.pop(MEMBER_VARIABLE, "").partition(":")
    return Membership(int(number), int(supervisor)) if number.isdigit() and supervisor.isdigit() else None


@dataclass(slots=True, eq=False)
class _Member:
    number: int
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    """In a row."""
    generation: int = 0
    """Reloads there had been when it was started."""

    def start(self, command: Sequence[str], pipe: int) -> subprocess.Popen[bytes]:
        """Raises NaqException where the system has no process left."""
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=(pipe,),
                start_new_session=True,  # a Ctrl-C comes from the parent, once
                env={**os.environ, MEMBER_VARIABLE: f"{self.number}:{pipe}"},
            )
        except OSError as exc:
            raise NaqException(f"worker process {self.number} can't be started: {exc}") from None
        return self.process

    def tell(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Fleet:
    """Keeps worker processes running until they end well or are stopped."""

    def __init__(self, arguments: Sequence[str], count: int, *, sources: Sources | None = None) -> None:
        """Args:
            arguments: of the `naq` command that each member runs.
            count: members.
            sources: what to watch, starting every member again when it changes; None watches nothing.

        Raises:
            ConfigurationError: `count` is out of range.
        """
        if not 1 <= count <= MAX_PROCESSES:
            raise ConfigurationError(f"--processes must be from 1 to {MAX_PROCESSES}, not {count}")
        self._command = [sys.executable, "-m", "naq", *arguments]
        self._members = [_Member(number) for number in range(1, count + 1)]
        self._sources = sources
        self._stopping = asyncio.Event()
        self._is_urgent = False
        self._reloads = 0
        self._reloaded = asyncio.Event()
        """Replaced by a fresh one at each reload."""

    def stop(self, now: bool = False) -> None:
        """Have every member stop; `now`: hand back what runs; `now` a second time: kill them."""
        signum = signal.SIGTERM if not now else signal.SIGKILL if self._is_urgent else signal.SIGQUIT
        self._is_urgent |= now
        self._stopping.set()
        for member in self._members:
            member.tell(signum)

    async def run(self) -> int:
        """Keep the members running; returns 0 where all ended well, 1 where one failed, 2 for wrong options."""
        stop_on_signals(self.stop)
        pipe_out, pipe_in = os.pipe()
        watch = asyncio.create_task(self._watch(), name="sources") if self._sources is not None else None
        try:
            codes = await asyncio.gather(*(self._keep(member, pipe_out) for member in self._members))
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
            os.close(pipe_in)
            os.close(pipe_out)
        return max(codes)

    async def _keep(self, member: _Member, pipe: int) -> int:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            member.generation, started_at = self._reloads, loop.time()
            code = await self._run_once(member, pipe)
            if self._stopping.is_set():
                return 0 if code in (0, -signal.SIGTERM, -signal.SIGQUIT) else 1
            if member.generation != self._reloads:
                member.deaths = 0
                continue
            if code == 0:
                return 0
            if code == USAGE and self._sources is None:
                self.stop()
                return USAGE
            if code == USAGE:
                log.error("worker process %d can't work as it is: waiting for the next change", member.number)
                await self._stopped_or_reloaded(None)
                continue
            member.deaths = member.deaths + 1 if loop.time() - started_at < STEADY_S else 1
            if member.deaths >= GIVE_UP:
                log.error("worker process %d is given up: it died %d times in a row", member.number, member.deaths)
                return 1
            delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2 ** (member.deaths - 1))
            log.error("worker process %d %s; it is started again in %g s", member.number, _ending(code), delay_s)
            if member.deaths == LOOP_DEATHS:
                log.error(
                    "worker process %d is in a crash loop: %d deaths, none %g s after its start; its messages say why",
                    member.number,
                    member.deaths,
                    STEADY_S,
                )
            await self._stopped_or_reloaded(delay_s)
        return 0

    async def _run_once(self, member: _Member, pipe: int) -> int:
        """Exit code, or minus the signal that ended it."""
        process, ended = member.start(self._command, pipe), asyncio.Event()
        log.info("worker process %d is pid %d", member.number, process.pid)
        unwatch = watch_exit(process.pid, ended.set, lambda: process.poll() is None)
        try:
            await ended.wait()
        finally:
            unwatch()
            member.tell(signal.SIGTERM)  # nothing where it has ended
        return process.wait()

    async def _stopped_or_reloaded(self, timeout_s: float | None) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._reloaded)]
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _watch(self) -> None:
        assert self._sources is not None
        suspects: set[Path] = set()
        while True:
            await asyncio.sleep(SCAN_S)
            changed = await asyncio.to_thread(self._sources.changed)
            if not changed:
                continue
            suspects |= changed
            error = await asyncio.to_thread(syntax_error, suspects)
            if error is not None:
                log.error("%s: waiting for the next change", error)
                continue
            suspects.clear()
            log.info("%s changed: starting again", _few(changed))
            self._reload()

    def _reload(self) -> None:
        self._reloads += 1
        self._reloaded.set()
        self._reloaded = asyncio.Event()
        loop = asyncio.get_running_loop()
        for member in self._members:
            process = member.process
            if process is not None and process.poll() is None:
                process.terminate()
                loop.call_later(RELOAD_DRAIN_S, _end, process, signal.SIGQUIT)
                loop.call_later(RELOAD_DRAIN_S + 5.0, _end, process, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        with contextlib.suppress(OSError):
            process.send_signal(number)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _few(paths: Iterable[Path]) -> str:
    names = sorted(str(path) for path in paths)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
