"""A server's store folder: its lock and what else lies in it.

Two nats-servers on one store both start, and silently write different histories. So the folder has a lock,
and the server itself holds it: it inherits the locked descriptor, and the kernel frees it when the server
ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from naq.errors import ServerStartError

LOG_LIMIT_BYTES = 5 * 2**20


class Store:
    """Paths in a store folder, and its lock while a server is being started.

    `jetstream/` is the server's; `run/` holds its configuration and ports file; `lock` says who runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_folder = folder / "run"
        self.lock_path = folder / "lock"
        self._lock: int | None = None

    def lock(self) -> int:
        """Make the folder if need be and lock it; returns the descriptor that the server must inherit.

        Raises:
            ServerStartError: the folder can't be written, or another server runs on it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.run_folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise self.unwritable(exc) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            for old in self.run_folder.glob("*.ports"):
                old.unlink()
        except BlockingIOError:
            os.close(descriptor)
            raise ServerStartError(
                f"the store {self.folder} is in use by {self._holder()}: connect to that server, "
                "or give another folder (--store, NAQ_DATA_DIR)"
            ) from None
        except OSError as exc:
            os.close(descriptor)
            raise self.unwritable(exc) from None
        self._lock = descriptor
        return descriptor

    def unlock(self) -> None:
        """Let go of the lock here; a server that inherited it keeps it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def record(self, pid: int, url: str) -> None:
        """Note in the lock file who holds it, for the message another one gets."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, json.dumps({"pid": pid, "url": url, "owner_pid": os.getpid()}).encode(), 0)

    def write_configuration(self, text: str) -> Path:
        """Write the server's configuration, readable by this user only (it may hold a token)."""
        path = self.run_folder / "nats-server.conf"
        try:
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise self.unwritable(exc) from None
        return path

    def read_ports(self, pid: int) -> list[str] | None:
        """The client URLs that the server has written after it began to listen; None before."""
        for path in self.run_folder.glob(f"*_{pid}.ports"):
            try:
                urls = json.loads(path.read_bytes()).get("nats")
            except (OSError, ValueError, AttributeError):
                return None  # half written: complete at the next look
            return urls if isinstance(urls, list) and urls else None
        return None

    def open_log(self, path: Path) -> int:
        """Descriptor to append the server's output to; a log over the limit is begun anew, one old one kept."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
                path.replace(path.with_name(path.name + ".1"))
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise ServerStartError(f"can't write the server's log {path}: {exc.strerror or exc}") from None

    def unwritable(self, exc: OSError) -> ServerStartError:
        return ServerStartError(
            f"can't write to the store {self.folder}: {exc.strerror or exc}; "
            "give another folder (--store, NAQ_DATA_DIR)"
        )

    def _holder(self) -> str:
        try:
            holder = json.loads(self.lock_path.read_bytes())
            return f"the nats-server with pid {int(holder['pid'])} on {holder['url']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another nats-server that is just starting"
