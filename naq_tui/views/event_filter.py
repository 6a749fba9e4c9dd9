"""The filter language on events: its fields, and what the server can make of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from naq.models.event import JobEventType, StoredEvent
from naq_tui import status
from naq_tui.feed.query import Query
from naq_tui.store.rows import EventRow, event_row
from naq_tui.text import safe
from naq_tui.views.moment import parse_moment
from naq_tui.views.search import Needle, Term


def text(row: EventRow) -> str:
    """What words without a field are looked for in."""
    event = row.raw.event
    job_id = event.job_id if event is not None and event.job_id else ""
    return f"{row.type} {_word(row)} {row.queue} {row.function} {row.worker} {row.schedule} {job_id} {row.text}"


def _word(row: EventRow) -> str:
    return status.of_event(row.type).word if row.type else "unreadable"


def _part(name: str, *keys: str) -> Callable[[EventRow], str]:
    """Reads values of an object inside the event."""

    def read(row: EventRow) -> str:
        mapping = getattr(row.raw.event, name, None) or {}
        return " ".join(str(mapping[key]) for key in keys if mapping.get(key) is not None)

    return read


def _fact(name: str) -> Callable[[EventRow], str]:
    return lambda row: str(getattr(row.raw.event, name, None) or "")


def _host(row: EventRow) -> str:
    return f"{_part('actor', 'host')(row)} {_part('details', 'host')(row)}"


_READ: dict[str, Callable[[EventRow], str]] = {
    "type": lambda row: f"{row.type} {_word(row)}",
    "queue": lambda row: row.queue,
    "function": _fact("function"),
    "worker": _fact("worker_id"),
    "job": _fact("job_id"),
    "schedule": _fact("schedule_id"),
    "error": _part("error", "type", "message", "fingerprint"),
    "host": _host,
    "user": _part("actor", "user"),
    "reason": _fact("reason"),
    "action": _fact("action_id"),
    "entity": _fact("entity"),
}
_MOMENTS = ("since", "until")
"""Fields whose value is a moment, as `t` takes it: `since:-1h`, `until:14:03`."""
FIELDS = (*_READ, *_MOMENTS)

_TYPES = {kind.value: (kind.value.casefold(), status.of_event(kind.value).word.casefold()) for kind in JobEventType}
_PLAIN = re.compile(r"[a-z0-9_@.-]{2,}")
"""Stands in the bytes of an event as it stands in its fields."""
_FIGURE = re.compile(r"[0-9.]+[a-z]*")
_MADE_WORDS = " ".join(
    (*(word for names in _TYPES.values() for word in names), "unreadable attempt by in jobs ms min s")
)
"""Words that `text` holds and the event does not."""


class EventFilter:
    """A needle as events are searched with it.

    A type that is written in full (as its name or as the word the log shows) means that one; a part of it means all
    types that have it. So does a queue, as far as the server is concerned. What names no moment leaves nothing out.

    Args:
        now: what `since:-1h` counts from; None is this machine's time.
    """

    def __init__(self, needle: Needle, now: datetime | None = None) -> None:
        self.needle = needle
        self._moments = {term: _moment(term, now) for term in needle.terms if term.field in _MOMENTS}
        self._types = {term: _types_of(term) for term in needle.terms if term.field == "type"}

    def __bool__(self) -> bool:
        return bool(self.needle)

    def matches(self, row: EventRow) -> bool:
        row_text: str | None = None
        for term in self.needle.terms:
            if term.field == "type" and self._types[term]:
                if (row.type in self._types[term]) is term.is_negated:
                    return False
            elif term.field in _MOMENTS:
                if not _is_in_time(row, term, self._moments[term]):
                    return False
            elif term.field:
                if not term.holds(_READ[term.field](row)):
                    return False
            else:
                row_text = text(row) if row_text is None else row_text
                if not term.holds(row_text):
                    return False
        return True

    def query(self, is_wanted_too: Callable[[EventRow], bool] | None = None) -> Query:
        """The search of the log that finds the same rows (of them those only that are wanted too)."""

        def is_wanted(stored: StoredEvent) -> bool:
            row = event_row(stored)
            return self.matches(row) and (is_wanted_too is None or is_wanted_too(row))

        named = [term for term in self.needle.terms if term.field in ("type", "queue", "entity")]
        told = [term for term in named if term.field != "type" or self._types[term]]
        return Query(
            is_wanted,
            self._wants_subject if named else None,
            is_wanted_too is None and len(told) == len(self.needle.terms),
            tuple(tuple(v.encode() for v in term.values) for term in self.needle.terms if _is_in_bytes(term)),
        )

    def _wants_subject(self, entity: str, event_type: str, queue: str) -> bool:
        for term in self.needle.terms:
            if term.field == "type" and self._types[term]:
                if (event_type.upper() in self._types[term]) is term.is_negated:
                    return False
            elif (term.field == "queue" and not term.holds("" if queue == "_" else queue)) or (
                term.field == "entity" and not term.holds(entity)
            ):
                return False
        return True


def failures() -> Query:
    """All failures of the log."""
    return Query(
        lambda stored: stored.event is not None and stored.event.type in status.FAILURE_EVENTS,
        lambda entity, event_type, queue: event_type.upper() in status.FAILURE_EVENTS,
        is_by_subject=True,
    )


def moment_problem(needle: Needle, now: datetime) -> str:
    """What is wrong with a moment in it, for the reader; empty where nothing is."""
    for term in needle.terms:
        if term.field in _MOMENTS:
            try:
                parse_moment(",".join(term.values), now)
            except ValueError as exc:
                return f"{term.field}: {exc}"
    return ""


def _moment(term: Term, now: datetime | None) -> datetime | int | None:
    try:
        return parse_moment(",".join(term.values), now or datetime.now(UTC))
    except ValueError:
        return None


def _is_in_time(row: EventRow, term: Term, moment: datetime | int | None) -> bool:
    if moment is None:
        return True
    is_after = row.seq >= moment if isinstance(moment, int) else row.at >= moment
    return is_after is ((term.field == "since") is not term.is_negated)


def known_values(field: str, rows: Iterable[EventRow]) -> set[str]:
    """Values of a field that are worth suggesting."""
    if field == "type":
        return {word for _, word in _TYPES.values()} | {name for name, _ in _TYPES.values()}
    if field in ("error", "reason", "action", "job", *_MOMENTS):
        return set()
    return {safe(_READ[field](row).strip(), 60) for row in rows} - {""}


def _types_of(term: Term) -> frozenset[str]:
    """The types that are meant; none where it is no type of ours."""
    found: set[str] = set()
    for value in term.values:
        exact = {kind for kind, names in _TYPES.items() if value in names}
        found |= exact or {kind for kind, names in _TYPES.items() if any(value in name for name in names)}
    return frozenset(found)


def _is_in_bytes(term: Term) -> bool:
    """Whether an event for which the term holds has one of its values in its bytes, as it is written."""
    if term.is_negated or term.field in ("type", "queue", "entity", *_MOMENTS):
        return False
    if not all(_PLAIN.fullmatch(value) for value in term.values):
        return False
    return bool(term.field) or not any(value in _MADE_WORDS or _FIGURE.fullmatch(value) for value in term.values)
