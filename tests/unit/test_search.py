"""The filter language: what is typed, what it means, what is suggested, and what the server is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq_tui.store.identity import Same
from naq_tui.store.rows import EventRow, event_row
from naq_tui.views.called_with import arguments, known
from naq_tui.views.event_filter import FIELDS, EventFilter, failures, known_values
from naq_tui.views.search import Needle, complete

NAMES = ("type", "queue", "worker", "error", "queues_of_worker")
ROW = {"type": "FAILED failed", "queue": "mail", "worker": "web-1/w-3", "error": "TimeoutError: upstream took long"}


@pytest.mark.parametrize(
    ("needle", "matches"),
    [
        ("queue:mail", True),
        ("QUEUE:Mail", True),
        ("queue:reports", False),
        ("queue:reports,mail", True),
        ("!queue:reports,mail", False),
        ("!queue:reports", True),
        ("queue:mail worker:w-4", False),
        ('error:"took long"', True),
        ('error:"took longer"', False),
        ("any words", True),
        ("any !words", False),
        ('"any words"', True),
        ('"words any"', False),
        ("queue:", True),
        ("!", False),
        ("http://host", False),
        ("any queue:mail", True),
    ],
)
def test_what_a_filter_means(needle: str, matches: bool) -> None:
    assert Needle(needle, NAMES).matches("Any words in the row", lambda: ROW) is matches


def test_a_bad_field_is_named_and_the_rest_works() -> None:
    needle = Needle("quue:mail any", NAMES)
    assert needle.problem == "no field quue here: type queue worker error queues_of_worker"
    assert needle.chips == ("any",)
    assert needle.matches("any row", lambda: ROW)


def test_short_and_singular_names_of_fields() -> None:
    assert [term.field for term in Needle("fn:send q:mail", ("function", "queues")).terms] == ["function", "queues"]
    assert Needle("fn:send", ("queue",)).problem.startswith("no field fn here")


def test_chips_are_what_was_typed() -> None:
    assert Needle('!type:failed,lost error:"a b" word', NAMES).chips == ("!type:failed,lost", 'error:"a b"', "word")


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("qu", "queue:"),
        ("any !ty", "any !type:"),
        ("queue:", "queue:default"),
        ("queue:MA", "queue:MAil"),
        ("queue:default,m", "queue:default,mail"),
        ("queue:mail", None),
        ("nothing", None),
        ("nofield:x", None),
        ('error:"ti', None),
        ("", None),
        ("word ", None),
    ],
)
def test_suggestions(text: str, completed: str | None) -> None:
    values = {"queue": ["mail", "default", "two words"]}
    assert complete(text, NAMES, lambda field: values.get(field, [])) == completed


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("ar", "arg:"),
        ("arg.", "arg.copies:"),
        ("arg.us", "arg.user.id:"),
        ("!ARG.User.n", "!ARG.User.name:"),
        ("arg.user.id:", "arg.user.id:42"),
        ("arg.user.id:7,4", "arg.user.id:7,42"),
        ("arg.user.name:", None),
        ("arg.nowhere", None),
        ("arg:", None),
        ("tag:e", "tag:eu"),
        ("tag:b", "tag:billing"),
    ],
)
def test_places_and_values_of_arguments_are_suggested(text: str, completed: str | None) -> None:
    call = arguments(Same({"args": [{"copies": 3}], "kwargs": {"user": {"id": 42, "name": "two words"}}}))

    def values(field: str) -> set[str]:
        return known([call], field) if field.startswith("arg.") else {"billing, eu", "us"} if field == "tag" else set()

    assert complete(text, ("tag", "arg"), values) == completed
    assert complete(text, ("type",), values) is None


@given(st.text(), st.text())
def test_no_text_breaks_a_filter(text: str, row: str) -> None:
    needle = Needle(text, NAMES)
    assert needle.matches(row, lambda: {"type": row}) in (True, False)
    completed = complete(text, NAMES, lambda field: ["mail", row])
    assert completed is None or (completed.startswith(text) and len(completed) > len(text))
    assert bool(needle) is bool(needle.chips)


# events


def event(kind: JobEventType = JobEventType.FAILED, **fields: Any) -> EventRow:
    made = JobEvent.of(kind, **{"job_id": "0198c0de-9f3c", "queue": "mail", "function": "shop.tasks:send", **fields})
    subject = f"naq.events.{made.entity}.{made.type.lower()}.{made.queue or '_'}"
    return event_row(
        StoredEvent.from_stream(7, datetime(2026, 11, 24, tzinfo=UTC), subject, made.to_wire()),
    )


def wanted(text: str, row: EventRow) -> bool:
    """Whether the filter takes the row; the query must agree, and never leave out what is wanted."""
    chosen = EventFilter(Needle(text, FIELDS))
    query = chosen.query()
    matches = chosen.matches(row)
    assert query.is_wanted(row.raw) is matches
    if matches:
        assert query.may_want(row.raw.raw), "the bytes must not hide what is wanted"
        entity, event_type, queue = row.raw.subject.split(".")[2:]
        assert query.wants_subject is None or query.wants_subject(entity, event_type, queue)
    return matches


ERROR = {"type": "TimeoutError", "message": "upstream “slow” took 30 s", "fingerprint": "f1"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("type:failed", True),
        ("type:FAILED", True),
        ("type:fail", True),
        ("type:lost,failed", True),
        ("!type:failed", False),
        ("type:done", False),
        ("queue:mail", True),
        ("queue:ma", True),
        ("!queue:mail", False),
        ("function:send", True),
        ("fn:shop.tasks", True),
        ("job:9f3c", True),
        ("worker:w-3", True),
        ("error:timeout", True),
        ("error:“slow”", True),
        ("user:ada host:laptop", True),
        ("reason:because", True),
        ("action:0198c0de", True),
        ("action:other", False),
        ("entity:job", True),
        ("entity:worker", False),
        ("timeouterror", True),
        ("timeouterror:", True),
        ("attempt", False),
        ("failed", True),
        ("nowhere", False),
        ("schedule:nightly", False),
    ],
)
def test_filters_of_events(text: str, matches: bool) -> None:
    actor = {"user": "ada", "host": "laptop"}
    told = event(worker_id="w-3", error=ERROR, actor=actor, reason="because", action_id="0198c0de-1")
    assert wanted(text, told) is matches


def test_a_type_written_in_full_is_that_one_only() -> None:
    lost = event(JobEventType.WORKER_LOST, queue=None, job_id=None)
    assert [wanted(text, lost) for text in ("type:lost", "type:los", "type:worker", 'type:"worker lost"')] == [
        False,
        True,
        True,
        True,
    ]


def test_words_that_only_the_screen_has_are_found_too() -> None:
    done = event(JobEventType.COMPLETED, run_ms=228.0)
    assert wanted("228", done)
    assert wanted("attempt", event(JobEventType.STARTED, attempt=2))
    assert wanted('"in 8"', event(JobEventType.RETRY_SCHEDULED, details={"delay_s": 8}))


def test_unreadable_events_have_a_type_to_look_for() -> None:
    stored = StoredEvent.from_stream(1, datetime(2026, 11, 24, tzinfo=UTC), "naq.events.job.failed.mail", b"{broken")
    assert wanted("type:unreadable", event_row(stored))
    assert not wanted("type:failed", event_row(stored))


def test_what_the_server_is_told() -> None:
    subjects = [("job", "failed", "mail"), ("job", "completed", "mail"), ("job", "failed", "reports")]

    def told(text: str) -> list[bool] | None:
        wants = EventFilter(Needle(text, FIELDS)).query().wants_subject
        return None if wants is None else [wants(*subject) for subject in subjects]

    assert told("type:failed queue:mail") == [True, False, False]
    assert told("!type:failed") == [False, True, False]
    assert told("worker:w-3") is None
    assert EventFilter(Needle("worker:w-3", FIELDS)).query().parts == ((b"w-3",),)


def test_failures_are_four_types() -> None:
    query = failures()
    kinds = [kind for kind in JobEventType if query.is_wanted(event(kind).raw)]
    assert {kind.value for kind in kinds} == {"FAILED", "LOST", "SCHEDULE_FAILED", "WORKER_LOST"}
    assert query.wants_subject is not None
    assert all(query.wants_subject("job", kind.value.lower(), "_") is (kind in kinds) for kind in JobEventType)


def test_known_values_are_those_of_the_rows() -> None:
    assert known_values("queue", [event(), event(queue="reports")]) == {"mail", "reports"}
    assert {"failed", "retry"} <= known_values("type", [])
