"""A job, enqueued from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from textual.widgets import Input

from naq.calls import Call, build_job
from naq.names import DEFAULT_QUEUE
from naq_tui import times
from naq_tui.format import span
from naq_tui.screens.call_fields import call_in_words, call_of, call_rows, queue_of, seconds, whole
from naq_tui.screens.form import FormScreen, Preview, field_of
from naq_tui.screens.sending import Send
from naq_tui.views.command_line import enqueue_line
from naq_tui.views.firing import told
from naq_tui.views.moment import parse_due
from naq_tui.views.why import nobody_takes
from naq_tui.widgets.facts import Fact
from naq_tui.widgets.form import Field


class JobDraft(NamedTuple):
    """A job to be enqueued."""

    call: Call
    options: dict[str, Any]
    """As `naq.enqueue` takes them."""
    due: datetime | timedelta | None
    """When, or after how long, it is put into its queue; None at once."""
    reason: str | None


class AddJobScreen(FormScreen[JobDraft]):
    """The job wanted.

    Args:
        known: functions to suggest, and the queue each was last heard of in.
        queue: the one prefilled; None takes that of the function that is chosen.
        act: enqueues it.
    """

    PREVIEWED = 4

    def __init__(self, known: Mapping[str, str], queue: str | None, act: Send[JobDraft]) -> None:
        rows = [
            *call_rows(tuple(known)),
            (Field("queue", "queue", hint=DEFAULT_QUEUE), Field("due", "run", hint="empty: at once")),
            (
                Field("max_retries", "retries", hint="0", default="0"),
                Field("timeout", "time limit", hint="none; 30s, 5m"),
            ),
            (Field("unique", "unique key", hint="one job of this key at a time; may stay empty"),),
        ]
        super().__init__("Enqueue a job", rows, {"queue": queue or DEFAULT_QUEUE}, "yes, enqueue it", act)
        self._known = known
        self._given = None if queue else DEFAULT_QUEUE
        """What stands in the field of the queue while nobody has typed there; None where it stays."""

    def on_input_changed(self, message: Input.Changed) -> None:
        if message.input.id == "field-function" and self._given == self.form.text("queue"):
            self._given = self._known.get(message.value.strip()) or DEFAULT_QUEUE
            self.form.fill({"queue": self._given})

    def read(self, texts: Mapping[str, str]) -> tuple[JobDraft, Preview]:
        lens = self.app.lens()
        call, queue = call_of(texts), queue_of(texts)
        options: dict[str, Any] = {"queue_name": queue}
        with field_of("due"):
            due = parse_due(texts["due"], lens.now, times.zone_at(lens.now))
        if texts["max_retries"] not in ("", "0"):
            with field_of("max_retries"):
                options["max_retries"] = whole(texts["max_retries"], "retries")
        if texts["timeout"]:
            with field_of("timeout"):
                options["timeout"] = seconds(texts["timeout"], "time limit")
        if texts["unique"]:
            options["unique"] = texts["unique"]
        with field_of("unique"):
            build_job(call.function, (), **options)
        with field_of("args"):
            build_job(call.function, call.args, call.kwargs, **options)
        moment = lens.now + due if isinstance(due, timedelta) else due
        when = "at once" if moment is None else f"in {span((moment - lens.now).total_seconds())}"
        at = "" if moment is None else f": {told(moment)} {times.zone_label(moment)}"
        nobody = nobody_takes(self.app.state, queue, str(call.function), lens)
        facts = [Fact("sends", call_in_words(call)), Fact("", f"into queue {queue} {when}{at}", "strong")]
        facts.append(Fact("", nobody, "waiting"))
        draft = JobDraft(call, options, due, texts["reason"] or None)
        return draft, Preview(facts, enqueue_line(call, options, due))
