"""Ids: time-ordered for jobs and events, short and speakable for workers."""

from __future__ import annotations

import base64
import os
import random
import re
import threading
import time
from datetime import UTC, datetime, timedelta

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_MILLISECONDS = re.compile(r"[0-9]{13}")
"""Since 1970, as the job of a run carries them behind the name of its schedule."""
_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_lock = threading.Lock()
_last = 0
# of its own: anybody may seed the shared one, and a system call for each id takes longer than all the rest
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


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
    digits = "%032x" % ((stamp >> 12) << 80 | (stamp & 0xFFF) << 64 | _random.getrandbits(62) | _VERSION_AND_VARIANT)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def time_of(job_id: str) -> datetime | None:
    """When a UUIDv7 was made, by its maker's clock, to the millisecond; None for any other id."""
    match = _UUID.fullmatch(job_id)
    if match is None or match[1] != "7" or match[2] not in "89abAB":
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(job_id[:8] + job_id[9:13], 16))
    except OverflowError:  # after the year 9999: the id is somebody's own
        return None


def short(job_id: str, most: int = 12) -> str:
    """What people see of an id: the last six characters of a UUID, also of one behind the name of a schedule, and the
    last six digits of a run's second, by which the runs of a schedule differ.

    Any other id is somebody's own: of a long one its two ends in `most` characters, `order…000123`.
    """
    made_of = job_id.rpartition(".")
    if _UUID.fullmatch(made_of[2]):
        return job_id[-6:]
    if made_of[0] and _MILLISECONDS.fullmatch(made_of[2]):
        return job_id[-9:-3]
    return job_id if len(job_id) <= most else f"{job_id[: most // 2 - 1]}…{job_id[-(most - most // 2) :]}"


def worker_id() -> str:
    """`w-` and six random letters and digits."""
    return f"w-{_random_text()}"


def scheduler_id() -> str:
    """`s-` and six random letters and digits."""
    return f"s-{_random_text()}"


def _random_text() -> str:
    return base64.b32encode(os.urandom(5))[:6].decode().lower()
