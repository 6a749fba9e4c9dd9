"""When a schedule fires: as a person types it, and the times that come of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from naq.models.schedule import MisfirePolicy, OverlapPolicy, Schedule
from naq.scheduler.cron import check_timezone
from naq.scheduler.spec import next_runs
from naq_tui import times
from naq_tui.views.moment import parse_due

PREVIEWED = 5
PER_LINE = 3
WHEN_HINT = "0 2 * * *, every 15m, at 18:00"
WHEN_SHORT = "0 2 * * *, every 15m"
"""As long as the field is."""
_DURATION = re.compile(r"(\d+[dhms])+", re.IGNORECASE)
POLICY_WORDS = {str(policy): str(policy).replace("_", " ") for policy in (*MisfirePolicy, *OverlapPolicy)}


def times_of(text: str, timezone: str, now: datetime) -> dict[str, Any]:
    """`cron`, `interval` or `run_at`, as `naq.schedule` and `naq.modify_scheduled_job` take them.

    Args:
        timezone: IANA name, empty for UTC; what times of day are read in.

    Raises:
        ScheduleSpecError: there is no such time zone.
        ValueError: the text says no time.
    """
    zone = check_timezone(timezone or "UTC")
    words = text.strip()
    if not words:
        raise ValueError(f"when is it to run? {WHEN_HINT}")
    first = words.split()[0].lower()
    if first == "every":
        return {"interval": words[len(first) :].strip()}
    if first not in ("at", "in", "today", "tomorrow"):
        if _DURATION.fullmatch(words):
            raise ValueError(f"once, or again and again? say 'in {words}' or 'every {words}'")
        return {"cron": words}
    due = parse_due(words, now, zone)
    return {"run_at": now + due if isinstance(due, timedelta) else due or now}


def told(moment: datetime) -> str:
    """`2026-11-24 18:00:00`, in the chosen zone."""
    return f"{times.in_zone(moment):%Y-%m-%d %H:%M:%S}"


def firings(schedule: Schedule, now: datetime) -> tuple[str, list[str]]:
    """The next five times in lines, and in which zone. Raises ScheduleSpecError."""
    moments = next_runs(schedule, PREVIEWED, now)
    if not moments:
        return "", ["no further run"]
    texts = [told(moment) for moment in moments]
    lines = ["  ".join(texts[place : place + PER_LINE]) for place in range(0, len(texts), PER_LINE)]
    return times.zone_label(moments[0]), lines
