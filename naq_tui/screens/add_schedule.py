"""A schedule, made from scratch: its times shown as it is typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from naq.calls import Call
from naq.models.schedule import MisfirePolicy, OverlapPolicy
from naq.names import check_key
from naq.scheduler.cron import check_timezone
from naq.scheduler.drafting import draft, draft_once
from naq_tui.screens.call_fields import call_in_words, call_of, call_rows, queue_of, seconds, times_told, whole
from naq_tui.screens.form import FormScreen, MissingError, MistakeError, Preview, field_of
from naq_tui.screens.sending import Send
from naq_tui.views.command_line import enqueue_line, schedule_line
from naq_tui.views.firing import POLICY_WORDS, WHEN_HINT, WHEN_SHORT, times_of
from naq_tui.widgets.facts import Fact
from naq_tui.widgets.form import Field


class ScheduleDraft(NamedTuple):
    """A schedule to be made."""

    call: Call
    options: dict[str, Any]
    """As `naq.schedule` takes them; for a single run those of `naq.enqueue_at`."""
    run_at: datetime | None
    """Of a single run."""
    reason: str | None


SINGLE = ("repeat", "jitter", "misfire", "overlap")
"""What only a schedule that fires again and again has."""


class AddScheduleScreen(FormScreen[ScheduleDraft]):
    """The schedule wanted.

    Args:
        known: functions to suggest.
        is_taken: whether a schedule of this id goes on, as far as is known now: a new one can't have it.
        act: makes it.
    """

    PREVIEWED = 5

    def __init__(self, known: Mapping[str, str], is_taken: Callable[[str], bool], act: Send[ScheduleDraft]) -> None:
        rows = [
            *call_rows(tuple(known)),
            (
                Field("when", "when", hint=WHEN_SHORT),
                Field("timezone", "time zone", default="UTC", hint="Europe/Berlin"),
            ),
            (Field("id", "id", hint="made for you"), Field("queue", "queue", default="default", hint="default")),
            (
                Field("misfire", "missed runs", values=tuple(MisfirePolicy), default="run_once", labels=POLICY_WORDS),
                Field("overlap", "overlapping", values=tuple(OverlapPolicy), labels=POLICY_WORDS),
            ),
            (Field("repeat", "runs in all", hint="without end"), Field("jitter", "jitter", hint="none; 30s, 5m")),
        ]
        super().__init__("New schedule", rows, {}, "yes, make it", act)
        self._is_taken = is_taken
        self._was_taken = False
        """Whether the id typed was taken when the form was last checked."""

    def on_mount(self) -> None:
        self.watch(self.app, "state", self._schedules_changed, init=False)

    def _schedules_changed(self) -> None:
        # schedules may be read, or made by others, while this stands open. Only then is anything checked anew: what
        # the server has refused stays told
        if not self._is_sending and self._is_taken(self.form.text("id")) != self._was_taken:
            self.check()

    def read(self, texts: Mapping[str, str]) -> tuple[ScheduleDraft, Preview]:
        self._was_taken = self._is_taken(texts["id"])
        lens = self.app.lens()
        call, queue = call_of(texts), queue_of(texts)
        with field_of("timezone"):
            check_timezone(texts["timezone"] or "UTC")
        with field_of("when"):
            if not texts["when"]:
                raise MissingError(f"when is it to run? {WHEN_HINT}")
            when = times_of(texts["when"], texts["timezone"], lens.now)
        options: dict[str, Any] = {"queue_name": queue}
        if texts["id"]:
            with field_of("id"):
                if self._is_taken(check_key(texts["id"], "schedule id")):
                    raise ValueError(f"id: schedule {texts['id']} exists; edit it, or choose another id")
        run_at = when.pop("run_at", None)
        if run_at is not None:
            self._refuse_policies(texts)
            if texts["id"]:
                options["job_id"] = texts["id"]
            with field_of("args"):
                _, schedule = draft_once(call, run_at, lens.now, **options)
            command = enqueue_line(call, options, run_at)
        else:
            options |= {**when, **self._policies(texts), "timezone": texts["timezone"] or "UTC"}
            if texts["id"]:
                options["schedule_id"] = texts["id"]
            with field_of("when" if texts["jitter"] == "" else "jitter"):
                schedule = draft(Call(call.function), lens.now, **options)
            with field_of("args"):
                draft(call, lens.now, **options)
            command = schedule_line(call, options)
        told = [Fact("calls", call_in_words(call)), *times_told(schedule, lens.now)]
        return ScheduleDraft(call, options, run_at, texts["reason"] or None), Preview(told, command)

    def _policies(self, texts: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {"misfire": texts["misfire"], "overlap": texts["overlap"]}
        if texts["repeat"]:
            with field_of("repeat"):
                found["repeat"] = whole(texts["repeat"], "runs in all")
        if texts["jitter"]:
            with field_of("jitter"):
                found["jitter"] = seconds(texts["jitter"], "jitter")
        return found

    def _refuse_policies(self, texts: Mapping[str, str]) -> None:
        defaults = {field.name: field.default or (field.values or ("",))[0] for field in self.form.fields}
        for name in SINGLE:
            if texts[name] != defaults[name]:
                raise MistakeError(name, "a single run has no repeat, jitter, missed or overlapping runs")
