"""The programs of a fault run as real processes: workers, schedulers and a console, each with a user and a line."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from naq.settings import Settings
from tests.conftest import environment_of
from tests.faults import tasks
from tests.faults.proxy import Proxy
from tests.faults.server import PASSWORD
from tests.faults.workload import QUEUE

CONCURRENCY = 20
WORKERS = ("worker1", "worker2", "worker3")
SCHEDULERS = ("scheduler1", "scheduler2")
CONSOLE = "console"
USERS = (*WORKERS, *SCHEDULERS, CONSOLE)
SKEW_S = 3600.0
STOP_WITHIN_S = 45.0


@dataclass(slots=True)
class Life:
    """One process that ran: kept for the checker."""

    slot: str
    pid: int
    ended: int | None = None
    """Its exit code; minus a signal."""


@dataclass(slots=True)
class Slot:
    """A place that is always filled by one process."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    proxy: Proxy
    process: asyncio.subprocess.Process | None = None
    terminal: int | None = None
    """The console's; None for the others."""
    lives: list[Life] = field(default_factory=list)
    restarts: int = 0
    """How often it had to be started again though nobody had ended it."""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


class Programs:
    """Every program of one run."""

    def __init__(self, settings: Settings, port: int, folder: Path) -> None:
        self._settings, self._port, self._folder = settings, port, folder
        self._exits = AsyncExitStack()
        self.slots: dict[str, Slot] = {}
        self.by_itself: list[str] = []
        """Programs that ended though nobody had asked them to."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Programs]:
        async with self._exits:
            try:
                for name in USERS:
                    await self._fill(name)
                yield self
            finally:
                for slot in self.slots.values():
                    await self.kill(slot)

    async def kill(self, slot: Slot) -> None:
        """End its process with SIGKILL; the place stays empty."""
        if slot.process is None:
            return
        self.look_for_ends(slot)
        with contextlib.suppress(ProcessLookupError):
            slot.process.kill()
        await self._bury(slot)

    async def terminate(self, slot: Slot) -> int:
        """End its process with SIGTERM; its exit code. One that does not end in time is killed."""
        assert slot.process is not None
        self.look_for_ends(slot)
        with contextlib.suppress(ProcessLookupError):
            slot.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await slot.process.wait()
        except TimeoutError:
            self.by_itself.append(f"{slot.name} (pid {slot.pid}) did not end within {STOP_WITHIN_S:g} s of SIGTERM")
            with contextlib.suppress(ProcessLookupError):
                slot.process.kill()
        return await self._bury(slot)

    async def start(self, slot: Slot, *, skew_s: float = 0.0) -> None:
        """Fill an empty place; with a skew, by a process that believes it is so much later."""
        with (self._folder / f"{slot.name}.log").open("ab") as log:
            if slot.name == CONSOLE:
                await self._start_console(slot)
            else:
                program = ("tests.faults.skewed", str(skew_s)) if skew_s else ("naq",)
                slot.process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", *program, *slot.command),
                    env=slot.environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        slot.lives.append(Life(slot.name, slot.pid))

    async def refill(self) -> None:
        """Start again what has ended by itself, as a supervisor would, and note that it did."""
        for slot in self.slots.values():
            if slot.process is not None and slot.process.returncode is not None:
                self.look_for_ends(slot)
                await self._bury(slot)
                await self.start(slot)

    def look_for_ends(self, slot: Slot) -> None:
        process = slot.process
        if process is not None and process.returncode is not None:
            slot.restarts += 1
            self.by_itself.append(f"{slot.name} (pid {process.pid}) ended by itself with code {process.returncode}")

    def last_words(self, slot: Slot, size: int = 2000) -> str:
        log = self._folder / f"{slot.name}.log"
        return log.read_text(errors="replace")[-size:] if log.exists() else ""

    async def _fill(self, name: str) -> None:
        proxy = await self._exits.enter_async_context(Proxy(self._port).running())
        mine = self._settings.with_(nats_url=f"nats://127.0.0.1:{proxy.port}", user=name, password=PASSWORD)
        state = self._folder / name
        environment = {
            **environment_of(mine),
            tasks.JOURNAL: str(self._folder / "journal"),
            "NAQ_STATE_DIR": str(state / "state"),
            "NAQ_CONFIG_DIR": str(state / "config"),
            "NAQ_DATA_DIR": str(state / "data"),
            "TERM": "xterm-256color",
        }
        command: Sequence[str] = ("scheduler", "--log-level", "WARNING")
        if name in WORKERS:
            command = ("worker", QUEUE, "-m", tasks.__name__, "--concurrency", str(CONCURRENCY), "--drain", "5")
            command = (*command, "--log-level", "WARNING")
        slot = self.slots[name] = Slot(name, command, environment, proxy)
        await self.start(slot)

    async def _start_console(self, slot: Slot) -> None:
        """The real one, in a terminal that somebody reads."""
        terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        try:
            slot.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "naq_tui"),
                env=slot.environment,
                stdin=inside,
                stdout=inside,
                stderr=inside,
                start_new_session=True,
            )
        finally:
            os.close(inside)
        slot.terminal = terminal
        os.set_blocking(terminal, False)
        asyncio.get_running_loop().add_reader(terminal, _read_away, terminal)

    async def _bury(self, slot: Slot) -> int:
        assert slot.process is not None
        code = await slot.process.wait()
        slot.lives[-1].ended = code
        slot.process = None
        if slot.terminal is not None:
            asyncio.get_running_loop().remove_reader(slot.terminal)
            os.close(slot.terminal)
            slot.terminal = None
        return code


def _read_away(terminal: int) -> None:
    try:
        os.read(terminal, 65536)
    except OSError:  # its program has ended
        asyncio.get_running_loop().remove_reader(terminal)
