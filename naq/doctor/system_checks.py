"""How the system stands: workers, queues, schedules, failed jobs."""

from __future__ import annotations

import asyncio

from naq.connection import Connection
from naq.deadletter import DeadLetters
from naq.doctor.checks import Check, ok, problem, warning
from naq.inspector import Inspector
from naq.jobfilter import JobFilter
from naq.models.schedule import ScheduleStatus
from naq.models.worker import WorkerStatus
from naq.results import Results
from naq.schedules import ScheduledJobManager

COUNT_WITHIN_S = 5.0
"""How long failed jobs are counted."""
NAMED = 5


async def system_checks(connection: Connection) -> list[Check]:
    """Raises NaqConnectionError where the server does not answer, or does not permit the questions."""
    now = connection.server_now()
    inspector = Inspector(connection)
    everybody = await inspector.workers()
    alive = [worker for worker in everybody if worker.status_at(now) != WorkerStatus.DEAD]
    dead = [worker.worker_id for worker in everybody if worker not in alive]
    schedules = [s for s in await ScheduledJobManager(connection).list() if s.status == ScheduleStatus.ACTIVE]
    checks = []
    if dead:
        advice = "see 'naq workers list'; 'naq workers forget ID' removes a record, else it goes after a day"
        checks.append(warning("workers", f"{len(dead)} dead: {_few(dead)}", advice))
    working = sum(worker.kind == "worker" for worker in alive)
    blocked = [worker.worker_id for worker in alive if worker.status_at(now) == WorkerStatus.BLOCKED]
    if blocked:
        advice = "a job holds the event loop: use a plain function, which runs in a thread, or await what it waits for"
        checks.append(warning("workers", f"{len(blocked)} blocked: {_few(blocked)}", advice))
    if not working:
        checks.append(warning("workers", "none is up", "start one: 'naq worker QUEUE -m MODULE'"))
    elif not dead and not blocked:
        checks.append(ok("workers", f"{working} up"))
    if schedules and not any(worker.kind == "scheduler" for worker in alive):
        told = f"{len(schedules)} active schedules and no scheduler"
        checks.append(problem("schedules", told, "nothing fires: start one with 'naq scheduler'"))
    else:
        checks.append(ok("schedules", f"{len(schedules)} active"))
    return [*checks, *await _queues(inspector), await _failed(connection)]


async def _queues(inspector: Inspector) -> list[Check]:
    queues = await inspector.queues()
    checks = []
    for queue in queues:
        name = f"queue {queue.queue}"
        if queue.is_paused and (queue.waiting or queue.pulls):
            why = f" ({queue.paused_reason})" if queue.paused_reason else ""
            told = f"is paused{why}, {queue.waiting:,} jobs wait"
            checks.append(warning(name, told, f"'naq queues resume {queue.queue}' lets them run"))
        elif queue.waiting and not queue.pulls and not queue.running:
            told = f"{queue.waiting:,} jobs wait and nobody consumes it"
            checks.append(problem(name, told, f"start a worker for it: 'naq worker {queue.queue} -m MODULE'"))
    return checks or [ok("queues", f"{len(queues)}, none of them left alone")]


async def _failed(connection: Connection) -> Check:
    letters, counted, is_all = DeadLetters(connection, Results(connection)), 0, True
    try:
        async with asyncio.timeout(COUNT_WITHIN_S):
            async for page in letters.find(JobFilter.of(status="FAILED")):
                counted += len(page)
    except TimeoutError:
        is_all = False
    told = f"{'' if is_all else 'at least '}{counted:,} failed {'job is' if counted == 1 else 'jobs are'} kept"
    if counted:
        return warning("dead letter", told, "'naq job retry --all' puts them back, 'naq job delete --all' removes them")
    return ok("dead letter", told)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(sorted(names)[:NAMED]) + more
