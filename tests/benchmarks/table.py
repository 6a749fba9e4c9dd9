"""Rows of the benchmark: what was measured, what it was compared with, and the bound it has to keep."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bound:
    """What has to be reached: by the ratio to the rival where `of_rival`, else by the figure itself."""

    limit: float
    at_least: bool
    of_rival: bool = False

    def is_met(self, row: Row) -> bool:
        figure = row.ratio if self.of_rival else row.median
        assert figure is not None
        return figure >= self.limit if self.at_least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {_amount(self.limit)}{' ×' if self.of_rival else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure, measured in several rounds."""

    what: str
    unit: str
    values: Sequence[float]
    """One for each round."""
    rival: str | None = None
    """What was measured in turn with it."""
    rival_values: Sequence[float] = ()
    """One for each round, in the order of `values`."""
    bound: Bound | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """To the rival, the median of the ratios of the rounds: what else ran on the machine hit both of a round."""
        if not self.rival_values:
            return None
        return statistics.median(a / b for a, b in zip(self.values, self.rival_values, strict=True))

    def to_record(self, group: str) -> dict[str, Any]:
        """As `--json` writes it; what does not apply is absent."""
        record = {
            "group": group,
            "what": self.what,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
            "rival": self.rival,
            "rival_median": statistics.median(self.rival_values) if self.rival_values else None,
            "rival_values": list(self.rival_values) or None,
            "ratio": self.ratio,
            "bound": str(self.bound) if self.bound else None,
            "is_met": self.bound.is_met(self) if self.bound else None,
        }
        return {name: value for name, value in record.items() if value is not None}

    def cells(self) -> list[str]:
        """As the table shows it."""
        rival = f"{_amount(statistics.median(self.rival_values))} {self.rival}" if self.rival_values else ""
        verdict = "" if self.bound is None else "met" if self.bound.is_met(self) else "NOT MET"
        return [
            self.what,
            *(_amount(figure) for figure in (self.median, min(self.values), max(self.values))),
            self.unit,
            rival,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            str(self.bound or ""),
            verdict,
        ]


TITLES = ("what", "median", "min", "max", "unit", "against", "ratio", "bound", "")
_RIGHT = ("median", "min", "max", "ratio")


def table(rows: Iterable[Row]) -> str:
    """Aligned text, without a line end."""
    lines = [list(TITLES), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if title in _RIGHT else cell.ljust(width)
            for title, cell, width in zip(TITLES, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _amount(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
