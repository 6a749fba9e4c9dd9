"""The server of a fault run: embedded, with a user for each program, that can be killed, stopped and reconfigured."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

from naq.server import EmbeddedServer

PASSWORD = "faults"
RELOADED = "Reloaded server configuration"
HARNESS = "harness"
"""The user whose rights are never taken away."""


class FaultServer(EmbeddedServer):
    """An embedded server on a port that stays, which lets in `users`."""

    def __init__(self, store_dir: Path, users: Iterable[str]) -> None:
        super().__init__(store_dir, port=_free_port())
        self.users = {HARNESS, *users}
        self._is_newest = True

    def _configuration(self, *, newest: bool) -> str:
        self._is_newest = newest
        users = ", ".join(f'{{ user: "{user}", password: "{PASSWORD}" }}' for user in sorted(self.users))
        return f"{super()._configuration(newest=newest)}authorization {{ users: [ {users} ] }}\n"

    async def reload(self) -> None:
        """Have it read `users` again; those who are no longer among them are disconnected."""
        assert self.pid is not None
        start = self.log_file.stat().st_size
        self._store.write_configuration(self._configuration(newest=self._is_newest))
        os.kill(self.pid, signal.SIGHUP)
        async with asyncio.timeout(20):
            while RELOADED not in self._log_since(start):  # noqa: ASYNC110  (its log is all that tells)
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGKILL)
        await self.wait()

    async def stand_still(self, seconds: float) -> None:
        """Stop it with SIGSTOP for so long."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
