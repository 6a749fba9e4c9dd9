"""Small jobs to try naq with: `naq enqueue naq.examples.tasks:add 2 3`."""

from __future__ import annotations

import asyncio
import random
import time


def add(a: float, b: float) -> float:
    """The sum of two numbers."""
    return a + b


async def sleep(seconds: float) -> float:
    """Wait without holding a thread; returns how long."""
    await asyncio.sleep(seconds)
    return seconds


def block(seconds: float) -> float:
    """Wait in a thread, as blocking code does."""
    time.sleep(seconds)
    return seconds


def echo(value: object) -> object:
    """Return what came in, whatever it is."""
    return value


def fail(message: str = "it was asked to") -> None:
    """Raise RuntimeError."""
    raise RuntimeError(message)


def flaky(chance: float = 0.5) -> str:
    """Fail with probability `chance`: for trying retries."""
    if random.random() < chance:
        raise ConnectionError("upstream closed the connection")
    return "ok"


async def send_invoice(customer: int, amount: str) -> dict[str, object]:
    """Pretend to send an invoice; takes a tenth of a second or so."""
    await asyncio.sleep(random.uniform(0.02, 0.2))
    return {"sent": True, "customer": customer, "amount": amount}


def build_report(name: str, pages: int = 10) -> dict[str, object]:
    """Pretend to build a report; takes time by the page, and fails for a name that is not known."""
    if name == "unknown":
        raise KeyError(f"no report named {name!r}")
    time.sleep(0.05 * pages)
    return {"report": name, "pages": pages, "bytes": pages * 2048}
