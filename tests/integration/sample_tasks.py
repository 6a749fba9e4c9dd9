"""Functions for the integration tests."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path

calls: list[object] = []


class Colour(Enum):
    RED = "r"


@dataclass(frozen=True)
class Order:
    number: int
    total: Decimal
    placed: datetime
    colour: Colour


def describe(order: Order, *, when: datetime, labels: set[str]) -> tuple[Order, str, set[str]]:
    """Give back what came in, with the types it came in."""
    assert isinstance(order, Order)
    assert isinstance(order.colour, Colour)
    return order, type(when).__name__, labels


def end_of(job_id: str, value: object) -> list[object]:
    """A callback that gives back what it is told."""
    return [job_id, value]


def fails_until(path: str, times: int) -> str:
    """Fail the first `times` calls, counted in a file."""
    with open(path, "a+", encoding="utf-8") as file:  # noqa: PTH123
        file.write("x")
        file.seek(0)
        count = len(file.read())
    if count <= times:
        raise ValueError(f"call {count} fails")
    return f"call {count} succeeds"


async def wait_long() -> None:
    await asyncio.sleep(60)


def wait_for(path: str) -> str:
    """Run until there is a file at `path`."""
    while not Path(path).exists():
        time.sleep(0.02)
    return path


def block_thread(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


async def block_loop(seconds: float) -> float:
    """What nobody should do: hold the worker's event loop."""
    time.sleep(seconds)  # noqa: ASYNC251
    return seconds


def unserialisable() -> object:
    return object()


def many_bytes(count: int) -> str:
    """A text of `count` bytes as UTF-8."""
    return "é" * (count // 2)


def fails_with(text: str) -> None:
    raise ValueError(f"{len(text)} characters are too many")


def kills_its_worker(path: str, times: int, failures: int = 0) -> str:
    """Fail the first `failures` runs, end the worker's process without a word in the next `times`; a file counts."""
    with open(path, "a+", encoding="utf-8") as file:  # noqa: PTH123
        file.write("x")
        file.flush()
        file.seek(0)
        count = len(file.read())
    if count <= failures:
        raise ValueError(f"run {count} fails")
    if count <= failures + times:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"run {count} lives"
