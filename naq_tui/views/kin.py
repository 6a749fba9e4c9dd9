"""What a job waits for and what waits for it, as two trees: how each stands, then where in the tree it is."""

from __future__ import annotations

from naq.ids import short
from naq_tui import status
from naq_tui.format import exact, plural
from naq_tui.jsontext import Span
from naq_tui.store.kin import Branch, Kin, tree
from naq_tui.store.rows import function_name
from naq_tui.store.state import State
from naq_tui.text import fit, safe, width
from naq_tui.views.related import Related
from naq_tui.views.report import Report
from naq_tui.views.table import Lens

NAME_CELLS = 40
"""Most cells of the column with the tree and the functions' names."""


def runs_after(report: Report, state: State, kin: Kin, lens: Lens) -> None:
    """What it waits for; left out where there is nothing."""
    lines = tree(kin.parents, kin.job_id)
    if lines:
        report.section("Runs after")
        _tree(report, state, kin, lines, "after", lens)


def runs_before(report: Report, state: State, kin: Kin, lens: Lens) -> None:
    """What waits for it; left out where there is nothing, nothing is being read, and all has been looked at."""
    lines = tree(kin.children, kin.job_id)
    if not (lines or kin.is_reading or kin.looked_to is not None):
        return
    report.section("Runs before")
    _tree(report, state, kin, lines, "before", lens)
    if kin.is_reading:
        report.note("reading…")
    elif kin.looked_to is not None:
        found = "" if lines else "none so far, "
        report.lines.append(((f"  … {found}looked for until {exact(kin.looked_to)}: look on", "muted"),))
        report.link(Related("more", "kin", str(kin.looked_to)))


def _tree(report: Report, state: State, kin: Kin, lines: list[Branch], which: str, lens: Lens) -> None:
    names = [_stem(lines, place, lens) + _name(state, kin, line) for place, line in enumerate(lines)]
    cells = min(NAME_CELLS, max((width(name) for name in names), default=0))
    for place, (line, name) in enumerate(zip(lines, names, strict=True)):
        if not line.job_id:
            report.lines.append((("  ", ""), (fit("", 12), ""), (name, "muted")))
            continue
        again: Span = ("as above", "muted") if line.is_again else ("", "")
        mark = _mark(state, kin, line.job_id, lens)
        cells_of_id = (f"  {fit(safe(short(line.job_id)), 12)}  ", "muted")
        report.lines.append((("  ", ""), mark, (fit(name, cells), "strong"), cells_of_id, again))
        report.link(Related("job", line.job_id, f"{which} {place}"))


def _stem(lines: list[Branch], place: int, lens: Lens) -> str:
    """The lines of the tree that lead to one; none to those that stand first in it."""
    depth = lines[place].depth
    if not depth:
        return ""
    stem = ""
    for level in range(1, depth + 1):
        goes_on = _goes_on(lines, place, level)
        if level < depth:
            stem += ("|  " if lens.ascii_only else "│  ") if goes_on else "   "
        else:
            stem += ("|- " if goes_on else "`- ") if lens.ascii_only else "├─ " if goes_on else "└─ "
    return stem


def _goes_on(lines: list[Branch], place: int, level: int) -> bool:
    """Whether another of this level comes before the branch ends."""
    for line in lines[place + 1 :]:
        if line.depth < level:
            return False
        if line.depth == level:
            return True
    return False


def _name(state: State, kin: Kin, line: Branch) -> str:
    if not line.job_id:
        return f"… {plural(line.left_out, 'more job')}"
    row, known = state.jobs.get(line.job_id), kin.jobs.get(line.job_id)
    return row.function if row is not None else function_name(known.function) if known is not None else ""


def _mark(state: State, kin: Kin, job_id: str, lens: Lens) -> Span:
    now = state.jobs.get(job_id)
    known = kin.jobs.get(job_id)
    current = now.status if now is not None else known.status if known is not None else None
    if current is None and kin.is_reading:
        return (fit("…", 12), "muted")
    if not current:
        return (fit("? unknown", 12), "waiting")
    look = status.of_job(safe(current, 40))
    return (fit(f"{look.mark(lens.ascii_only)} {look.word}", 12), look.tone)
