"""`naq list-workers`."""

from __future__ import annotations

import argparse
from typing import Any

from naq.cli.common import command, duration, json_option, print_json, print_table, with_client
from naq.client import AsyncClient
from naq.models.times import format_time


def register(subparsers: Any) -> None:
    parser = command(
        subparsers, "list-workers", "list workers and schedulers, dead ones too", "naq list-workers --json"
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
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
                    f"{len(worker.running)}/{worker.concurrency}" if worker.kind == "worker" else "-",
                    f"{worker.completed:,}",
                    f"{worker.failed:,}",
                    duration((now - worker.beat_at).total_seconds() * 1000) if worker.beat_at else "-",
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
