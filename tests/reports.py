"""Reports as a reader has them: with their values laid out."""

from __future__ import annotations

from collections.abc import Iterator

from naq_tui.views.report import Report
from naq_tui.views.values import Line, Row, Value, ValueRows


def lines_of(report: Report, cells: int = 120) -> Iterator[Line]:
    """All lines, as toned spans."""
    for line in report.lines:
        if isinstance(line, Value):
            yield from (row.spans for row in all_rows(line, cells))
        else:
            yield line


def texts_of(report: Report, cells: int = 120) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines_of(report, cells)]


def all_rows(shown: Value, cells: int = 80) -> list[Row]:
    """A value laid out as a whole."""
    rows = ValueRows(shown, cells)
    while rows.lay() is not None:
        pass
    return rows.rows
