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
            number = short_count(facet.number)
            if is_chosen:
                line += [Cell(f" {word} {number} ", "chip"), Cell(" " * (FIGURE - len(number)))]
                continue
            shown = f"{facet.look.mark(ascii_only) or word} " if is_short else f" {word} "
            line += [Cell(shown, tone or "muted"), Cell(f"{number:<{FIGURE}} ", tone)]
        if sum(width(cell.text) for cell in line) <= room:
            break
    return line
