"""Ids: time-ordered for jobs and events, short and speakable for workers."""

from __future__ import annotations

import base64
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_lock = threading.Lock()
_last = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 bits of a finer clock, 62 random bits.

    Strictly increasing within a process, whatever the clock does.
    """
    global _last
    now = time.time_ns()
    # milliseconds and 1/4096 of one, as one number to keep in order
    stamp = (now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000)
    with _lock:
        stamp = _last = stamp if stamp > _last else _last + 1
    text = f"{stamp >> 12:012x}7{stamp & 0xFFF:03x}"
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    rest = f"{tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:]}-{rest[:4]}-{rest[4:]}"


def time_of(job_id: str) -> datetime | None:
    """When a UUIDv7 was made, by its maker's clock; None for any other id."""
    try:
        parsed = UUID(job_id)
    except (ValueError, AttributeError):
        return None
    if parsed.version != 7:
        return None
    return _EPOCH + timedelta(milliseconds=parsed.int >> 80)


def short(job_id: str) -> str:
    """What people see of an id: the last six characters of a UUID, else at most its first twelve."""
    if len(job_id) == 36 and job_id.count("-") == 4:
        return job_id[-6:]
    return job_id if len(job_id) <= 12 else f"{job_id[:11]}…"


def worker_id() -> str:
    """`w-` and six random letters and digits."""
    return f"w-{_random_text()}"


def scheduler_id() -> str:
    """`s-` and six random letters and digits."""
    return f"s-{_random_text()}"


def _random_text() -> str:
    return base64.b32encode(os.urandom(5))[:6].decode().lower()
