"""A schedule, edited in place: when it fires and with what, the next times shown as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from naq.models.schedule import MisfirePolicy, OverlapPolicy, Schedule
from naq.scheduler.changes import modified
from naq_tui import masking
from naq_tui.screens.call_fields import times_told, whole
from naq_tui.screens.form import FormScreen, Preview, field_of
from naq_tui.screens.sending import Send
from naq_tui.text import safe
from naq_tui.views.arguments import editable, list_of, object_of, put_back
from naq_tui.views.command_line import edit_line
from naq_tui.views.firing import POLICY_WORDS, WHEN_SHORT, times_of
from naq_tui.widgets.form import Field, Row

Changes = dict[str, Any]


class EditScheduleScreen(FormScreen[tuple[Changes, str | None]]):
    """What differs, as `naq.modify_scheduled_job` takes it (nothing where it is left as it was), arguments
    in packed form, and why.

    Secrets are hidden here too; those left as they are shown stay as they were.

    Args:
        schedule: as it is stored now.
        act: changes it.
    """

    DENIAL: ClassVar[str] = "leave it"
    PREVIEWED: ClassVar[int] = 4

    def __init__(self, schedule: Schedule, act: Send[tuple[Changes, str | None]]) -> None:
        self.schedule = schedule
        before = texts_of(schedule)
        title = f"Edit schedule {safe(schedule.schedule_id, 60)}"
        super().__init__(title, rows_of(before), before, "change it", act, is_dangerous=True)

    def read(self, texts: Mapping[str, str]) -> tuple[tuple[Changes, str | None], Preview]:
        now = self.app.lens().now
        changes = changes_of(self.schedule, texts, now)
        changed = changed_by(self.schedule, changes, now)
        reason = texts["reason"] or None
        command = edit_line(self.schedule.schedule_id, changes, reason) if changes else None
        if masking.active().value(changes) != changes:
            command = None  # with what is hidden it would show that, and without be another one
        return (changes, reason), Preview(times_told(changed, now), command)


def rows_of(texts: Mapping[str, str]) -> list[Row]:
    """The fields for a schedule of these texts; what a newer version knows of policies can be left as it is."""
    return [
        (Field("when", "when", hint=WHEN_SHORT), Field("timezone", "time zone", hint="Europe/Berlin")),
        (Field("repeat", "runs in all", hint="empty: without end"),),
        (
            _policy("misfire", "missed runs", (*MisfirePolicy, texts["misfire"])),
            _policy("overlap", "overlapping", (*OverlapPolicy, texts["overlap"])),
        ),
        (Field("args", "args", hint="a JSON list"),),
        (Field("kwargs", "kwargs", hint="a JSON object"),),
    ]


def _policy(name: str, label: str, values: tuple[str, ...]) -> Field:
    known = tuple(dict.fromkeys(str(value) for value in values))
    return Field(name, label, values=known, labels={value: safe(POLICY_WORDS.get(value, value), 20) for value in known})


def texts_of(schedule: Schedule) -> dict[str, str]:
    """What the fields hold for a schedule as it is."""
    if schedule.cron is not None:
        when = schedule.cron
    elif schedule.interval_s is not None:
        when = f"every {schedule.interval_s:g}s"
    else:
        when = f"at {schedule.run_at:%Y-%m-%d %H:%M:%S}" if schedule.run_at is not None else ""
    return {
        "when": when,
        "timezone": schedule.timezone,
        "repeat": "" if schedule.repeat is None else str(schedule.repeat),
        "misfire": str(schedule.misfire),
        "overlap": str(schedule.overlap),
        "args": editable(schedule.job.get("args", [])),
        "kwargs": editable(schedule.job.get("kwargs", {})),
    }


def changes_of(schedule: Schedule, typed: Mapping[str, str], now: datetime) -> Changes:
    """The arguments of `modify` that differ from the schedule as it is. Raises MistakeError for what can't be read."""
    changes: Changes = {}
    for name, before in texts_of(schedule).items():
        text = typed[name]
        if text == before:
            continue
        with field_of(name):
            if name == "when":
                changes |= times_of(text, typed["timezone"], now)
            elif name == "repeat":
                changes["repeat"] = whole(text, "runs in all") if text else None
            elif name == "args":
                changes[name] = put_back(list_of(text, name), schedule.job.get(name, []))
            elif name == "kwargs":
                changes[name] = put_back(object_of(text, name), schedule.job.get(name, {}))
            else:
                changes[name] = text
    return changes


def changed_by(schedule: Schedule, changes: Mapping[str, Any], now: datetime) -> Schedule:
    """The schedule with these changes, as if it were going. Raises NaqException for what can't be scheduled."""
    changed = modified(schedule, changes, now, is_packed=True) if changes else schedule
    return replace(changed, status="ACTIVE") if changed.status == "PAUSED" else changed
