"""`naq worker`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naq.cli.common import command, import_from_here, settings_of
from naq.errors import ConfigurationError
from naq.logs import setup_logging
from naq.worker.time_limits import OTHERS

if TYPE_CHECKING:
    from naq.worker.fleet import Membership


NEW_OBJECTS = 10_000
"""More than what a hundred jobs under way are made of; the 700 that Python comes with are passed with each read."""


def register(subparsers: Any) -> None:
    parser = command(subparsers, "worker", "run jobs", "naq worker mail reports -m myapp.tasks --concurrency 20")
    parser.add_argument(
        "queues",
        nargs="*",
        default=["default"],
        metavar="QUEUE[:WEIGHT]",
        help="queues to serve (default: default), with their shares of the slots: critical:6 default:3 low:1",
    )
    parser.add_argument(
        "--strict", action="store_true", help="serve a queue only when those named before it have nothing waiting"
    )
    parser.add_argument(
        "-m",
        "--module",
        action="append",
        dest="modules",
        default=[],
        metavar="MODULE",
        help="module whose functions may run, repeatable; 'pkg.*' takes all of a package",
    )
    parser.add_argument("--concurrency", type=int, default=10, metavar="N", help="jobs at once (default 10)")
    parser.add_argument("--name", help="a name to know it by")
    parser.add_argument(
        "--drain", type=float, default=30.0, metavar="S", help="seconds running jobs get at a stop (30)"
    )
    parser.add_argument("--burst", action="store_true", help="end once the queues are empty and nothing runs")
    parser.add_argument("--max-jobs", type=int, metavar="N", help="end after so many jobs")
    parser.add_argument(
        "--middleware",
        action="append",
        default=[],
        metavar="MODULE:NAME",
        help="a naq.Middleware class or instance, outermost first, repeatable: myapp.hooks:Tracing",
    )
    parser.add_argument(
        "--metrics-port",
        type=int,
        metavar="PORT",
        help="serve Prometheus metrics at :PORT/metrics, further processes at the next ports (naq[prometheus])",
    )
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="run every job in a process of its own: it can be stopped at any instant, and its crash harms no other",
    )
    parser.add_argument(
        "--timeout",
        action="append",
        dest="timeouts",
        default=[],
        metavar="[QUEUE=]S",
        help="seconds a run may take whose job has no timeout of its own, in one queue or all; repeatable: mail=30",
    )
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="worker processes, each of them as told here (1)"
    )
    parser.add_argument(
        "--reload", action="store_true", help="for development: start again when a source file changes here"
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from naq.worker.fleet import membership

    setup_logging(args.log_level)
    import_from_here()
    member = membership()
    if member is None and (args.processes != 1 or args.reload):
        return _run_fleet(args)
    return _run_worker(args, member)


def _run_fleet(args: argparse.Namespace) -> int:
    from naq.worker.fleet import Fleet
    from naq.worker.sources import Sources

    sources = Sources(args.modules, Path.cwd()) if args.reload else None

    async def run() -> int:
        return await Fleet(args.argv, args.processes, sources=sources).run()

    return asyncio.run(run())


def _run_worker(args: argparse.Namespace, member: Membership | None) -> int:
    from naq.middleware import Middleware, load_middleware
    from naq.worker import Worker

    queues, weights = _weighted(args.queues)
    middleware: list[Middleware] = [load_middleware(reference) for reference in args.middleware]
    if args.metrics_port is not None:
        from naq.ext.prometheus import PrometheusMetrics

        middleware.append(PrometheusMetrics(port=args.metrics_port + (member.number - 1 if member else 0)))
    worker = Worker(
        queues,
        weights=weights,
        strict=args.strict,
        modules=args.modules,
        concurrency=args.concurrency,
        name=args.name,
        settings=settings_of(args),
        drain_s=args.drain,
        burst=args.burst,
        max_jobs=args.max_jobs,
        isolate=args.isolate,
        queue_timeouts=_timeouts(args.timeouts),
        middleware=middleware,
    )
    _collect_rarely()
    asyncio.run(worker.run(handle_signals=True, supervisor=member.supervisor if member else None))
    if any(thread.name.startswith("naq-job") and thread.is_alive() for thread in threading.enumerate()):
        # idle job threads end with the interpreter; a function that would not stop must not keep it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _collect_rarely() -> None:
    """Keep Python's collector of cycles from looking through the jobs under way again and again: none is in a cycle."""
    gc.freeze()  # what is loaded stays to the end
    gc.set_threshold(NEW_OBJECTS, 10, 10)


def _weighted(words: list[str]) -> tuple[list[str], dict[str, float]]:
    """`critical:6 low` as the queues, and the weights of those that have one."""
    queues: list[str] = []
    weights: dict[str, float] = {}
    for word in words:
        queue, colon, weight = word.partition(":")
        queues.append(queue)
        if colon:
            try:
                weights[queue] = float(weight)
            except ValueError:
                raise ConfigurationError(f"{word!r}: the weight behind ':' must be a number, as in 'mail:3'") from None
    return queues, weights


def _timeouts(words: list[str]) -> dict[str, float]:
    """`mail=30` and `300` as seconds by queue."""
    limits: dict[str, float] = {}
    for word in words:
        queue, _, seconds = word.rpartition("=")
        try:
            limits[queue or OTHERS] = float(seconds)
        except ValueError:
            raise ConfigurationError(f"--timeout {word!r}: seconds were expected, as in mail=30 or 300") from None
    return limits
