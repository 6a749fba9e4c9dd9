"""What answers on a port, told without a NATS client: a NATS server speaks first, with `INFO {…}`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Literal

ProbeAnswer = Literal["nats", "other", "silent"]
"""nats: greets as a NATS server; other: accepts connections but doesn't; silent: nothing accepts."""

_GREETING_LIMIT = 256 * 1024


async def probe(host: str, port: int, timeout: float = 1.0) -> ProbeAnswer:
    """Tell what listens at the address, waiting at most `timeout` seconds each for it to accept and to greet."""
    answer, _ = await _greeting(host, port, timeout)
    return answer


async def server_info(host: str, port: int, timeout: float = 1.0) -> dict[str, Any] | None:
    """The server's own description (`version`, `jetstream`, …), or None where no NATS server greets in time."""
    _, info = await _greeting(host, port, timeout)
    return info


async def _greeting(host: str, port: int, timeout: float) -> tuple[ProbeAnswer, dict[str, Any] | None]:
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port, limit=_GREETING_LIMIT)
    except (OSError, TimeoutError):
        return "silent", None
    try:
        async with asyncio.timeout(timeout):
            line = await reader.readline()
        if not line.startswith(b"INFO "):
            return "other", None
        info = json.loads(line[5:])
        return ("nats", info) if isinstance(info, dict) else ("other", None)
    except (OSError, TimeoutError, ValueError):  # ValueError: a line without end, or no JSON in it
        return "other", None
    finally:
        # at once and without a farewell: a peer that doesn't read must not hold up the answer
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
