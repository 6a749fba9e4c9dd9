"""One nats-server as a child of this process."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ipaddress
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from naq.errors import ServerStartError
from naq.server.binary import find_binary
from naq.server.probe import probe, server_info
from naq.server.store import Store
from naq.server.watch import end_with_parent, watch_exit

MAX_FILE_STORE = "1TB"
"""Above any disk on purpose: streams reserve their size limits against it, and each has a limit of its own."""

_READY_POLL_S = 0.002
_LOG_LINE = re.compile(r"^\[\d+\] \S+ \S+ \[(FTL|ERR)\] (.*)$")


class EmbeddedServer:
    """A nats-server with JetStream that lives no longer than this process.

    Use it as an async context manager or by `start` and `stop`. It may be started again after it ended, and
    is then found on the port it had. It runs in a session of its own, so a Ctrl-C meant for this process
    doesn't reach it first. On Linux it ends (SIGTERM) also when this process is killed with -9; start it from
    the event loop of a thread that lives as long as the server should.

    Args:
        store_dir: folder of its data; made if missing, locked while the server runs.
        host: address to listen on.
        port: None takes any free one, known after the start.
        log_file: its output; None puts `nats-server.log` into the store folder.
        token: what clients must present; None lets everybody in who reaches the address.
        start_timeout: seconds until a server that doesn't get ready is an error (a large store takes a while).
    """

    def __init__(
        self,
        store_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        log_file: Path | None = None,
        token: str | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        self.store_dir = Path(os.path.abspath(store_dir))  # noqa: PTH100  (links are kept as the user named them)
        self.host = host
        self.log_file = self.store_dir / "nats-server.log" if log_file is None else Path(log_file)
        self.token = token
        self.process: subprocess.Popen[bytes] | None = None
        self.version = ""
        """Of the running server, for example "2.15.1"; empty before the first start."""
        self._port = port
        self._start_timeout = start_timeout
        self._store = Store(self.store_dir)
        self._ended = asyncio.Event()
        self._unwatch: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the first start where any was to be taken."""
        return self._port or 0

    @property
    def url(self) -> str:
        """`nats://host:port`, with no token in it."""
        return _url(self.host, self.port)

    @property
    def pid(self) -> int | None:
        """None while it doesn't run."""
        return self.process.pid if self.process is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How the last one ended: exit code, minus the signal, None while it runs or before the first start."""
        return None if self.process is None else self.process.poll()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and return when it serves JetStream.

        Raises:
            ServerStartError: it runs already, the program is missing, the port is taken, the store is in use or
                can't be written, or the server gave up; the message says which.
        """
        if self.is_running:
            raise ServerStartError(f"this nats-server already runs at {self.url}")
        binary = find_binary()
        await self._check_port_is_free()
        lock = self._store.lock()
        log_start = 0
        try:
            # what 2.10 and 2.12 don't know is left out at the second try
            for newest in (True, False):
                log_start = self._spawn(binary, lock, newest=newest)
                if await self._is_ready():
                    break
                if not (newest and "unknown field" in self._log_since(log_start)):
                    raise ServerStartError(self._why_it_died(log_start))
            assert self.process is not None
            self._store.record(self.process.pid, self.url)
        except BaseException:
            await self._end_child(grace=1.0)
            raise
        finally:
            self._store.unlock()
        atexit.unregister(self._kill_at_exit)
        atexit.register(self._kill_at_exit, os.getpid())

    async def stop(self, grace: float = 5.0) -> None:
        """End it cleanly, by force after `grace` seconds; nothing happens where it doesn't run."""
        atexit.unregister(self._kill_at_exit)
        await self._end_child(grace)

    async def wait(self) -> int:
        """Wait until it ends; its exit code, or minus the number of the signal that ended it."""
        if self.process is None:
            raise ServerStartError("this nats-server was never started")
        if self.process.poll() is None:
            await self._ended.wait()
        return self.process.wait()

    def _spawn(self, binary: Path, lock: int, *, newest: bool) -> int:
        """Start the program; returns the length of the log before it."""
        configuration = self._store.write_configuration(self._configuration(newest=newest))
        log = self._store.open_log(self.log_file)
        try:
            log_start = os.fstat(log).st_size
            self.process = subprocess.Popen(
                [str(binary), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.store_dir,
                pass_fds=(lock,),
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGTERM),
            )
        except (OSError, subprocess.SubprocessError) as exc:
            raise ServerStartError(f"can't run {binary}: {exc}") from None
        finally:
            os.close(log)
        process = self.process
        self._ended = asyncio.Event()
        self._unwatch()
        self._unwatch = watch_exit(process.pid, self._ended.set, lambda: process.poll() is None)
        return log_start

    async def _is_ready(self) -> bool:
        """Wait for the server's ports file (written once it listens, JetStream being up) and its greeting.

        False means that the server ended.
        """
        process = self.process
        assert process is not None
        deadline = time.monotonic() + self._start_timeout
        while process.poll() is None:
            urls = self._store.read_ports(process.pid)
            if urls:
                self._port = int(urls[0].rpartition(":")[2])
                info = await server_info(_reachable(self.host), self._port, timeout=5.0)
                if info is not None:
                    self.version = str(info.get("version", ""))
                    return True
            if time.monotonic() > deadline:
                raise ServerStartError(
                    f"the nats-server on {self.store_dir} is not ready after {self._start_timeout:g} s: "
                    f"see its log {self.log_file}"
                )
            # the log and the ports file are all it gives: two milliseconds is a tenth of what it takes
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _READY_POLL_S)
        return False

    async def _check_port_is_free(self) -> None:
        if self._port is None:
            return
        answer = await probe(_reachable(self.host), self._port)
        if answer == "silent":
            return
        where = f"port {self._port} of {self.host}"
        if answer == "nats":
            raise ServerStartError(
                f"{where} is taken: a NATS server answers there already; "
                f"use it (--server {self.url}), or choose another port"
            )
        raise ServerStartError(
            f"{where} is taken by something that is not a NATS server: end that program, or choose another port"
        )

    async def _end_child(self, grace: float) -> None:
        process = self.process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                async with asyncio.timeout(grace):
                    await self._ended.wait()
            except TimeoutError:
                pass
            finally:
                if process.poll() is None:
                    process.kill()  # out of time, or the wait was cancelled
                process.wait()
        self._unwatch()

    def _kill_at_exit(self, owner: int) -> None:
        # a fork of this process inherits the registration, but not the server
        if os.getpid() == owner and self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def _configuration(self, *, newest: bool) -> str:
        limits = "limits { default_max_consumers: 10000 }" if newest else ""
        lines = [
            'server_name: "naq-embedded"',
            f"host: {_quoted(self.host)}",
            f"port: {self._port or -1}",
            f"ports_file_dir: {_quoted(str(self._store.run_folder))}",
            "max_payload: 8MB",
            f"jetstream {{ store_dir: {_quoted(str(self.store_dir))}, sync_interval: 1s, "
            f"max_file_store: {MAX_FILE_STORE}, max_memory_store: 64MB, {limits} }}",
        ]
        if self.token is not None:
            lines.append(f"authorization {{ token: {_quoted(self.token)} }}")
        return "\n".join(lines) + "\n"

    def _log_since(self, start: int) -> str:
        try:
            with self.log_file.open("rb") as file:
                file.seek(start)
                return file.read(256 * 1024).decode("utf-8", "replace")
        except OSError:
            return ""

    def _why_it_died(self, log_start: int) -> str:
        lines = [line.strip() for line in self._log_since(log_start).splitlines() if line.strip()]
        errors = [match[2] for line in lines if (match := _LOG_LINE.match(line))]
        said = "; ".join((errors or lines)[-2:]) or "nothing"
        return f"the nats-server ended at its start ({_ending(self.returncode)}), saying: {said} (log: {self.log_file})"


def default_store_dir() -> Path:
    """Where the embedded server of this user keeps its data: NAQ_DATA_DIR, else the user's data folder."""
    folder = os.environ.get("NAQ_DATA_DIR")
    if folder:
        return Path(folder).expanduser() / "embedded"
    from platformdirs import user_data_path

    return user_data_path("naq", appauthor=False) / "embedded"


def _url(host: str, port: int) -> str:
    return f"nats://[{host}]:{port}" if ":" in host else f"nats://{host}:{port}"


def _reachable(host: str) -> str:
    """The address to reach a server by that listens on `host` (which may stand for all addresses)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _ending(returncode: int | None) -> str:
    if returncode is None:
        return "still running"
    return f"exit code {returncode}" if returncode >= 0 else f"signal {-returncode}"
