"""Jobs in every state, in one list with facets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from naq.models.job import FINAL_STATUSES
from naq_tui import hints, status
from naq_tui.format import age, at, milliseconds, until
from naq_tui.store.identity import Same
from naq_tui.store.jobs import JobRow, Jobs
from naq_tui.store.state import State
from naq_tui.text import safe
from naq_tui.views.called_with import Argument, arguments
from naq_tui.views.facets import facet_line
from naq_tui.views.table import Cell, Column, Facet, Lens, TableView, figure, waiting_for

FACETS = ("PENDING", "RUNNING", "RETRY", "SCHEDULED", "COMPLETED", "FAILED", "CANCELLED")
_ORDER = {name: place for place, name in enumerate(FACETS)}


class JobsView(TableView[JobRow]):
    name = "jobs"
    title = "Jobs"
    has_top_line = True
    more_fields = ("error", "tag", "arg")
    columns = (
        Column(id="status", title="  status", width=11, keep=10),
        Column(id="job", title="job", width=6, keep=9, is_id=True),
        Column(id="function", title="function", width=13, most=24, grow=4, keep=8),
        Column(id="text", title="value, error, progress", width=18, most=40, grow=9, keep=10, fill=True),
        Column(id="took", title="took", width=7, right=True, keep=7, starts_descending=True),
        Column(id="changed", title="changed", width=8, keep=6),
        Column(id="queue", title="queue", width=10, most=14, keep=5),
        Column(id="worker", title="worker", width=9, most=12, keep=4),
        Column(id="attempt", title="try", width=3, right=True, keep=3, starts_descending=True),
        Column(id="wait", title="waited", width=7, right=True, keep=2, starts_descending=True),
        Column(id="enqueued", title="enqueued", width=8, keep=1),
    )

    def items(self, state: State, lens: Lens) -> Sequence[JobRow]:
        return _newest_first(Same(state.jobs))

    def depends_on(self, state: State) -> tuple[object, ...]:
        return (state.jobs,)

    def key(self, item: JobRow) -> str:
        return item.job_id

    def cells(self, item: JobRow, lens: Lens) -> tuple[Cell, ...]:
        look = status.of_job(item.status)
        text, tone = item.text, "failed" if item.status == "FAILED" else ""
        if item.retry_at is not None and item.status in ("RETRY", "SCHEDULED"):
            text, tone = f"{until(item.retry_at, lens.now)}  {item.text}".rstrip(), "waiting"
        elif item.status in ("PENDING", "CANCELLED"):
            tone = "muted"
        return (
            Cell(f"{look.mark(lens.ascii_only)} {look.word}", look.tone),
            Cell(item.job, "muted"),
            Cell(item.function, "strong"),
            Cell(text, tone),
            Cell(took(item, lens), "running" if item.status == "RUNNING" else ""),
            Cell(at(item.changed_at, lens.now), "muted"),
            Cell(item.queue, "muted"),
            Cell(item.worker, "muted"),
            Cell(str(item.attempt) if item.attempt else "", "waiting" if item.attempt > 1 else "muted"),
            Cell(milliseconds(item.wait_ms), "muted"),
            Cell(at(item.enqueued_at, lens.now), "muted"),
        )

    def sort_value(self, item: JobRow, column: str, lens: Lens) -> Any:
        match column:
            case "status":
                return _ORDER.get(item.status, 99)
            case "job":
                return item.job_id
            case "function":
                return item.function
            case "text":
                return item.text
            case "took":
                if item.status == "RUNNING" and item.started_at is not None:
                    return (lens.now - item.started_at).total_seconds() * 1000
                return item.run_ms or 0.0
            case "queue":
                return item.queue
            case "worker":
                return item.worker
            case "attempt":
                return item.attempt
            case "wait":
                return item.wait_ms or 0.0
            case "enqueued":
                return -item.enqueued_at.timestamp() if item.enqueued_at else 0.0
        return -item.changed_at.timestamp()

    def text(self, item: JobRow) -> str:
        word = status.of_job(item.status).word
        return f"{item.status} {word} {item.job_id} {item.function} {item.queue} {item.worker} {item.text}"

    def facets(self, state: State) -> Sequence[Facet]:
        counted = _counted(Same(state.jobs))
        return tuple(
            Facet(name, status.of_job(name), counted[name], "failed" if name == "FAILED" else "") for name in FACETS
        )

    def top_line(self, state: State, facet: str, room: int, *, ascii_only: bool) -> list[Cell]:
        return facet_line(self.facets(state), facet, room, ascii_only=ascii_only)

    def in_facet(self, item: JobRow, facet: str) -> bool:
        return item.status == facet

    def not_held(self, state: State, facet: str) -> int:
        if state.as_of is not None:
            return 0
        held = _counted(Same(state.jobs))
        waiting = max(0, sum(row.stats.waiting for row in state.queues) - held["PENDING"])
        ended = max(0, state.results_total - sum(held[name] for name in FINAL_STATUSES))
        if not facet:
            return waiting + ended
        return waiting if facet == "PENDING" else ended if facet in FINAL_STATUSES or facet == "RETRY" else 0

    def fields(self, item: JobRow, lens: Lens) -> Mapping[str, str]:
        error = item.text if item.status in ("FAILED", "RETRY") else ""
        tags = item.record.tags if item.record is not None else (item.call or {}).get("tags")
        return {**super().fields(item, lens), "job": item.job_id, "error": error, "tag": tag_text(tags)}

    def call(self, item: JobRow) -> Sequence[Argument] | None:
        return None if item.call is None else arguments(Same(item.call))

    def unknown(self, item: JobRow) -> Collection[str]:
        if item.call is not None:
            return ()
        return ("arg",) if item.record is not None else ("arg", "tag")

    def empty(self, state: State) -> str:
        adds = hints.hint("job.add", "enqueues one")
        words = hints.advice("No jobs yet", "the first one enqueued appears here at once", adds)
        return waiting_for(state, "jobs", words)

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        stored = sum(row.stats.waiting for row in state.queues)
        known = _counted(Same(state.jobs))["PENDING"]
        if stored > known:
            return (figure(stored, "waiting in the queues"), figure(known, "of them here"))
        return (Cell("what was heard of last", "muted"),) if state.jobs else ()


def tag_text(tags: object) -> str:
    """Tags in one text, safe, however they came."""
    return safe(", ".join(str(tag)[:100] for tag in tags[:50]), 300) if isinstance(tags, list | tuple) else ""


def took(item: JobRow, lens: Lens) -> str:
    """How long its last run took, or has taken until now."""
    if item.status == "RUNNING":
        return age(item.started_at, lens.now)
    return milliseconds(item.run_ms)


@lru_cache(maxsize=2)
def _newest_first(jobs: Same[Jobs]) -> tuple[JobRow, ...]:
    # what is told of the past comes after what is new: the order of arrival says little
    return tuple(sorted(jobs.value.values(), key=lambda row: row.changed_at, reverse=True))


@lru_cache(maxsize=2)
def _counted(jobs: Same[Jobs]) -> Counter[str]:
    return Counter(row.status for row in jobs.value.values())
