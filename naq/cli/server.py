"""`naq server`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naq.cli.common import json_option, print_json
from naq.errors import ConfigurationError

if TYPE_CHECKING:
    from naq.server import EmbeddedServer

_FOLLOW_S = 0.1


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "server",
        help="run the bundled NATS server in the foreground",
        description="Run the bundled NATS server, with JetStream on, until Ctrl-C. NAQ_NATS_TOKEN, where set, is "
        "the token it demands of its clients.",
        epilog="example:\n  naq server --port 4333 --store ./data",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=4222, metavar="N", help="0 takes any free one (default 4222)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: only this machine)"
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="folder of its data (default: the user's data folder)"
    )
    parser.add_argument("--verbose", action="store_true", help="show the server's own log")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    json_option(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    if not 0 <= args.port <= 65_535:
        raise ConfigurationError(f"--port {args.port} is not a port: use 1 to 65535, or 0 for any free one")
    return asyncio.run(_serve(args))


async def _serve(args: argparse.Namespace) -> int:
    from naq.server import EmbeddedServer, default_store_dir

    server = EmbeddedServer(
        args.store or default_store_dir(),
        host=args.host,
        port=args.port or None,
        token=os.environ.get("NAQ_NATS_TOKEN") or None,
    )
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, asked_to_stop.set)
    log_start = _size(server.log_file) if args.verbose else 0
    async with server:
        _announce(server, as_json=args.json)
        follower = asyncio.create_task(_follow(server.log_file, log_start)) if args.verbose else None
        death = asyncio.create_task(server.wait())
        stop = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait((death, stop), return_when=asyncio.FIRST_COMPLETED)
        for task in (follower, stop):
            if task is not None:
                task.cancel()
        if death.done() and not asked_to_stop.is_set():
            print(
                f"naq: the nats-server at {server.url} ended by itself ({_how(death.result())}): see {server.log_file}",
                file=sys.stderr,
            )
            return 1
        death.cancel()
    return 0


def _announce(server: EmbeddedServer, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "url": server.url,
                "port": server.port,
                "pid": server.pid,
                "version": server.version,
                "store": str(server.store_dir),
                "log": str(server.log_file),
            }
        )
        return
    print(
        f"nats-server {server.version} on {server.url}, store {server.store_dir}, Ctrl-C stops it",
        flush=True,
    )


async def _follow(path: Path, position: int) -> None:
    """Copy what is added to the log to standard error, for as long as it is let."""
    while True:
        size = _size(path)
        if size < position:
            position = 0  # begun anew
        if size > position:
            position += _copy(path, position)
        else:
            await asyncio.sleep(_FOLLOW_S)


def _copy(path: Path, position: int) -> int:
    with path.open("rb") as file:
        file.seek(position)
        chunk = file.read(64 * 1024)
    sys.stderr.write(chunk.decode("utf-8", "replace"))
    sys.stderr.flush()
    return len(chunk)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _how(returncode: int) -> str:
    return f"exit code {returncode}" if returncode >= 0 else f"signal {-returncode}"
