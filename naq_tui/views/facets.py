"""The parts of a list, in one line above it: how many are in each, and which of them is shown."""

from __future__ import annotations

from collections.abc import Sequence

from naq_tui.format import short_count
from naq_tui.status import Look
from naq_tui.text import width
from naq_tui.views.table import Cell, Facet

ALL = Look("", "", "all", "")
FIGURE = 5
"""Cells of a number: what `short_count` needs at most, so that no number moves what stands behind it."""


def facet_line(facets: Sequence[Facet], chosen: str, room: int, *, ascii_only: bool) -> list[Cell]:
    """The facets and "all" in front of them, each in a place that depends on the room and the choice alone.

    Where words don't fit, glyphs stand for those that are not chosen.
    """
    listed = (Facet("", ALL, sum(facet.number for facet in facets)), *facets)
    for is_short in (False, True):
        line = [Cell(" ")]
        for facet in listed:
            is_chosen, word = facet.name == chosen, facet.look.word
            tone = facet.tone if facet.number else "muted"
            if is_short and not is_chosen:
                line.append(Cell(f"{facet.look.mark(ascii_only) or word} ", tone or "muted"))
            else:
                line.append(Cell(f" {word} ", "chip" if is_chosen else tone or "muted"))
            line.append(Cell(f"{short_count(facet.number):<{FIGURE}} ", tone))
        if sum(width(cell.text) for cell in line) <= room:
            break
    return line
