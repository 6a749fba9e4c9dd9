"""A long job says how far it is, and is cancelled.

$ naq worker -m naq.examples.progress
$ python -m naq.examples.progress
page 1 of 500
CANCELLED: that is enough
"""

from __future__ import annotations

import asyncio

import naq


async def print_book(pages: int) -> int:
    job = naq.current_job()
    for page in range(1, pages + 1):
        job.progress(page, pages, f"page {page}")
        await asyncio.sleep(0.05)
    return pages


async def main() -> None:
    async with naq.AsyncClient() as client:
        job = await client.enqueue(print_book, 500)
        async for batch in client.events.follow():
            told = [s.event for s in batch.events if s.event is not None and s.event.job_id == job.job_id]
            progress = [event.details for event in told if event.type == "PROGRESS" and event.details]
            if progress:
                print(f"page {progress[0]['done']} of {progress[0]['total']}")
                break
        await client.cancel(job.job_id, reason="that is enough")
        record = await client.results.wait_record(job.job_id, timeout=10)
        print(f"{record.status}: {record.reason}")


if __name__ == "__main__":
    asyncio.run(main())
