"""`naq enqueue`."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta
from typing import Any

from naq import callables, codec
from naq.calls import Call
from naq.cli.common import command, import_from_here, json_option, print_json, seconds, with_client
from naq.client import AsyncClient
from naq.errors import ConfigurationError, FunctionReferenceError, SerializationError
from naq.limits import ConcurrencyLimit, RateLimit
from naq.models.job import Job
from naq.models.times import format_time, parse_time


def register(subparsers: Any) -> None:
    parser = command(
        subparsers, "enqueue", "put one call into a queue", "naq enqueue naq.examples.tasks:add 2 3 --json"
    )
    parser.add_argument("function", metavar="MODULE:FUNCTION")
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="ARG",
        help="positional arguments, and keyword ones as name=value; each is read as JSON, else taken as text",
    )
    parser.add_argument("-q", "--queue", default="default", help="queue (default: default)")
    parser.add_argument("--job-id", help="an id of your own; the same id again is the same job")
    parser.add_argument("--max-retries", type=int, default=0, metavar="N")
    parser.add_argument("--retry-delay", type=float, default=1.0, metavar="S")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds one run may take")
    parser.add_argument("--isolate", action="store_true", help="run it in a process of its own, which can be stopped")
    parser.add_argument("--unique", metavar="KEY", help="one job of this key at a time; a second call gets the first")
    parser.add_argument("--unique-for", type=float, metavar="S", help="the key is taken this many seconds instead")
    parser.add_argument(
        "--rate", action="append", default=[], metavar="KEY=N/S", help="at most N starts in S seconds among all of KEY"
    )
    parser.add_argument(
        "--at-once", action="append", default=[], metavar="KEY=N", help="at most N running at once among all of KEY"
    )
    parser.add_argument("--at", metavar="TIME", help="enqueue at this ISO time (UTC unless it says otherwise)")
    parser.add_argument("--in", dest="delay", metavar="DELAY", help="enqueue after this long: 90s, 15m, 2h")
    parser.add_argument("--wait", type=seconds, metavar="S", help="wait this many seconds for the result and print it")
    parser.add_argument("--unchecked", action="store_true", help="the function's code is not on this machine")
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import_from_here()
    positional, named = parse_arguments(args.arguments)
    callables.check_reference(args.function)
    if not args.unchecked:
        try:
            function = callables.import_function(args.function)
        except FunctionReferenceError as exc:
            raise FunctionReferenceError(f"{exc} (--unchecked enqueues it all the same)") from None
        callables.check_arguments(function, tuple(positional), named)
    if args.at and args.delay:
        raise ConfigurationError("give --at or --in, not both")
    moment = _moment(args.at) if args.at else None
    delay = _delay(args.delay) if args.delay else None
    limits = [*map(_rate, args.rate), *map(_at_once, args.at_once)]

    async def use(client: AsyncClient) -> int:
        options: dict[str, Any] = {
            "queue_name": args.queue,
            "job_id": args.job_id,
            "max_retries": args.max_retries,
            "retry_delay": args.retry_delay,
            "timeout": args.timeout,
            "isolate": args.isolate,
            "unique": args.unique,
            "unique_for": args.unique_for,
            "limits": limits,
        }
        call = Call(args.function, positional, named)
        due = moment
        if delay is not None:
            due = client.connection.server_now() + timedelta(seconds=delay)
        job: Job
        if due is not None:
            job = await client.schedules.enqueue_call_at(due, call, **options)
        else:
            job = await client.queue(args.queue).enqueue_call(call, **options)
        record = {
            "job_id": job.job_id,
            "queue": job.queue_name,
            "function": job.function,
            "status": str(job.status),
        }
        if job.is_duplicate:
            record["duplicate"] = "true"
        if job.run_at is not None:
            record["run_at"] = format_time(job.run_at)
        if args.wait is not None:
            value = await job.result(timeout=args.wait)
            if args.json:
                print_json({**record, "status": "COMPLETED", "value": codec.display(codec.pack(value))})
            else:
                print(codec.display_text(codec.pack(value), None))
        elif args.json:
            print_json(record)
        else:
            print(job.job_id)
        return 0

    return with_client(args, use)


def parse_arguments(words: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of a command line: `name=value` is a keyword, values are JSON or else text.

    Raises:
        ConfigurationError: a positional argument after a keyword one, or a keyword twice.
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            if name in named:
                raise ConfigurationError(f"argument {name!r} is given twice")
            named[name] = _value(value)
        elif named:
            raise ConfigurationError(f"positional argument {word!r} comes after a keyword argument")
        else:
            positional.append(_value(word))
    return positional, named


def _value(text: str) -> Any:
    try:
        codec.loads(text.encode("utf-8", "surrogatepass"))
        return json.loads(text)  # which keeps whole numbers of any length as they are
    except (SerializationError, ValueError):
        return text


def _rate(text: str) -> RateLimit:
    key, _, figures = text.rpartition("=")
    count, _, per = figures.partition("/")
    try:
        return RateLimit(key, int(count), float(per or 1))
    except ValueError:
        raise ConfigurationError(f"--rate {text!r} can't be read: write it like api:x=10/1 (10 in 1 second)") from None


def _at_once(text: str) -> ConcurrencyLimit:
    key, _, count = text.rpartition("=")
    try:
        return ConcurrencyLimit(key, int(count))
    except ValueError:
        raise ConfigurationError(f"--at-once {text!r} can't be read: write it like customer:42=1") from None


def _moment(text: str) -> datetime:
    moment = parse_time(text)
    if moment is None:
        raise ConfigurationError(f"--at {text!r} is no ISO time: write it like 2026-12-24T18:00:00+01:00")
    return moment


def _delay(text: str) -> float:
    from naq.scheduler.cron import parse_interval

    return parse_interval(text)
