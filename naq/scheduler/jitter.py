"""When a run that is due fires: some seconds later where the schedule has jitter, so that many don't fire at once.

The delay follows from the schedule's id and the due time alone: whoever leads reckons the same one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from naq.models.schedule import Schedule


def fires_at(schedule: Schedule, due: datetime) -> datetime:
    """`due`, or up to `jitter_s` seconds later."""
    if not schedule.jitter_s:
        return due
    key = f"{schedule.schedule_id}.{due.timestamp():.3f}".encode()
    part = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64
    try:
        return due + timedelta(seconds=part * schedule.jitter_s)
    except OverflowError:  # anybody may have written the record, and a scheduler reckons with all of them
        return due
