"""A report: titled facts, texts and values, read from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from naq_tui import masking, times
from naq_tui.format import age
from naq_tui.jsontext import Span
from naq_tui.text import fit, safe, safe_lines, width
from naq_tui.views.extra import FOLD_ALL
from naq_tui.views.related import Related
from naq_tui.views.values import LONG, FailedText, Text, Traceback, Value

LABEL = 14
"""Cells of the column of labels."""
Line = tuple[Span, ...]


@dataclass(slots=True)
class Report:
    """Lines of toned text, all safe, and values, which become lines where they are shown. Built once, then shown."""

    title: str
    """What it is about, for the screen's first line."""
    lines: list[Line | Value] = field(default_factory=list)
    record: Any = None
    """What `y` copies."""
    links: dict[int, Related] = field(default_factory=dict)
    """What a line opens, by its place in `lines`."""
    _day: date | None = None
    """The last one told in this section."""

    def headline(self, *spans: Span) -> None:
        """The first thing to read."""
        self.lines += [spans, ()]

    def fact(self, label: str, *spans: Span | str | None) -> None:
        """One labelled line; left out where all of it is empty."""
        given: list[Span] = [(span, "") if isinstance(span, str) else span for span in spans if span is not None]
        if any(text.strip() for text, _ in given):
            self.lines.append(((fit(label, LABEL), "muted"), *given))

    def section(self, title: str) -> None:
        if self.lines and self.lines[-1] != ():
            self.lines.append(())
        self._day = None
        self.lines.append(((title, "accent"),))

    def day(self, moment: datetime) -> None:
        """Before a line that tells the time of day: a line of its own with date and zone, where they are others."""
        there = times.in_zone(moment)
        if there.date() != self._day:
            self._day = there.date()
            self.lines.append(((f"  {there:%Y-%m-%d, %Z}", "muted"),))

    def text(self, name: str, text: str, *, is_failure: bool = False) -> None:
        """Text of any number of lines, as it is; `name` tells it from the other values of the report."""
        if len(text) > LONG:
            kind = FailedText if is_failure else Text
            self.lines.append(kind(name, text, FOLD_ALL, masking.active()))
            return
        tone = "failed" if is_failure else ""
        self.lines += [(("  ", ""), (line, tone)) for line in safe_lines(masking.active().text(text))]

    def value(self, name: str, value: Any, depth: int = FOLD_ALL) -> None:
        """A value (in packed form) as indented JSON, folded at first where it is nested deeper than `depth`.

        `name` tells it from the other values of the report.
        """
        self.lines.append(Value(name, value, depth, masking.active()))

    def traceback(self, text: str) -> None:
        self.lines.append(Traceback("traceback", text, FOLD_ALL, masking.active()))

    def link(self, item: Related) -> None:
        """The line added last opens a record."""
        self.links[len(self.lines) - 1] = item

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[Span]], links: Sequence[Related] = ()) -> None:
        """Short columns as wide as their widest cell, the last one as long as it is; `links` are what the rows open,
        none or one for each."""
        widths = [max([width(head), *(width(row[place][0]) for row in rows)]) for place, head in enumerate(heads)][:-1]

        def line(cells: Sequence[Span]) -> Line:
            padded = ((fit(text, size + 2), tone) for (text, tone), size in zip(cells, widths, strict=False))
            return (("  ", ""), *padded, *cells[len(widths) :])

        self.lines.append(line([(head, "muted") for head in heads]))
        for place, row in enumerate(rows):
            self.lines.append(line(row))
            if links:
                self.link(links[place])

    def note(self, text: str) -> None:
        self.lines.append((("  ", ""), (safe(text), "muted")))

    def hide_secrets(self) -> None:
        """Look over all lines for what patterns find, whichever way it came in."""
        hide = masking.active().text
        self.title = hide(self.title)
        self.lines = [
            line if isinstance(line, Value) else tuple((hide(text), tone) for text, tone in line) for line in self.lines
        ]


def ago(moment: datetime | None, now: datetime) -> Span | None:
    """Behind a time: how long ago that is."""
    return None if moment is None else (f"   {age(moment, now)} ago", "muted")
