"""Limits by key that hold over all workers: at most so many at once, at most so many in a time.

$ naq worker -m naq.examples.limits --concurrency 10
$ naq worker -m naq.examples.limits --concurrency 10
$ python -m naq.examples.limits
customer 7: 5 calls, at most 1 at once
mail server: 5 mails took at least 0.4 s
"""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import naq


async def call_customer(number: int) -> tuple[float, float]:
    """When it began and ended, by this machine's clock."""
    began = time.time()
    await asyncio.sleep(0.05)
    return began, time.time()


def send_mail(number: int) -> float:
    return time.time()


async def main() -> None:
    one_at_a_time = naq.ConcurrencyLimit("customer-7", 1)
    calls = await naq.group([(call_customer, (number,)) for number in range(5)], limits=[one_at_a_time])
    times = sorted(await calls.wait(timeout=20))
    overlaps = sum(1 for (_, ended), (began, _) in pairwise(times) if began < ended)
    print(f"customer 7: {len(times)} calls, at most {1 + overlaps} at once")

    ten_a_second = naq.RateLimit("mail-server", 10, per=1.0)
    mails = await naq.group([(send_mail, (number,)) for number in range(5)], limits=[ten_a_second])
    sent = sorted(await mails.wait(timeout=20))
    took = sent[-1] - sent[0]
    print(f"mail server: {len(sent)} mails took {'at least' if took > 0.35 else 'less than'} 0.4 s")


if __name__ == "__main__":
    asyncio.run(main())
