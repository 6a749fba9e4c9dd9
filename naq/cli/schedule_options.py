"""Options that `naq schedules add` and `naq schedules edit` share: what a schedule is made of."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import Any

from naq import codec
from naq.errors import ConfigurationError, SerializationError

NONE = "none"
_TIMES = {"start_at": "--start", "end_at": "--end"}
_NAMES = (
    "cron",
    "interval",
    "repeat",
    "timezone",
    "jitter",
    "misfire",
    "misfire_grace_s",
    "misfire_cap",
    "overlap",
    "queue_name",
    "max_retries",
    "retry_delay",
    "retry_strategy",
    "timeout",
    "result_ttl",
    "tags",
    "args",
    "kwargs",
)


def spec_options(parser: argparse.ArgumentParser) -> None:
    """None of them has a default: what is not given is not there."""
    when = parser.add_argument_group("when it runs")
    when.add_argument("--cron", help="five fields, or six with seconds first")
    when.add_argument("--every", dest="interval", metavar="INTERVAL", help="30s, 15m, 2h, 1d")
    when.add_argument("--repeat", type=_or_none(int), metavar="N", help="runs in all; 'none' for no end")
    when.add_argument("--timezone", metavar="ZONE", help="the cron text is read in it (default: UTC)")
    when.add_argument("--start", dest="start_at", metavar="TIME", help="no run before: ISO, in --timezone; or 'none'")
    when.add_argument("--end", dest="end_at", metavar="TIME", help="no run after: ISO, in --timezone; or 'none'")
    when.add_argument("--jitter", type=_interval, metavar="DELAY", help="fire up to this much later: 30s, 5m")
    when.add_argument("--misfire", choices=["skip", "run_once", "run_all"], help="runs missed meanwhile (run_once)")
    when.add_argument(
        "--misfire-grace", dest="misfire_grace_s", type=_or_none(float), metavar="S", help="late after S seconds (30)"
    )
    when.add_argument("--misfire-cap", type=_or_none(int), metavar="N", help="most that run_all makes up for (100)")
    when.add_argument(
        "--overlap", choices=["allow", "skip", "buffer_one"], help="a run while the last job has not ended (allow)"
    )
    job = parser.add_argument_group("its job")
    job.add_argument("-q", "--queue", dest="queue_name", metavar="QUEUE", help="queue (default: default)")
    job.add_argument("--max-retries", type=int, metavar="N")
    job.add_argument("--retry-delay", type=float, metavar="S")
    job.add_argument("--retry-strategy", choices=["linear", "exponential", "full_jitter"])
    job.add_argument("--timeout", type=_or_none(float), metavar="S", help="seconds one run may take; or 'none'")
    job.add_argument("--result-ttl", type=_or_none(float), metavar="S", help="seconds its result is kept; or 'none'")
    job.add_argument("--tag", dest="tags", action="append", metavar="TAG", help="may be given more than once")


def argument_options(parser: argparse.ArgumentParser) -> None:
    """`--args` and `--kwargs`, where the arguments of the function are not given one by one."""
    parser.add_argument("--args", type=_json(list), metavar="JSON", help="its positional arguments, as a JSON list")
    parser.add_argument("--kwargs", type=_json(dict), metavar="JSON", help="its keyword arguments, as a JSON object")


def given(args: argparse.Namespace, timezone: str = "UTC") -> dict[str, Any]:
    """What was given, by the names that `schedule` and `modify` take.

    Args:
        timezone: what times without an offset are read in, where no --timezone was given.

    Raises:
        ConfigurationError: a time that can't be read.
    """
    found = {name: getattr(args, name) for name in _NAMES if hasattr(args, name)}
    for name, option in _TIMES.items():
        if hasattr(args, name):
            found[name] = _time(getattr(args, name), option, found.get("timezone", timezone))
    return found


def _time(text: str, option: str, timezone: str) -> datetime | None:
    from naq.scheduler.cron import check_timezone

    if text.lower() == NONE:
        return None
    zone = check_timezone(timezone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{option} {text!r} is no ISO time: write it like 2026-12-24T18:00") from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def _or_none(kind: type[int] | type[float]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return None if text.lower() == NONE else kind(text)

    read.__name__ = kind.__name__
    return read


def _interval(text: str) -> float:
    from naq.errors import ScheduleSpecError
    from naq.scheduler.cron import parse_interval

    if text.lower() in (NONE, "0"):
        return 0.0
    try:
        return parse_interval(text)
    except ScheduleSpecError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _json(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = codec.loads(text.encode("utf-8", "surrogatepass"))
        except SerializationError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None
        if not isinstance(value, kind):
            raise argparse.ArgumentTypeError(f"a JSON {'list' if kind is list else 'object'} was expected: {text!r}")
        return value

    return read
