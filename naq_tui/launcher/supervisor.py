"""All local processes of one console."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Literal

from naq.models.times import utcnow
from naq.server import EmbeddedServer
from naq.server.watch import process_identity
from naq_tui.launcher import crashes
from naq_tui.launcher.folder import default_state_dir, prune_output
from naq_tui.launcher.listing import listed
from naq_tui.launcher.local import LocalProcess, all_ended
from naq_tui.launcher.output import OutputPage, OutputTail
from naq_tui.launcher.process import ServerProcess, WatchedProcess
from naq_tui.launcher.recipe import Recipe
from naq_tui.launcher.record import read_records
from naq_tui.launcher.spec import LaunchError, LaunchSpec
from naq_tui.launcher.view import ProcessStatus, ProcessView

POLL_S = 0.25
MEASURE_S = 2.0
KILL_WAIT_S = 5.0

CloseMode = Literal["stop", "kill", "leave", "policy"]


class Supervisor:
    """Launches, watches, starts again and ends local processes. Every call is made on the event loop's thread.

    Exits are reported by the system as they happen; output files are looked at four times a second, and only
    while something runs. Restart policies hold for as long as the console does.

    Args:
        state_dir: folder of output and state files; None is the user's (see `default_state_dir`).
        environment: variables that every process starts with, on top of the console's own: the connection.
        recipes: what can be launched by name.
        on_change: called on the loop's thread whenever `snapshot` or an output has changed.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        recipes: Mapping[str, Recipe] | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = (default_state_dir() if state_dir is None else state_dir) / "processes"
        self.environment: dict[str, str] = dict(environment or {})
        self.recipes: Mapping[str, Recipe] = dict(recipes or {})
        self.on_change = on_change
        self._processes: dict[str, WatchedProcess] = {}
        self._restarts: dict[str, asyncio.TimerHandle] = {}
        self._identity = process_identity(os.getpid()) or ""
        self._shown: dict[str, ProcessStatus] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._measured_at = 0.0
        self._trim: asyncio.Future[None] | None = None
        self._is_closed = False

    @property
    def running(self) -> int:
        """How many workers and schedulers run; the question at quitting is about these."""
        return sum(process.is_alive for process in self._locals)

    def snapshot(self) -> tuple[ProcessView, ...]:
        """All processes as they are now, those of one recipe together, then the recipes that none runs of."""
        return listed(self._processes.values(), self.recipes, self.folder)

    def output(self, process_id: str, first: int, count: int) -> OutputPage:
        """At most `count` lines of its output from line number `first` on. Raises LaunchError: no such process."""
        return self._process(process_id).tail.page(first, count)

    def find_output(self, process_id: str, is_wanted: Callable[[str], bool], start: int, step: int = 1) -> int | None:
        """As `OutputTail.find`. Raises LaunchError: no such process."""
        return self._process(process_id).tail.find(is_wanted, start, step)

    # launching

    def launch(self, spec: LaunchSpec) -> str:
        """Start a process; returns its id, which it keeps through restarts.

        One of a recipe takes the row of an earlier one that was drained, where there is one.

        Raises:
            LaunchError: the spec isn't valid, its name is in use by a running one, or it can't be started.
        """
        return self._launch(spec, self.environment)

    def launch_many(self, spec: LaunchSpec, number: int) -> tuple[str, ...]:
        """Start `number` processes; a name in the spec gets a number behind it where there is more than one.

        Raises:
            LaunchError: as `launch`; those started before it run on.
        """
        if number > 1 and spec.name:
            return tuple(self.launch(replace(spec, name=self._free_name(spec.name))) for _ in range(number))
        return tuple(self.launch(spec) for _ in range(number))

    def more(self, process_id: str) -> str:
        """Start one more of its recipe, or like it where it has none; returns the name of the new one.

        `process_id` may be a recipe's own row. Raises LaunchError.
        """
        recipe_name = self._recipe_name(process_id)
        recipe = self.recipes.get(recipe_name)
        if recipe is not None:
            started = self.launch(recipe.spec)
        else:
            like = self._process(process_id)
            if not isinstance(like, LocalProcess):
                raise LaunchError(f"{like.name} is the console's own: there is one of it")
            if not like.has_variables:
                raise LaunchError(f"the variables that {like.name} was started with are no longer known")
            started = self._launch(replace(like.spec, name=""), like.connection or self.environment)
        return self._process(started).name

    def fewer(self, process_id: str) -> str:
        """Drain the newest of its recipe, or it where it has none; returns the name. Raises LaunchError."""
        recipe_name = self._recipe_name(process_id)
        members = [process for process in self._locals if recipe_name and process.spec.recipe == recipe_name]
        if not recipe_name:
            members = [process for process in self._locals if process.process_id == process_id]
        wanted = [process for process in members if process.is_wanted]
        if not wanted:
            raise LaunchError(f"nothing of {recipe_name or self._process(process_id).name} runs")
        # one that only waits for its next start costs nothing to give up
        chosen = next((process for process in wanted if not process.is_alive), wanted[-1])
        self.stop(chosen.process_id)
        return chosen.name

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

        What ended since is listed once, with its output. Processes of a console that still runs are its own.
        Old output goes.
        """
        adopted = 0
        if not self.folder.is_dir():
            return 0
        kept: set[str] = set()
        for path, record in read_records(self.folder):
            if record is None:
                path.unlink(missing_ok=True)
                continue
            kept.add(record.process_id)
            if record.process_id in self._processes or record.has_owner:
                continue
            self._add(LocalProcess.adopted(record, self.folder, self._has_exited, self._identity))
            adopted += record.is_running
        prune_output(self.folder, kept)
        return adopted

    # acting

    def stop(self, process_id: str) -> None:
        """Ask it to finish what it does and end, or not to start again. Raises LaunchError: no such process."""
        process = self._process(process_id)
        self._cancel_restart(process_id)
        process.stop()
        if process.restart_at is None and not process.is_alive:
            process.is_stop_asked = True
        self._changed()

    def kill(self, process_id: str) -> None:
        """End it, and what it started, at once. Raises LaunchError: no such process."""
        self._process(process_id).kill()
        self._changed()

    async def restart(self, process_id: str) -> None:
        """Ask it to end, wait for that as long as it takes, and start it again; one that has ended starts now.

        Raises:
            LaunchError: no such process, or it can't be started.
            ServerStartError: the server can't be started.
        """
        process = self._process(process_id)
        self._cancel_restart(process_id)
        if process.is_alive:
            if not process.is_stop_asked:  # asked twice a worker gives up its jobs
                process.stop()
            self._changed()
            await process.ended.wait()
        if self._is_closed or process_id not in self._processes or process.is_alive:
            return  # overtaken by a quit, a removal or another restart
        process.crashes.forget()
        await self._start_again(process)

    def remove(self, process_id: str) -> None:
        """Take an ended process off the list, with its output. Raises LaunchError: it runs, or there is none."""
        process = self._process(process_id)
        if process.is_alive:
            raise LaunchError(f"{process.name} still runs: stop it first")
        self._cancel_restart(process_id)
        if isinstance(process, LocalProcess):
            process.forget()
        del self._processes[process_id]
        self._changed()

    async def close(self, mode: CloseMode = "stop", grace: float = 10.0) -> None:
        """End the processes, or leave them to the next console. Nothing can be launched after it, and a
        second call does nothing.

        Args:
            mode: "stop" asks them to end and kills those that still run after `grace` seconds, "kill" does so
                at once, "leave" only stops watching, "policy" does to each what its hang-up policy says and waits
                for none. The embedded server goes last, once no worker needs it; left alone it still ends with
                this process.
            grace: seconds.
        """
        if self._is_closed:
            return
        self._is_closed = True
        for process_id in list(self._restarts):
            self._cancel_restart(process_id)
        children = self._locals
        servers = [process for process in self._processes.values() if isinstance(process, ServerProcess)]
        try:
            if mode in ("leave", "policy"):
                for child in children:
                    policy = child.spec.hangup if mode == "policy" else "keep"
                    if policy == "drain" and not child.is_stop_asked:
                        child.stop()
                    if policy == "kill":
                        child.kill()
                    else:
                        child.leave()
                if mode == "policy":
                    await all_ended([child for child in children if child.spec.hangup == "kill"], KILL_WAIT_S)
                return
            if mode == "stop":
                for child in children:
                    child.stop()
                self._changed()
                await all_ended(children, grace)
            for child in children:
                child.kill()
            await all_ended(children, KILL_WAIT_S)
            for row in servers:
                row.is_stop_asked = True
                await row.server.stop()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for process in self._processes.values():
                process.release()

    # within

    @property
    def _locals(self) -> list[LocalProcess]:
        return [process for process in self._processes.values() if isinstance(process, LocalProcess)]

    def _process(self, process_id: str) -> WatchedProcess:
        try:
            return self._processes[process_id]
        except KeyError:
            raise LaunchError(f"there is no process {process_id!r} here") from None

    def _recipe_name(self, process_id: str) -> str:
        """The recipe that a row is of; empty where it is of none."""
        process = self._processes.get(process_id)
        if isinstance(process, LocalProcess):
            return process.spec.recipe
        kind, _, name = process_id.partition(":")
        return name if kind == "recipe" and name in self.recipes else ""

    def _launch(self, spec: LaunchSpec, connection: Mapping[str, str]) -> str:
        if self._is_closed:
            raise LaunchError("the console is quitting: nothing is launched any more")
        problems = spec.validate()
        if problems:
            raise LaunchError("; ".join(problems.values()))
        process = self._vacant(spec)
        if process is not None:
            process.renew(spec)
        else:
            if not spec.name:
                spec = replace(spec, name=self._free_name(spec.recipe or spec.kind))
            elif any(process.is_alive and process.name == spec.name for process in self._processes.values()):
                raise LaunchError(f"{spec.name} runs already: choose another name")
            process = LocalProcess(f"{spec.name}-{time.time_ns():x}", spec, self.folder, self._has_exited)
        process.start(connection, self._identity)
        self._add(process)
        return process.process_id

    def _vacant(self, spec: LaunchSpec) -> LocalProcess | None:
        """The row of one of this recipe that was asked to end and did."""
        if not spec.recipe or spec.name:
            return None
        members = (process for process in self._locals if process.spec.recipe == spec.recipe)
        return next((process for process in members if not process.is_alive and process.is_stop_asked), None)

    def _free_name(self, base: str) -> str:
        """`worker-1`, or the first number that no row has: an ended one keeps its name, its output is still there."""
        names = {process.name for process in self._processes.values()}
        return next(name for number in count(1) if (name := f"{base}-{number}") not in names)

    def _add(self, process: WatchedProcess) -> None:
        self._processes[process.process_id] = process
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(POLL_S, self._look)
        self._changed()

    def _has_exited(self, process: WatchedProcess) -> None:
        if not process.is_stop_asked and isinstance(process, LocalProcess):
            policy, code = process.spec.restart, process.exit_code
            is_wanted = crashes.wants_restart(policy, code)
            if process.has_failed or is_wanted:
                process.crashes.add(time.monotonic(), process.uptime)
            if is_wanted and not process.crashes.is_loop and not self._is_closed:
                delay = process.crashes.delay
                process.restart_at = utcnow() + timedelta(seconds=delay)
                again = asyncio.get_running_loop().call_later(delay, self._restart_by_policy, process)
                self._restarts[process.process_id] = again
        self._changed()

    def _restart_by_policy(self, process: LocalProcess) -> None:
        self._restarts.pop(process.process_id, None)
        process.restart_at = None
        try:
            process.start(self.environment, self._identity)
        except LaunchError as exc:
            process.tail.note(f"not started again: {exc}")
            self._changed()
        else:
            self._add(process)

    def _cancel_restart(self, process_id: str) -> None:
        timer = self._restarts.pop(process_id, None)
        if timer is not None:
            timer.cancel()
            self._processes[process_id].restart_at = None

    async def _start_again(self, process: WatchedProcess) -> None:
        if isinstance(process, ServerProcess):
            await process.server.start()
            process.follow()
        elif isinstance(process, LocalProcess):
            recipe = self.recipes.get(process.spec.recipe)
            if recipe is not None and not process.has_variables:
                process.renew(recipe.spec)
            process.start(self.environment, self._identity)
        self._add(process)

    def _look(self) -> None:
        """Read new output; goes on for as long as something runs (an exit reads the rest by itself)."""
        self._timer = None
        changed = False
        now = time.monotonic()
        is_measuring = now - self._measured_at >= MEASURE_S
        if is_measuring:
            self._measured_at = now
        for process in self._processes.values():
            if isinstance(process, ServerProcess):
                process.follow()
            if process.is_alive:
                changed |= process.tail.poll()
                changed |= is_measuring and process.measure()
                self._bound(process.tail)
                changed |= self._shown.get(process.process_id) != process.status
        if any(process.is_alive for process in self._processes.values()):
            self._timer = asyncio.get_running_loop().call_later(POLL_S, self._look)
        if changed:
            self._changed()

    def _bound(self, tail: OutputTail) -> None:
        if tail.is_oversized and (self._trim is None or self._trim.done()):
            self._trim = asyncio.get_running_loop().run_in_executor(None, tail.trim)

    def _changed(self) -> None:
        self._shown = {process_id: process.status for process_id, process in self._processes.items()}
        self.on_change()
