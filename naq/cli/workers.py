"""`naq workers`: list, stop and forget workers and schedulers."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from naq.cli.common import (
    act_options,
    age,
    command,
    json_option,
    print_act,
    print_json,
    print_table,
    seconds,
    verb,
    with_client,
)
from naq.client import AsyncClient
from naq.errors import ConfigurationError, WorkerNotFoundError
from naq.models.times import format_time
from naq.models.worker import WorkerRecord

WAIT_S = 60.0

MOST_TOLD = 5
"""Ids told of those that share a name."""


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "workers",
        "list, stop and forget workers and schedulers",
        "naq workers stop WORKER-ID --wait --reason 'kernel update'",
    )
    json_option(parser)
    parser.set_defaults(run=run_list)
    verbs = parser.add_subparsers(metavar="VERB")
    listing = verb(verbs, "list", "list workers and schedulers, dead ones too", "naq workers list --json")
    listing.set_defaults(run=run_list)
    stop = verb(
        verbs,
        "stop",
        "let one end its jobs and stop, on whatever host it runs",
        "naq workers stop WORKER-ID --wait --reason 'kernel update'",
    )
    stop.add_argument("worker_id", metavar="WORKER-ID")
    stop.add_argument("--now", action="store_true", default=False, help="hand its running jobs back at once")
    act_options(stop)
    stop.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        nargs="?",
        const=WAIT_S,
        default=None,
        help=f"until it is gone, at most so long ({WAIT_S:g} where not given); exit code 1 if it is not",
    )
    stop.set_defaults(run=run_stop)
    forget = verb(
        verbs,
        "forget",
        "remove the record of a dead one now",
        "naq workers forget WORKER-ID --reason 'host is gone for good'",
    )
    forget.add_argument("worker_id", metavar="WORKER-ID")
    act_options(forget)
    forget.set_defaults(run=run_forget)


def run_stop(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        async with _names_told(client, args.worker_id):
            record = await client.stop_worker(
                args.worker_id, now=args.now, reason=args.reason, action_id=args.action_id, wait_s=args.wait
            )
        is_gone = args.wait is not None
        told = "has stopped" if is_gone else f"was told to stop, running jobs: {len(record.running)}"
        print_act(
            args,
            {**_about(record), "action": "stop", "now": args.now, "is_gone": is_gone},
            f"{record.kind} {record.worker_id} {told}",
        )
        return 0

    return with_client(args, use)


def run_forget(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        async with _names_told(client, args.worker_id):
            record = await client.forget_worker(args.worker_id, reason=args.reason, action_id=args.action_id)
        told = f"record of {record.kind} {record.worker_id} removed"
        print_act(args, {**_about(record), "action": "forget"}, told)
        return 0

    return with_client(args, use)


@asynccontextmanager
async def _names_told(client: AsyncClient, given: str) -> AsyncIterator[None]:
    """Where no id is `given` but a name, as lists show them too, the error says whose it is."""
    try:
        yield
    except (WorkerNotFoundError, ConfigurationError) as exc:
        ids = [w.worker_id for w in await client.list_workers() if given in (w.name, f"{w.host}/{w.name}")]
        if ids:
            told = ", ".join(ids[:MOST_TOLD]) + (", …" if len(ids) > MOST_TOLD else "")
            raise WorkerNotFoundError(f"{given} is the name of {told}: give the id") from exc
        raise


def _about(record: WorkerRecord) -> dict[str, Any]:
    return {
        "worker_id": record.worker_id,
        "kind": record.kind,
        "host": record.host,
        "pid": record.pid,
        "running": [job.job_id for job in record.running],
    }


def run_list(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        now = client.connection.server_now()
        workers = await client.list_workers()
        if args.json:
            for worker in workers:
                print_json(
                    {
                        "worker_id": worker.worker_id,
                        "kind": worker.kind,
                        "name": worker.name,
                        "status": str(worker.status_at(now)),
                        "host": worker.host,
                        "pid": worker.pid,
                        "queues": list(worker.queues),
                        "concurrency": worker.concurrency,
                        "running": [job.job_id for job in worker.running],
                        "completed": worker.completed,
                        "failed": worker.failed,
                        "leader": worker.leader,
                        "beat_at": format_time(worker.beat_at) if worker.beat_at else None,
                        "lost_at": format_time(worker.lost_at) if worker.lost_at else None,
                        "version": worker.version,
                    }
                )
            return 0
        if not workers:
            print("no workers: start one with 'naq worker -m MODULE'")
            return 0
        print_table(
            ("status", "worker", "name", "host", "queues", "jobs", "done", "failed", "beat"),
            [
                (
                    _status(worker.status_at(now), worker.kind, worker.leader),
                    worker.worker_id,
                    worker.name or "",
                    worker.host,
                    ",".join(worker.queues) or "-",
                    f"{worker.busy}/{worker.concurrency}" if worker.kind == "worker" else "-",
                    f"{worker.completed:,}",
                    f"{worker.failed:,}",
                    age(worker.beat_at, now),
                )
                for worker in workers
            ],
            right=("jobs", "done", "failed", "beat"),
        )
        return 0

    return with_client(args, use)


def _status(status: str, kind: str, leader: bool) -> str:
    if kind == "scheduler" and status in ("IDLE", "BUSY"):
        return "leader" if leader else "standby"
    return status.lower()
