"""`naq-console --demo`: a small busy system of its own, so that every screen is alive within seconds.

Real processes on a throw-away server: two workers, a scheduler, jobs that succeed, fail, are retried and take time, and
two schedules. Everything ends with the console, and the folder it lived in is removed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from itertools import count
from typing import Any

from naq.calls import Call
from naq.client import AsyncClient
from naq.errors import ConfigurationError, NaqException
from naq.examples import tasks
from naq.settings import Settings
from naq_tui.launcher import LaunchSpec, Supervisor

log = logging.getLogger(__name__)

MODULE = "naq.examples.tasks"
WORKERS = (
    LaunchSpec(
        kind="worker", name="mailer", queues=("mail",), modules=(MODULE,), concurrency=5, ends_with_console=True
    ),
    LaunchSpec(
        kind="worker",
        name="reporter",
        queues=("reports", "default"),
        modules=(MODULE,),
        concurrency=3,
        ends_with_console=True,
    ),
)
SCHEDULER = LaunchSpec(kind="scheduler", name="clock", ends_with_console=True)
FIRST_JOBS = 12
PAUSE_S = (0.25, 1.1)
"""Least and most seconds between two jobs."""


class Demo:
    """The demo's processes and its stream of jobs."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Launch the processes and begin to enqueue; call on the event loop."""
        for spec in (*WORKERS, SCHEDULER):
            self._supervisor.launch(spec)
        self._task = asyncio.create_task(self._produce(), name="demo")

    async def stop(self) -> None:
        """Enqueue no more; the processes are the supervisor's to end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _produce(self) -> None:
        async with AsyncClient(self._settings, program="naq-console --demo") as client:
            await _schedule(client)
            for number, (queue, call, options) in enumerate(_jobs()):
                try:
                    await client.enqueue_many([call], queue_name=queue, **options)
                except NaqException as exc:
                    log.debug("demo job not enqueued: %s", exc)
                await asyncio.sleep(0.02 if number < FIRST_JOBS else random.uniform(*PAUSE_S))


async def _schedule(client: AsyncClient) -> None:
    try:
        await client.schedule(
            tasks.build_report, "digest", pages=4, cron="*/15 * * * * *", schedule_id="digest", queue_name="reports"
        )
        await client.schedule(
            tasks.send_invoice, 1, "0.00", interval=20, schedule_id="heartbeat-mail", queue_name="mail"
        )
    except ConfigurationError as exc:
        log.debug("demo schedules stand already: %s", exc)


def _jobs() -> Iterator[tuple[str, Call, dict[str, Any]]]:
    """Endlessly: mostly mail, some reports that take time, now and then something that fails or is retried."""
    for number in count(1001):
        pick = random.random()
        if number % 12 == 5:
            yield "reports", Call(tasks.build_report, ("unknown",)), {}
        elif pick < 0.15:
            yield "default", Call(tasks.flaky, (0.6,)), {"max_retries": 3, "retry_delay": [1, 3, 9]}
        elif pick < 0.35:
            report = f"week-{number % 52 + 1}"
            yield "reports", Call(tasks.build_report, (report,), {"pages": random.randint(5, 60)}), {}
        else:
            amount = f"{random.randint(5, 900)}.{random.randint(0, 99):02d}"
            yield "mail", Call(tasks.send_invoice, (number, amount)), {}
