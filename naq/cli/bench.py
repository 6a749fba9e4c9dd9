"""`naq bench`: what this server and this machine reach with naq; the system in use there is left alone."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from naq.cli.common import command, counted, print_json, print_table, settings_of
from naq.display import inert
from naq.errors import ConfigurationError

if TYPE_CHECKING:
    from naq.bench.run import Figure

JOBS = 10_000
MAX_JOBS = 10_000_000
BAR_CELLS = 30
FRAME_S = 0.1
TERMINATED = 128 + signal.SIGTERM


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "bench",
        "measure what the server and this machine reach",
        "naq bench --server nats://host:4222\n  naq bench --jobs 1000 --json",
    )
    parser.description = (
        "Measure what the server and this machine reach: enqueue, drain, latency, events. It uses streams and a worker "
        "of its own, touches nothing else on the server, and removes them at the end."
    )
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"jobs where rates are taken ({JOBS:,})")
    parser.add_argument("--concurrency", type=int, default=100, metavar="N", help="jobs at once in the worker (100)")
    parser.add_argument("--clean", action="store_true", help="only remove what runs that were killed left behind")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 once all is measured, however good it is."""
    if not 1 <= args.jobs <= MAX_JOBS:
        raise ConfigurationError(f"--jobs must be from 1 to {MAX_JOBS:,}, not {args.jobs:,}")

    async def until_terminated() -> int:
        task = asyncio.ensure_future(_clean(args) if args.clean else _bench(args))
        # as at ctrl+c: what was made on the server is removed first
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(until_terminated())
    except asyncio.CancelledError:
        return TERMINATED


async def _bench(args: argparse.Namespace) -> int:
    from naq.bench.run import steps
    from naq.bench.trial import trial

    figures: list[Figure] = []
    async with trial(settings_of(args)) as stage:
        connection = stage.client.connection
        round_trip_s = min([await connection.round_trip() for _ in range(5)])
        server = {
            "server": connection.settings.server_label,
            "version": ".".join(map(str, connection.server_version)),
            "replicas": connection.settings.replicas,
            "round_trip_ms": round(round_trip_s * 1000, 3),
        }
        if not args.json:
            print(_headline(server), flush=True)
        for step in steps(args.jobs, concurrency=args.concurrency, round_trip_s=round_trip_s):
            with Bar(step.name, step.jobs) as bar:
                measured = await step.measure(stage, step.jobs, bar.show)
            figures.extend(measured if isinstance(measured, list) else [measured])
    if args.json:
        print_json({**server, "concurrency": args.concurrency, "figures": [figure.to_record() for figure in figures]})
    else:
        _print(figures)
    return 0


async def _clean(args: argparse.Namespace) -> int:
    from naq.bench.trial import left_behind, remove
    from naq.connection import Connection

    settings = settings_of(args)
    async with Connection(settings, name="naq bench") as connection:
        prefixes = await left_behind(connection)
    for prefix in prefixes:
        async with Connection(settings.with_(prefix=prefix), name="naq bench") as connection:
            await remove(connection)
    if args.json:
        print_json({"removed": prefixes})
    else:
        print(f"{counted(len(prefixes), 'run')} removed{': ' if prefixes else ''}{', '.join(prefixes)}")
    return 0


def _headline(server: dict[str, Any]) -> str:
    return inert(
        f"nats-server {server['version']} at {server['server']}, {counted(server['replicas'], 'replica')}, "
        f"round trip {server['round_trip_ms']:.2f} ms; every job with its events, every run with its result"
    )


def _print(figures: list[Figure]) -> None:
    print_table(
        ("what", "measured", "p99", "good", ""),
        [
            (
                figure.name,
                _amount(figure.value, figure.unit),
                "" if figure.p99 is None else _amount(figure.p99, figure.unit),
                ("from " if figure.p99 is None else "up to ") + _amount(figure.good, figure.unit),
                "" if figure.is_good else "not reached",
            )
            for figure in figures
        ],
        right=("measured", "p99", "good"),
    )
    if not all(figure.is_good for figure in figures):
        print("\nnot reached: do other programs use this machine or the server's disk? what does 'naq doctor' say?")


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


class Bar:
    """A line of progress on standard error where that is a terminal, gone at the end."""

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._total = total
        self._is_shown = sys.stderr.isatty()
        self._next_s = 0.0

    def __enter__(self) -> Self:
        self.show(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, done: int) -> None:
        """At most ten times a second: what is measured must not pay for it."""
        if not self._is_shown or (now := time.monotonic()) < self._next_s:
            return
        self._next_s = now + FRAME_S
        filled = min(BAR_CELLS, BAR_CELLS * done // self._total)
        bar = "━" * filled + "─" * (BAR_CELLS - filled)
        sys.stderr.write(f"\r\x1b[K{self._name:<24} {bar} {done:,}/{self._total:,}")
        sys.stderr.flush()
