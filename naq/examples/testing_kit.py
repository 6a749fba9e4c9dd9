"""Tests of code that uses jobs, as you would write them with pytest; here they run one after the other.

$ python -m naq.examples.testing_kit
a function by itself: ok
a shop with its worker: ok
a month of nights: ok
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import naq
import naq.testing

shelf: list[str] = []


def ship(item: str) -> str:
    if not item:
        raise ValueError("nothing to ship")
    shelf.append(item)
    return f"shipped {item}"


async def place_order(items: list[str]) -> None:
    """The code under test: it enqueues, and knows nothing of tests."""
    await naq.enqueue_many([(ship, (item,)) for item in items])


async def a_function_by_itself() -> None:
    run = await naq.testing.run_inline(ship, "a book")
    assert (run.status, run.value) == ("COMPLETED", "shipped a book")
    run = await naq.testing.run_inline(ship, "", max_retries=2)
    assert run.status == "FAILED"
    assert isinstance(run.exception, ValueError)
    assert run.result.attempt == 3


async def a_shop_with_its_worker(settings: naq.Settings) -> None:
    shelf.clear()
    async with naq.testing.worker(settings, "naq.examples.testing_kit") as jobs:
        await place_order(["a lamp", "a chair"])
        ended = await jobs.all_final()
        assert list(ended.values()) == ["COMPLETED", "COMPLETED"]
        assert sorted(shelf) == ["a chair", "a lamp"]


async def a_month_of_nights(settings: naq.Settings) -> None:
    module = "naq.examples.testing_kit"
    async with naq.testing.worker(settings, module) as jobs, naq.testing.scheduler(settings) as clock:
        await naq.schedule(ship, "the paper", cron="0 5 * * *")
        await clock.advance(timedelta(days=30))
        assert len(await jobs.all_final()) == 30


async def main() -> None:
    await a_function_by_itself()
    print("a function by itself: ok")
    async with naq.testing.server() as settings:
        await a_shop_with_its_worker(naq.testing.isolated(settings))
        print("a shop with its worker: ok")
        await a_month_of_nights(naq.testing.isolated(settings))
        print("a month of nights: ok")


if __name__ == "__main__":
    asyncio.run(main())
