"""What forms of jobs and schedules share: fields, what is read of them, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from naq.callables import check_reference
from naq.calls import Call
from naq.errors import ScheduleSpecError
from naq.models.schedule import Schedule
from naq.names import DEFAULT_QUEUE, check_queue_name
from naq.scheduler.cron import parse_interval
from naq.scheduler.words import spec_in_words
from naq_tui import masking
from naq_tui.format import until
from naq_tui.jsontext import one_line
from naq_tui.screens.form import MissingError, field_of
from naq_tui.views.arguments import list_of, object_of
from naq_tui.views.firing import firings
from naq_tui.widgets.facts import Fact, continued
from naq_tui.widgets.form import Field, Row


def call_rows(known: tuple[str, ...]) -> list[Row]:
    """What is called, and with what."""
    return [
        (Field("function", "function", hint="module:function", known=known),),
        (Field("args", "args", hint='a JSON list: [42, "x"]'),),
        (Field("kwargs", "kwargs", hint='a JSON object: {"limit": 3}'),),
    ]


def call_of(texts: Mapping[str, str]) -> Call:
    """Raises MistakeError."""
    with field_of("function"):
        if not texts["function"]:
            raise MissingError("which function is to be called? module:function")
        function = check_reference(texts["function"])
    with field_of("args"):
        args = list_of(texts["args"], "args")
    with field_of("kwargs"):
        kwargs = object_of(texts["kwargs"], "kwargs")
    return Call(function, args, kwargs)


def queue_of(texts: Mapping[str, str]) -> str:
    """Raises MistakeError."""
    with field_of("queue"):
        return check_queue_name(texts["queue"] or DEFAULT_QUEUE)


def call_in_words(call: Call) -> str:
    """`shop.tasks:send(42, to="x")`, on one line, its secrets hidden."""
    hide = masking.active().under
    values = [one_line(value, 100) for value in call.args]
    values += [f"{name}={one_line(hide(name, value), 100)}" for name, value in call.kwargs.items()]
    return f"{call.function}({', '.join(values)})"


def times_told(schedule: Schedule, now: datetime) -> list[Fact]:
    """When a schedule fires, in words and in figures. Raises ScheduleSpecError."""
    zone, lines = firings(schedule, now)
    words = ", ".join(filter(None, (spec_in_words(schedule), until(schedule.next_run_at, now))))
    return [Fact("fires", words, "strong"), *continued(f"next {zone}".rstrip(), lines)]


def whole(text: str, label: str) -> int:
    """Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{label}: a whole number is needed")
    return int(text)


def seconds(text: str, label: str) -> float:
    """Raises ValueError for no span of time: `90`, `30s`, `1h30m`."""
    try:
        return parse_interval(text)
    except ScheduleSpecError:
        raise ValueError(f"{label}: seconds are needed, or text like 30s, 5m, 1h30m") from None
