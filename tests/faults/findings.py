"""What a checker found, and what it noticed that is allowed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

SHOWN = 50


class Finding(NamedTuple):
    """Something that must not be so."""

    rule: str
    """Which promise is broken: "lost", "double run", "order", "record", "schedule", …"""
    about: str
    """The job, schedule or worker."""
    told: str


@dataclass(slots=True)
class Findings:
    """Collected in one check."""

    found: list[Finding] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def report(self, rule: str, about: str, told: str) -> None:
        self.found.append(Finding(rule, about, told))

    def note(self, figure: str, count: int = 1) -> None:
        """Count something allowed, to be seen beside the findings."""
        self.figures[figure] += count

    @property
    def by_rule(self) -> dict[str, int]:
        return dict(sorted(Counter(finding.rule for finding in self.found).items()))
