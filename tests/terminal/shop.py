"""Jobs of a made-up shop: what they need stands in a folder, so that an operator can mend what they fail of."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path


def bill(folder: str, customer: int) -> int:
    """The price of the day; fails while nobody has put the price list there."""
    prices = json.loads((Path(folder) / "prices.json").read_text())
    return int(prices["day"])


async def pack(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "packed"


def ship(folder: str) -> str:
    """Ends once a lorry is there."""
    while not (Path(folder) / "lorry").exists():
        time.sleep(0.05)
    return "shipped"
