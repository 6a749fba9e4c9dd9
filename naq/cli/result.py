"""`naq result`."""

from __future__ import annotations

import argparse
from typing import Any

from naq import codec
from naq.cli.common import command, duration, json_option, print_json, seconds, with_client
from naq.client import AsyncClient
from naq.display import inert
from naq.errors import JobNotFoundError
from naq.models.job import JobStatus
from naq.models.result import JobResult
from naq.models.times import format_time


def register(subparsers: Any) -> None:
    parser = command(subparsers, "result", "show what became of a job", "naq result 019a… --wait 30")
    parser.add_argument("job_id", metavar="JOB-ID")
    parser.add_argument("--wait", type=seconds, metavar="S", help="wait this many seconds for it to end")
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        record: JobResult | None
        if args.wait is not None:
            record = await client.results.wait_record(args.job_id, timeout=args.wait)
        else:
            record = await client.results.get_record(args.job_id)
        if record is None:
            status = await client.get_job_status(args.job_id)
            if status in (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SCHEDULED, JobStatus.PAUSED):
                if args.json:
                    print_json({"job_id": args.job_id, "status": str(status)})
                else:
                    print(f"{inert(args.job_id)} is {status.lower()}")
                return 0
            raise JobNotFoundError(f"job {args.job_id} has no result")
        record = await client.results.whole(record)
        if args.json:
            print_json(summary(record))
        else:
            _print(record)
        return 1 if record.status == JobStatus.FAILED else 0

    return with_client(args, use)


def summary(record: JobResult) -> dict[str, Any]:
    """The record as JSON for people and scripts: plain values, times as text."""
    plain: dict[str, Any] = {
        "job_id": record.job_id,
        "status": record.status,
        "function": record.function,
        "queue": record.queue,
        "worker_id": record.worker_id,
        "attempt": record.attempt,
        "wait_ms": record.wait_ms,
        "run_ms": record.run_ms,
    }
    if record.status == JobStatus.COMPLETED:
        plain["value"] = codec.display(record.value)
    if record.error is not None:
        plain["error"] = record.error.to_wire()
    for name in ("enqueued_at", "started_at", "finished_at", "retry_at"):
        moment = getattr(record, name)
        if moment is not None:
            plain[name] = format_time(moment)
    if record.attempts:
        plain["attempts"] = [attempt.to_wire() for attempt in record.attempts]
    return plain


def _print(record: JobResult) -> None:
    print(f"{inert(record.job_id)}  {inert(record.status)}  {inert(record.function)}  queue {inert(record.queue)}")
    print(
        f"attempt {record.attempt} on {inert(record.worker_id)}: "
        f"waited {duration(record.wait_ms)}, ran {duration(record.run_ms)}"
    )
    if record.status == JobStatus.COMPLETED:
        print(inert(codec.display_text(record.value, None)))
    if record.error is not None:
        for line in (record.error.traceback or f"{record.error.type}: {record.error.message}").splitlines():
            print(inert(line))
