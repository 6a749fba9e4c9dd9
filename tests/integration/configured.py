"""A nats-server with a configuration of its own, and what it logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from naq.server import find_binary


class ConfiguredServer:
    """One such server; it runs while `configured` is open."""

    def __init__(self, file: Path, process: asyncio.subprocess.Process) -> None:
        self._file = file
        self._process = process
        self._news = asyncio.Event()
        self.url = ""
        self.lines: list[str] = []

    def told(self, *words: str) -> list[str]:
        """The lines of its log that hold all of `words`."""
        return [line for line in self.lines if all(word in line for word in words)]

    async def until(self, *words: str, within_s: float = 20.0) -> list[str]:
        """The same, once there is one."""
        return await self.until_true(lambda: self.told(*words), within_s)

    async def until_true(self, found: Callable[[], list[str]], within_s: float = 20.0) -> list[str]:
        async with asyncio.timeout(within_s):
            while not (lines := found()):
                self._news.clear()
                await self._news.wait()
        return lines

    async def reload(self, configuration: str) -> None:
        """Serve by another configuration from now on."""
        self._file.write_text(configuration)
        before = len(self.told("Reloaded server configuration"))
        self._process.send_signal(1)
        await self.until_true(lambda: self.told("Reloaded server configuration")[before:])

    async def read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip())
            self._news.set()


@asynccontextmanager
async def configured(folder: Path, configuration: str, prefix: str = "") -> AsyncIterator[ConfiguredServer]:
    """Run one; `{folder}` and `{prefix}` in the configuration are filled in where a prefix is given."""
    file = folder / "server.conf"
    file.write_text(configuration.format(folder=folder, prefix=prefix) if prefix else configuration)
    process = await asyncio.create_subprocess_exec(
        *(str(find_binary()), "-c", str(file), "-a", "127.0.0.1", "-p", "-1"),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    server = ConfiguredServer(file, process)
    reading = asyncio.create_task(server.read())
    try:
        (line,) = await server.until("Listening for client connections on")
        server.url = "nats://" + line.rsplit(" ", 1)[-1].strip()
        await server.until("Server is ready")
        yield server
    finally:
        process.terminate()
        await process.wait()
        await reading
