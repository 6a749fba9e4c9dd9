"""Labelled lines that say what would come of a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.text import fit, safe
from naq_tui.widgets.painted import Painted, cut_cells

LABEL = 13
LIMIT = 500
"""Characters of a line; more never fits."""


class Fact(NamedTuple):
    """One line; made safe where it is shown."""

    label: str
    text: str
    tone: str = ""


class Facts(Painted):
    """Always as high as it is made, so that nothing moves while there is nothing to say."""

    facts: reactive[tuple[Fact, ...]] = reactive(())

    def __init__(self, height: int, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.styles.height = height

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        return "\n".join(_plain(fact) for fact in self.facts)

    def render_line(self, y: int) -> Strip:
        if y >= len(self.facts):
            return self.strip([])
        fact = self.facts[y]
        cells = [(fit(fact.label, LABEL), "muted"), (safe(fact.text, LIMIT), fact.tone)]
        return self.strip(cut_cells(cells, self.size.width))


def _plain(fact: Fact) -> str:
    return f"{fit(fact.label, LABEL)}{safe(fact.text, LIMIT)}"


def continued(label: str, texts: Sequence[str], tone: str = "") -> list[Fact]:
    """Lines under one label."""
    return [Fact("" if place else label, text, tone) for place, text in enumerate(texts)]
