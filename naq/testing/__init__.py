"""Test your jobs: inline without a server, or with a worker and a scheduler in the test's own loop.

A function by itself, through everything that a worker does with it but the server:

>>> from naq.testing import run_inline_sync
>>> run = run_inline_sync("naq.examples.tasks:add", 2, 3)
>>> run.status, run.value
('COMPLETED', 5)
>>> run = run_inline_sync("naq.examples.tasks:fail", "no luck", max_retries=2)
>>> run.status, run.result.error.message, run.result.attempt
('FAILED', 'no luck', 3)

A system of its own, as pytest fixtures (with pytest-asyncio in auto mode; one server for all, a prefix for each test):

    @pytest.fixture(scope="session")
    async def nats():
        async with naq.testing.server() as settings:
            yield settings

    @pytest.fixture
    async def jobs(nats):
        async with naq.testing.worker(naq.testing.isolated(nats), "myapp.tasks") as running:
            yield running

    async def test_an_order_is_shipped(jobs):
        await myapp.place_order(7)  # calls naq.enqueue, or naq.enqueue_sync
        await jobs.all_final()
        assert shipped(7)

Time that passes at once, for schedules and delayed jobs:

    async with naq.testing.scheduler(jobs.settings) as clock:
        await naq.schedule(tasks.report, cron="0 2 * * *")
        await clock.advance(86_400)  # each run on the way fires
        await jobs.all_final()

`examples/testing_kit.py` is a whole program.
"""

from naq.scheduler.clock import ManualClock
from naq.testing.inline import InlineRun, run_inline, run_inline_sync
from naq.testing.system import RunningScheduler, RunningWorker, isolated, scheduler, server, worker

__all__ = [
    "InlineRun",
    "ManualClock",
    "RunningScheduler",
    "RunningWorker",
    "isolated",
    "run_inline",
    "run_inline_sync",
    "scheduler",
    "server",
    "worker",
]
