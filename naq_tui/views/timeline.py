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


def phases(rows: Sequence[EventRow], now: datetime) -> list[Phase]:
    """The phases that a job's events tell of, in order; `now` is where one that lasts still is drawn to."""
    found: list[Phase] = []
    kind, label, since, run = "", "", now, 0
    for row in rows:
        if row.type in ("ENQUEUED", "RELEASED"):
            if kind == "wait":
                found.append(Phase("wait", "for parents", since, row.at, "muted"))
            kind, label, since = "wait", "waits", row.at
            continue
        if row.type == "STARTED":
            if kind:
                lost = kind == "run"
                found.append(Phase(kind, label, since, row.at, "failed" if lost else _tone(kind)))
            run += 1
            kind, label, since = "run", f"run {run}" if run > 1 else "runs", row.at
        elif row.type == "RETRY_SCHEDULED":
            if kind:
                found.append(Phase(kind, label, since, row.at, "failed" if kind == "run" else _tone(kind)))
            kind, label, since = "retry", "for retry", row.at
        elif row.type in _ENDS:
            if kind:
                tone = "done" if row.type == "COMPLETED" else "muted" if row.type == "CANCELLED" else "failed"
                found.append(Phase(kind, label, since, row.at, tone if kind == "run" else _tone(kind)))
            kind = ""
    if kind:
        found.append(Phase(kind, label, since, max(since, now), _tone(kind), is_open=True))
    return found


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
                (f"{duration(took):>9}", ""),
                (" so far" if phase.is_open else "", "muted"),
            )
        )
    return lines


def _tone(kind: str) -> str:
    return {"wait": "muted", "run": "running", "retry": "waiting"}[kind]
