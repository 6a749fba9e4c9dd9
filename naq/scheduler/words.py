"""What makes a schedule fire, as a person would say it."""

from __future__ import annotations

from naq.models.schedule import Schedule


def spec_in_words(schedule: Schedule) -> str:
    """`every day at 02:00 Berlin`, `every 15 minutes`, `once at …`; a cron text without plain words as it is."""
    if schedule.cron is not None:
        from naq.scheduler.cron import in_words

        zone = "" if schedule.timezone == "UTC" else f" {schedule.timezone.rpartition('/')[2].replace('_', ' ')}"
        return in_words(schedule.cron) + zone
    if schedule.interval_s is not None:
        return f"every {_interval(schedule.interval_s)}"
    if schedule.run_at is not None:
        return f"once at {schedule.run_at:%Y-%m-%d %H:%M:%S}"
    return "never"


def _interval(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return unit if number == 1 else f"{number} {unit}s"
    return "second" if seconds == 1 else f"{seconds:g} seconds"
