"""`naq stats`: how much ran, how long it waited and ran, by function, queue or worker; read from the audit log."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from naq.cli.common import command, counted, duration, json_option, moment, print_json, print_table, with_client
from naq.client import AsyncClient
from naq.errors import ConfigurationError
from naq.eventquery import log_range
from naq.figures import COUNTED, Course, Dimension, Figures, Fold, Histogram
from naq.models.event import Entity
from naq.models.times import format_time

SINCE = "1h"
STEPS = 60
"""Steps of the history that --json tells."""
PERCENTILES = (50, 95, 99)


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "stats",
        "tell how much ran, how long it waited and ran",
        "naq stats --by queue --since 24h\n  naq stats --json",
    )
    by = [dimension.value for dimension in Dimension]
    parser.add_argument("--by", choices=by, default=by[0], help="what to tell apart (function)")
    parser.add_argument(
        "--since",
        metavar="TIME",
        default=SINCE,
        help=f"from this ISO time (UTC) on, or 15m for that long ago ({SINCE})",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    asked = moment(args.since, "--since")
    assert asked is not None  # there is a default
    dimension = Dimension(args.by)

    async def use(client: AsyncClient) -> int:
        now = client.connection.server_now()
        if asked >= now:
            raise ConfigurationError(f"--since {args.since!r} lies in the future")
        begins_at = await _begins_at(client)
        since = asked if begins_at is None else max(asked, begins_at)
        fold = Fold(max((now - since).total_seconds() / STEPS, 0.001))
        events = 0 if begins_at is None else await _read(client, fold, since)
        rows = [*fold.tables[dimension].named()]
        worked_ms = sum(course.total.run.sum_ms for _, course in rows)
        window_s = max((now - since).total_seconds(), 0.001)
        if args.json:
            told = {"by": dimension.value, "since": format_time(since), "until": format_time(now)}
            for name, course in rows:
                # null are the others, where there are more than are told apart
                print_json(
                    {**told, "name": name, **_figures(course.total, window_s, worked_ms), **_history(course, fold)}
                )
            return 0
        print(_told(asked, begins_at, now, events))
        if rows:
            _print(dimension, [(name, course.total) for name, course in rows], window_s, worked_ms)
        return 0

    return with_client(args, use, read_only=True)


async def _begins_at(client: AsyncClient) -> datetime | None:
    """When the oldest event that is kept was stored; None where there is none."""
    held = await log_range(client.log)
    first = await client.log.read(held.first_seq, 1) if held.last_seq >= held.first_seq else []
    return first[0].stored_at if first else None


async def _read(client: AsyncClient, fold: Fold, since: datetime) -> int:
    """Fold what was stored from `since` until now; returns how many events were read."""
    names, events = client.connection.names, 0
    subjects = [names.event_filter(entity=Entity.JOB, event_type=event_type) for event_type in COUNTED]
    async with aclosing(client.events.follow(subjects, start_time=since)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            for stored in batch.events:
                fold.add(stored.event, stored.stored_at.timestamp())
            events += len(batch.events)
            if batch.is_caught_up:
                break
    return events


def _told(asked: datetime, begins_at: datetime | None, now: datetime, events: int) -> str:
    """What was read, in one line."""
    if begins_at is None:
        return "the log is empty"
    since = max(asked, begins_at)
    told = f"{counted(events, 'event')} of the {duration((now - since).total_seconds() * 1000)} since {_at(since)}"
    return f"{told}, when the log begins" if begins_at > asked else told


def _at(moment: datetime) -> str:
    return f"{format_time(moment)[:19].replace('T', ' ')} UTC"


def _print(dimension: Dimension, rows: list[tuple[str | None, Figures]], window_s: float, worked_ms: float) -> None:
    figures = (
        "rate",
        "done",
        "failed",
        "retried",
        *(f"{of} p{p}" for of in ("wait", "run") for p in PERCENTILES),
        "time",
    )
    print_table(
        (dimension, *figures),
        [
            (
                "(others)" if name is None else name,
                _rate(total.done / window_s),
                f"{total.done:,}",
                _share(total.failed_share),
                f"{total.retried:,}",
                *(duration(of.percentile(p / 100)) for of in (total.wait, total.run) for p in PERCENTILES),
                _share(total.run.sum_ms / worked_ms if worked_ms else None),
            )
            for name, total in rows
        ],
        right=figures,
    )


def _rate(per_second: float) -> str:
    if per_second >= 9.95 or not per_second:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 0.95 else f"{per_second * 60:.1f}/min"


def _share(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:.0%}" if share in (0, 1) or share >= 0.0995 else f"{share:.1%}"


def _figures(total: Figures, window_s: float, worked_ms: float) -> dict[str, Any]:
    return {
        **_counts(total),
        "rate_per_s": round(total.done / window_s, 6),
        "failed_share": total.failed_share,
        "wait_ms": _times(total.wait),
        "run_ms": _times(total.run),
        "time_share": total.run.sum_ms / worked_ms if worked_ms else None,
    }


def _history(course: Course, fold: Fold) -> dict[str, Any]:
    """The steps in which something happened, each told by when it begins."""
    return {
        "step_s": fold.step_s,
        "history": [
            {
                "at": format_time(datetime.fromtimestamp(step * fold.step_s, UTC)),
                **_counts(figures),
                "run_p95_ms": _rounded(figures.run.percentile(0.95)),
            }
            for step, figures in sorted(course.steps.items())
        ],
    }


def _counts(figures: Figures) -> dict[str, int]:
    return {name: getattr(figures, name) for name in COUNTED.values()}


def _times(times: Histogram) -> dict[str, float | int | None]:
    percentiles = {f"p{p}": _rounded(times.percentile(p / 100)) for p in PERCENTILES}
    return {"count": times.count, "sum": round(times.sum_ms, 3), "mean": _rounded(times.mean), **percentiles}


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
