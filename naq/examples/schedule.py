"""Later, and again and again. Any number of schedulers may run; one leads.

$ naq worker -m naq.examples.schedule
$ naq scheduler
$ python -m naq.examples.schedule
reminder: call Ada
report 1 of 2
report 2 of 2
next backup at 02:00 in Berlin
"""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

import naq


def remind(of: str) -> str:
    return f"reminder: {of}"


def report() -> str:
    return "reported"


async def main() -> None:
    async with naq.AsyncClient() as client:
        reminder = await client.enqueue_in(0.2, remind, "call Ada")
        print(await reminder.result(timeout=20))

        twice = await client.schedule(report, interval=0.3, repeat=2)
        fired = 0
        async for batch in client.events.follow():
            for stored in batch.events:
                event = stored.event
                if event is None or event.type != "SCHEDULE_TRIGGERED" or event.schedule_id != twice.schedule_id:
                    continue
                fired += 1
                assert event.job_id is not None
                await client.fetch_job_result(event.job_id, timeout=10)
                print(f"report {fired} of {twice.repeat}")
            if fired == twice.repeat:
                break

        nightly = await client.schedule(report, cron="0 2 * * *", timezone="Europe/Berlin")
        assert nightly.next_run_at is not None
        print(f"next backup at {nightly.next_run_at.astimezone(ZoneInfo('Europe/Berlin')):%H:%M} in Berlin")
        await client.cancel_scheduled_job(nightly.schedule_id, reason="only an example")


if __name__ == "__main__":
    asyncio.run(main())
