"""What a job's time went into, drawn to scale: waiting, each run, each wait for a retry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from naq_tui.format import duration
from naq_tui.jsontext import Span
from naq_tui.store.rows import EventRow
from naq_tui.text import fit
from naq_tui.views.table import Lens

CELLS = 44
_BARS = {"wait": "░", "run": "█", "retry": "▒"}
_BARS_ASCII = {"wait": ".", "run": "#", "retry": "-"}
_ENDS = frozenset({"COMPLETED", "FAILED", "CANCELLED", "LOST"})


class Phase(NamedTuple):
    kind: str
    """"wait", "run" or "retry"."""
    label: str
    start: datetime
    end: datetime
    tone: str
    is_open: bool = False
    """Whether it lasts still."""
    told_ms: float | None = None
    """How long its worker says that it took, as everywhere in the console; None where it does not say."""

    @property
    def took_s(self) -> float:
        """Seconds; where nobody says it, those between the events in the log."""
        return (self.end - self.start).total_seconds() if self.told_ms is None else self.told_ms / 1000


def phases(rows: Sequence[EventRow], now: datetime) -> list[Phase]:
    """The phases that a job's events tell of, in order; `now` is where one that lasts still is drawn to."""
    found: list[Phase] = []
    kind, label, since, run, has_told_wait = "", "", now, 0, False
    for row in rows:
        if row.type in ("ENQUEUED", "RELEASED"):
            if kind == "wait":
                found.append(Phase("wait", "for parents", since, row.at, "muted"))
            # workers count from when the job was enqueued, also where it was held back for a while
            has_told_wait = not kind and not run
            kind, label, since = "wait", "waits", row.at
            continue
        if row.type == "STARTED":
            if kind:
                lost, told_ms = kind == "run", _wait_ms(row) if kind == "wait" and has_told_wait else None
                tone = "failed" if lost else _tone(kind)
                found.append(Phase(kind, label, since, row.at, tone, told_ms=told_ms))
            run += 1
            kind, label, since = "run", f"run {run}" if run > 1 else "runs", row.at
        elif row.type == "RETRY_SCHEDULED":
            if kind:
                found.append(_ended(kind, label, since, row, "failed" if kind == "run" else _tone(kind)))
            kind, label, since = "retry", "for retry", row.at
        elif row.type in _ENDS:
            if kind:
                tone = "done" if row.type == "COMPLETED" else "muted" if row.type == "CANCELLED" else "failed"
                found.append(_ended(kind, label, since, row, tone if kind == "run" else _tone(kind)))
            kind = ""
    if kind:
        found.append(Phase(kind, label, since, max(since, now), _tone(kind), is_open=True))
    return found


def step_s(found: Sequence[Phase], start: datetime, end: datetime) -> float:
    """Seconds from one event to the next, as the timeline has them where they are a phase of it."""
    phase = next((phase for phase in found if (phase.start, phase.end) == (start, end)), None)
    return (end - start).total_seconds() if phase is None else phase.took_s


def timeline(rows: Sequence[EventRow], lens: Lens) -> list[tuple[Span, ...]]:
    """One line per phase; none where nothing has begun."""
    found = phases(rows, lens.now)
    if not found:
        return []
    first, last = found[0].start, max(phase.end for phase in found)
    whole = max((last - first).total_seconds(), 1e-9)
    bars = _BARS_ASCII if lens.ascii_only else _BARS
    lines: list[tuple[Span, ...]] = []
    for phase in found:
        took = (phase.end - phase.start).total_seconds()
        start = min(CELLS - 1, int((phase.start - first).total_seconds() / whole * CELLS))
        length = min(CELLS - start, max(1, round(took / whole * CELLS)))
        lines.append(
            (
                ("  ", ""),
                (fit(phase.label, 12), "muted"),
                (" " * start, ""),
                (bars[phase.kind] * length, phase.tone),
                (" " * (CELLS - start - length), ""),
                (f"{duration(phase.took_s):>9}", ""),
                (" so far" if phase.is_open else "", "muted"),
            )
        )
    return lines


def _ended(kind: str, label: str, since: datetime, row: EventRow, tone: str) -> Phase:
    event = row.raw.event
    told_ms = event.run_ms if event is not None and kind == "run" else None
    return Phase(kind, label, since, row.at, tone, told_ms=told_ms)


def _wait_ms(row: EventRow) -> float | None:
    return None if row.raw.event is None else row.raw.event.wait_ms


def _tone(kind: str) -> str:
    return {"wait": "muted", "run": "running", "retry": "waiting"}[kind]
