"""Code around every job of a worker: here, whose data the job may touch, and how long it took.

$ naq worker -m naq.examples.middleware --middleware naq.examples.middleware:Tenant
$ python -m naq.examples.middleware
orders of acme
orders of globex
FAILED: this job has no tenant
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import naq

if TYPE_CHECKING:
    from naq.worker.run import Run

log = logging.getLogger(__name__)
tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


class Tenant(naq.Middleware):
    """The tenant is the first tag of a job; the function reads it from a context variable."""

    @contextmanager
    def around(self, run: Run) -> Iterator[None]:
        began = time.perf_counter()
        token = tenant.set(next(iter(run.job.tags), None))
        try:
            yield
        finally:
            tenant.reset(token)
            log.info("%s took %.1f ms", run.job.function, (time.perf_counter() - began) * 1000)

    def on_failure(self, run: Run, exception: BaseException, will_retry: bool) -> None:
        if not will_retry:
            log.error("job %s failed for good: %s", run.job.job_id, exception)


def list_orders() -> str:
    owner = tenant.get()
    if owner is None:
        raise PermissionError("this job has no tenant")
    return f"orders of {owner}"


async def main() -> None:
    for owner in ("acme", "globex"):
        job = await naq.enqueue(list_orders, tags=[owner])
        print(await job.result(timeout=10))
    job = await naq.enqueue(list_orders)
    try:
        await job.result(timeout=10)
    except naq.JobExecutionError as exc:
        print("FAILED:", exc.error_message)


if __name__ == "__main__":
    asyncio.run(main())
