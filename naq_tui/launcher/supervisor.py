"""All local processes of one console."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal

from naq.server import EmbeddedServer
from naq.server.watch import process_identity
from naq_tui.launcher.output import OutputPage
from naq_tui.launcher.process import LocalProcess, ProcessStatus, ProcessView, ServerProcess, WatchedProcess
from naq_tui.launcher.record import read_records
from naq_tui.launcher.spec import LaunchError, LaunchSpec

POLL_S = 0.25
CRASHES = 3
CRASH_WINDOW_S = 60.0
KILL_WAIT_S = 5.0
KEEP_OUTPUT_S = 7 * 86_400.0
"""How long the output of processes that nobody watches any more is kept."""

CloseMode = Literal["stop", "kill", "leave"]


class Supervisor:
    """Launches, watches and ends local processes. Every call is made on the event loop's thread.

    Exits are reported by the system as they happen; output files are looked at four times a second, and only
    while something runs.

    Args:
        state_dir: folder of output and state files; None is the user's (see `default_state_dir`).
        environment: variables that every process starts with, on top of the console's own: the connection.
        on_change: called on the loop's thread whenever `snapshot` or an output has changed.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = (default_state_dir() if state_dir is None else state_dir) / "processes"
        self.environment: dict[str, str] = dict(environment or {})
        self.on_change = on_change
        self._processes: dict[str, WatchedProcess] = {}
        self._crashes: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=CRASHES))
        self._identity = process_identity(os.getpid()) or ""
        self._shown: dict[str, ProcessStatus] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._trim: asyncio.Future[None] | None = None
        self._is_closed = False

    @property
    def running(self) -> int:
        """How many workers and schedulers run; the question at quitting is about these."""
        return sum(process.is_alive for process in self._processes.values() if isinstance(process, LocalProcess))

    def snapshot(self) -> tuple[ProcessView, ...]:
        """All processes as they are now, in the order they came."""
        return tuple(
            process.view(crash_looping=self._is_crash_looping(process)) for process in self._processes.values()
        )

    def output(self, process_id: str, first: int, count: int) -> OutputPage:
        """At most `count` lines of its output from line number `first` on. Raises LaunchError: no such process."""
        return self._process(process_id).tail.page(first, count)

    def spec(self, process_id: str) -> LaunchSpec | None:
        """What it was launched from, None for the server. Raises LaunchError: no such process."""
        process = self._process(process_id)
        return process.spec if isinstance(process, LocalProcess) else None

    def launch(self, spec: LaunchSpec) -> str:
        """Start a process; returns its id, which it keeps through restarts.

        Raises:
            LaunchError: the spec isn't valid, its name is in use by a running one, or it can't be started.
        """
        if self._is_closed:
            raise LaunchError("the console is quitting: nothing is launched any more")
        problems = spec.validate()
        if problems:
            raise LaunchError("; ".join(problems.values()))
        if not spec.name:
            spec = replace(spec, name=self._free_name(spec.kind))
        elif any(process.is_alive and process.name == spec.name for process in self._processes.values()):
            raise LaunchError(f"{spec.name} runs already: choose another name")
        process = LocalProcess(f"{spec.name}-{time.time_ns():x}", spec, self.folder, self._has_exited)
        process.start(self._base_environment(), self._identity)
        self._add(process)
        return process.process_id

    def attach_server(self, server: EmbeddedServer) -> str:
        """Show the embedded server among the processes; returns its id. Call again after it was started anew."""
        for process in self._processes.values():
            if isinstance(process, ServerProcess) and process.server is server:
                break
        else:
            process = ServerProcess(f"server-{time.time_ns():x}", server, self._has_exited)
        process.follow()
        self._add(process)
        return process.process_id

    def adopt(self) -> int:
        """Take over what an earlier console on this machine left running; returns how many.

        Processes of a console that still runs are its own. State files of ended processes go, and so does
        old output.
        """
        adopted = 0
        if not self.folder.is_dir():
            return 0
        kept: set[str] = set()
        for path, record in read_records(self.folder):
            if record is None or not record.is_running:
                path.unlink(missing_ok=True)
                continue
            kept.add(record.process_id)
            if record.process_id in self._processes or record.has_owner:
                continue
            self._add(LocalProcess.adopted(record, self.folder, self._has_exited, self._identity))
            adopted += 1
        self._prune_output(kept)
        return adopted

    def stop(self, process_id: str) -> None:
        """Ask it to finish what it does and end. Raises LaunchError: no such process."""
        self._process(process_id).stop()
        self._changed()

    def kill(self, process_id: str) -> None:
        """End it, and what it started, at once. Raises LaunchError: no such process."""
        self._process(process_id).kill()
        self._changed()

    async def restart(self, process_id: str) -> None:
        """Ask it to end, wait for that as long as it takes, and start it again.

        Raises:
            LaunchError: no such process, or it can't be started.
            ServerStartError: the server can't be started.
        """
        process = self._process(process_id)
        if process.is_alive:
            process.stop()
            self._changed()
            await process.ended.wait()
        if self._is_closed or process_id not in self._processes or process.is_alive:
            return  # overtaken by a quit, a removal or another restart
        if isinstance(process, ServerProcess):
            await process.server.start()
            process.follow()
        elif isinstance(process, LocalProcess):
            process.start(self._base_environment(), self._identity)
        self._add(process)

    def remove(self, process_id: str) -> None:
        """Take an ended process off the list, with its output. Raises LaunchError: it runs, or there is none."""
        process = self._process(process_id)
        if process.is_alive:
            raise LaunchError(f"{process.name} still runs: stop it first")
        if isinstance(process, LocalProcess):
            process.forget()
        del self._processes[process_id]
        self._crashes.pop(process.name, None)
        self._changed()

    async def close(self, mode: CloseMode = "stop", grace: float = 10.0) -> None:
        """End the processes, or leave them to the next console. Nothing can be launched after it, and a
        second call does nothing.

        Args:
            mode: "stop" asks them to end and kills those that still run after `grace` seconds, "kill" does so
                at once, "leave" only stops watching. The embedded server goes last, once no worker needs it;
                left alone it still ends with this process.
            grace: seconds.
        """
        if self._is_closed:
            return
        self._is_closed = True
        children = [process for process in self._processes.values() if isinstance(process, LocalProcess)]
        servers = [process for process in self._processes.values() if isinstance(process, ServerProcess)]
        try:
            if mode == "leave":
                for child in children:
                    child.leave()
                return
            if mode == "stop":
                for child in children:
                    child.stop()
                self._changed()
                await _all_ended(children, grace)
            for child in children:
                child.kill()
            await _all_ended(children, KILL_WAIT_S)
            for row in servers:
                row.is_stop_asked = True
                await row.server.stop()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for process in self._processes.values():
                process.release()

    def _process(self, process_id: str) -> WatchedProcess:
        try:
            return self._processes[process_id]
        except KeyError:
            raise LaunchError(f"there is no process {process_id!r} here") from None

    def _free_name(self, kind: str) -> str:
        """`worker-1`, or the first number that no row has: an ended one keeps its name, its output is still there."""
        names = {process.name for process in self._processes.values()}
        return next(name for number in count(1) if (name := f"{kind}-{number}") not in names)

    def _add(self, process: WatchedProcess) -> None:
        self._processes[process.process_id] = process
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(POLL_S, self._look)
        self._changed()

    def _has_exited(self, process: WatchedProcess) -> None:
        # A restart policy has its place here: it would look at `has_failed` and `_is_crash_looping`.
        if process.has_failed:
            self._crashes[process.name].append(time.monotonic())
        self._changed()

    def _look(self) -> None:
        """Read new output; goes on for as long as something runs (an exit reads the rest by itself)."""
        self._timer = None
        changed = False
        for process in self._processes.values():
            if isinstance(process, ServerProcess):
                process.follow()
            if process.is_alive:
                changed |= process.tail.poll()
                if process.tail.is_oversized and (self._trim is None or self._trim.done()):
                    self._trim = asyncio.get_running_loop().run_in_executor(None, process.tail.trim)
                changed |= self._shown.get(process.process_id) != process.status
        if any(process.is_alive for process in self._processes.values()):
            self._timer = asyncio.get_running_loop().call_later(POLL_S, self._look)
        if changed:
            self._changed()

    def _changed(self) -> None:
        self._shown = {process_id: process.status for process_id, process in self._processes.items()}
        self.on_change()

    def _is_crash_looping(self, process: WatchedProcess) -> bool:
        """Whether one of this name failed three times in a minute and hasn't run for a minute since."""
        crashes = self._crashes.get(process.name)
        if crashes is None or len(crashes) < CRASHES or crashes[-1] - crashes[0] > CRASH_WINDOW_S:
            return False
        return not (process.is_alive and process.uptime > CRASH_WINDOW_S)

    def _base_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _prune_output(self, kept: set[str]) -> None:
        oldest = time.time() - KEEP_OUTPUT_S
        for path in self.folder.glob("*.log*"):
            if path.name.partition(".log")[0] not in kept and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def default_state_dir() -> Path:
    """Where this user's console keeps what it must remember: NAQ_STATE_DIR, else the user's state folder."""
    folder = os.environ.get("NAQ_STATE_DIR")
    if folder:
        return Path(folder).expanduser()
    from platformdirs import user_state_path

    return user_state_path("naq", appauthor=False)


async def _all_ended(processes: list[LocalProcess], timeout: float) -> None:
    waits = [asyncio.ensure_future(process.ended.wait()) for process in processes if process.is_alive]
    if not waits:
        return
    try:
        await asyncio.wait(waits, timeout=timeout)
    finally:
        for wait in waits:
            wait.cancel()
