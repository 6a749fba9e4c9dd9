"""Failures that are worth another try, and those that are not.

$ naq worker -m naq.examples.retries
$ python -m naq.examples.retries
charge: paid 9.90
  run 1: ConnectionError: the bank hung up
  run 2: ConnectionError: the bank hung up
refused: ValueError: -1 is no amount, after 1 run
statement: ready at run 3
"""

from __future__ import annotations

import asyncio

import naq


def charge(amount: str) -> str:
    """Fails at its first two runs."""
    if float(amount) < 0:
        raise ValueError(f"{amount} is no amount")
    if naq.current_job().attempt < 3:
        raise ConnectionError("the bank hung up")
    return f"paid {amount}"


def statement() -> str:
    """Asks by itself to be run again: no failure, so it takes nothing from `max_retries`."""
    attempt = naq.current_job().attempt
    if attempt < 3:
        raise naq.Retry("not ready yet", delay=0.05)
    return f"ready at run {attempt}"


async def main() -> None:
    async with naq.AsyncClient() as client:
        policy = {"max_retries": 5, "retry_delay": 0.05, "retry_strategy": "exponential", "ignore_on": [ValueError]}
        job = await client.enqueue(charge, "9.90", **policy)
        print("charge:", await job.result(timeout=10))
        record = await client.results.get_record(job.job_id)
        assert record is not None
        for attempt in record.attempts:
            assert attempt.error is not None
            print(f"  run {attempt.number}: {attempt.error.type}: {attempt.error.message}")

        job = await client.enqueue(charge, "-1", **policy)
        try:
            await job.result(timeout=10)
        except naq.JobExecutionError as exc:
            record = await client.results.get_record(job.job_id)
            assert record is not None
            print(f"refused: {exc.error_type}: {exc.error_message}, after {record.attempt} run")

        print("statement:", await (await client.enqueue(statement)).result(timeout=10))


if __name__ == "__main__":
    asyncio.run(main())
