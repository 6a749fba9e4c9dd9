"""The parts of a list, in one line above it: how many are in each, and which of them is shown."""

from __future__ import annotations

from collections.abc import Sequence

from naq_tui.format import short_count
from naq_tui.status import Look
from naq_tui.text import width
from naq_tui.views.table import Cell, Facet

ALL = Look("", "", "all", "")


def facet_line(facets: Sequence[Facet], chosen: str, room: int, *, ascii_only: bool) -> list[Cell]:
    """The facets and "all" in front of them. Where words don't fit, glyphs stand for those that are not chosen."""
    listed = (Facet("", ALL, sum(facet.number for facet in facets)), *facets)
    for is_short in (False, True):
        line = [Cell("  ")]
        for facet in listed:
            is_chosen, word = facet.name == chosen, facet.look.word
            if is_short and not is_chosen:
                word = facet.look.mark(ascii_only) or word
            tone = facet.tone or "muted"
            line.append(Cell(f" {word} ", "chip") if is_chosen else Cell(word, tone))
            line.append(Cell(f" {short_count(facet.number)}", tone))
            line.append(Cell("  " if is_chosen else "   "))
        if sum(width(cell.text) for cell in line) <= room + len("  "):
            break
    return line
