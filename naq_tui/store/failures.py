"""Failures of the recent past, by the cause they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from naq.figures import NAME_LENGTH, UNNAMED
from naq_tui.store.copied import copied
from naq_tui.store.identity import Same
from naq_tui.store.rows import EventRow, error_text
from naq_tui.text import safe

FAILURES_KEPT = 20_000


class Failure(NamedTuple):
    """One job that failed for good. Text is safe, but `fingerprint`, `reference` and `job_id`, which are keys."""

    seq: int
    at: datetime
    fingerprint: str
    """What failures of one cause have in common; empty where the event carries none."""
    type: str
    text: str
    """Type and message on one line."""
    queue: str
    function: str
    """Its own name, without its module."""
    reference: str
    """The whole name, `module:qualname`, as figures are told by it."""
    job_id: str


@dataclass(slots=True)
class ErrorGroup:
    """All failures of one cause."""

    key: str
    """Its fingerprint; where there is none, the error's type."""
    has_fingerprint: bool
    type: str
    text: str
    """Of the newest."""
    first_at: datetime
    last_at: datetime
    count: int = 0
    queues: dict[str, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    """By their whole names, as figures are told by them."""
    minutes: dict[int, int] = field(default_factory=dict)
    """Failures by minute since the epoch."""
    job_ids: list[str] = field(default_factory=list)
    """Oldest first."""


Failures = dict[int, Failure]
"""By sequence, in order; never changed in place."""


def with_failures(failures: Failures, rows: Iterable[EventRow]) -> Failures:
    """The same with those of `rows`, which are oldest first."""
    found: dict[int, Failure] = {}
    for row in rows:
        event = row.raw.event
        if event is not None and event.type == "FAILED" and event.job_id is not None and row.seq not in failures:
            error = event.error or {}
            fingerprint = error.get("fingerprint")
            kind = safe(str(error.get("type") or "error"), 100)
            found[row.seq] = Failure(
                row.seq,
                row.at,
                _shared(fingerprint) if isinstance(fingerprint, str) else "",
                _shared(kind),
                _shared(error_text(kind, error.get("message"))),
                row.queue,
                row.function,
                _shared((event.function or UNNAMED)[:NAME_LENGTH]),
                event.job_id,
            )
    if not found:
        return failures
    merged = copied(failures)
    merged.update(found)
    if failures and next(iter(found)) < next(reversed(failures)):
        # the past comes piece by piece, each before what is known; anything else is put in order
        is_past = next(reversed(found)) < next(iter(failures))
        merged = {**found, **failures} if is_past else dict(sorted(merged.items()))
    for seq in list(islice(merged, max(0, len(merged) - FAILURES_KEPT))):
        del merged[seq]
    return merged


@lru_cache(maxsize=4_096)
def _shared(text: str) -> str:
    """The same text, once for all failures that have it."""
    return text


def groups(failures: Failures) -> tuple[ErrorGroup, ...]:
    """One group per cause, the one that failed last first."""
    return _groups(Same(failures))


@lru_cache(maxsize=2)
def _groups(same: Same[Failures]) -> tuple[ErrorGroup, ...]:
    found: dict[str, ErrorGroup] = {}
    for failure in same.value.values():
        key = failure.fingerprint or failure.type
        group = found.get(key)
        if group is None:
            group = ErrorGroup(key, bool(failure.fingerprint), failure.type, failure.text, failure.at, failure.at)
            found[key] = group
        group.count += 1
        group.last_at, group.text, group.type = failure.at, failure.text, failure.type
        for counts, name in ((group.queues, failure.queue), (group.functions, failure.reference)):
            counts[name] = counts.get(name, 0) + 1
        minute = int(failure.at.timestamp()) // 60
        group.minutes[minute] = group.minutes.get(minute, 0) + 1
        group.job_ids.append(failure.job_id)
    return tuple(sorted(found.values(), key=lambda group: group.last_at, reverse=True))
