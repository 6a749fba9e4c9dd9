"""An OpenSSH server of a test's own, on loopback: its port, its host key and the one key that may log in."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVER = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
IS_INSTALLED = SERVER is not None and all(map(shutil.which, ("ssh", "ssh-keygen")))
STARTUP_S = 10.0


@contextmanager
def login(folder: Path) -> Iterator[Sequence[str]]:
    """The start of a command line that logs in over SSH, with a terminal; what is to be run there follows it."""
    assert SERVER is not None
    host_key, key = folder / "host_key", folder / "key"
    for path in (host_key, key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder / "sshd_config"
    settings.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nAuthorizedKeysFile {key}.pub\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as root it insists on this folder
    log = folder / "sshd.log"
    server = subprocess.Popen([SERVER, "-D", "-f", str(settings), "-E", str(log)], stdin=subprocess.DEVNULL)
    try:
        _await_port(port, server, log)
        yield (
            "ssh", "-tt", "-F", "none", "-p", str(port), "-i", str(key), "-o", "IdentitiesOnly=yes", "-o",
            "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            f"{getpass.getuser()}@127.0.0.1",
        )  # fmt: skip
    finally:
        server.terminate()
        server.wait()


def _await_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTUP_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            said = log.read_text() if log.exists() else ""
            assert server.poll() is None, f"sshd ended: {said}"
            assert time.monotonic() < end, f"sshd does not listen: {said}"
            time.sleep(0.05)
