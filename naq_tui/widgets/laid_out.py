"""The lines of a document as rows of one width; values among them grow, fold and unfold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from naq_tui.text import width, wrap
from naq_tui.views.values import Value, ValueRows
from naq_tui.widgets.painted import cut_cells

Cells = Sequence[tuple[str, str]]
Line = Cells | Value


class Moved(NamedTuple):
    """Rows that came or went: all that were behind row `after` are `by` further down (up where less than 0)."""

    after: int
    by: int


class LaidOut:
    """Rows made of lines.

    Args:
        lines: what is shown.
        cut: places of lines that are one row each, cut where they don't fit; all others are wrapped.
        cells: of a row.
        folds: of each value by its name, what was folded or unfolded by hand.
        known: values laid out before; those that are the same and as wide are gone on with.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        cut: Container[int],
        cells: int,
        folds: Mapping[str, Mapping[int, bool]],
        known: Mapping[str, ValueRows],
    ) -> None:
        self.row_of: list[int] = []
        """The first row of each line."""
        self._blocks: list[list[Cells] | ValueRows] = []
        self._line_of: list[int] = []
        """The place of the first line of each block."""
        for place, line in enumerate(lines):
            if isinstance(line, Value):
                self._line_of.append(place)
                value = known.get(line.name)
                if value is None or value.shown is not line or not value.is_for(cells):
                    value = ValueRows(line, cells, folds.get(line.name))
                self._blocks.append(value)
                self.row_of.append(0)
                continue
            if not self._blocks or isinstance(self._blocks[-1], ValueRows):
                self._line_of.append(place)
                self._blocks.append([])
            block = self._blocks[-1]
            assert isinstance(block, list)
            self.row_of.append(len(block))
            block += [cut_cells(line, cells)] if place in cut else _wrap(line, cells)
        self._starts: list[int] = []
        self._count = 0
        self._within = self.row_of
        """The first row of each line within its block."""
        self._number()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Cells]:
        return (self[row] for row in range(self._count))

    def __getitem__(self, row: int) -> Cells:
        block, place = self._at(row)
        return block.rows[place].spans if isinstance(block, ValueRows) else block[place]

    @property
    def values(self) -> dict[str, ValueRows]:
        return {block.shown.name: block for block in self._blocks if isinstance(block, ValueRows)}

    def place_in_value(self, row: int) -> tuple[str, int] | None:
        """The value that this row is of, by its name, and the row's place within it."""
        block, place = self._at(row)
        return (block.shown.name, place) if isinstance(block, ValueRows) else None

    def row_in_value(self, name: str, place: int) -> int | None:
        """The row in that place of a value; None where it isn't shown or has no such row."""
        for start, block in zip(self._starts, self._blocks, strict=True):
            if isinstance(block, ValueRows) and block.shown.name == name and place < len(block.rows):
                return start + place
        return None

    @property
    def is_whole(self) -> bool:
        return all(value.is_whole for value in self.values.values())

    def can_fold(self, row: int) -> bool:
        """Whether an object or a list begins in this row that can be folded or is folded."""
        if not 0 <= row < self._count:
            return False
        block, place = self._at(row)
        return isinstance(block, ValueRows) and block.rows[place].head is not None

    def toggle(self, row: int) -> Moved:
        """Fold or unfold what begins in this row."""
        block, place = self._at(row)
        assert isinstance(block, ValueRows)
        before = len(block.rows)
        block.toggle(place)
        self._number()
        return Moved(row, len(block.rows) - before)

    def lay_first(self, at_least: int) -> None:
        """Make so many rows of each value."""
        for value in self.values.values():
            value.lay(0.0, at_least)
        self._number()

    def lay(self, seconds: float, at_least: int = 0) -> Moved | None:
        """Make rows of values that are still to come, for about that long; None where none are."""
        for start, block in zip(self._starts, self._blocks, strict=True):
            made = block.lay(seconds, at_least) if isinstance(block, ValueRows) else None
            if made is not None:
                self._number()
                return Moved(start + made[0], made[1])
        return None

    def _at(self, row: int) -> tuple[list[Cells] | ValueRows, int]:
        place = bisect_right(self._starts, row) - 1
        return self._blocks[place], row - self._starts[place]

    def _number(self) -> None:
        """Tell anew where each block and each line begins."""
        self._starts, self._count, self.row_of = [], 0, []
        ends = [*self._line_of, len(self._within)][1:]
        for first, end, block in zip(self._line_of, ends, self._blocks, strict=True):
            self._starts.append(self._count)
            self.row_of += [self._count + place for place in self._within[first:end]]
            self._count += len(block.rows) if isinstance(block, ValueRows) else len(block)


def _wrap(line: Cells, cells: int) -> list[Cells]:
    """One line in rows of at most `cells`; continued rows are indented like the line's last span."""
    if sum(width(text) for text, _ in line) <= cells:
        return [list(line)]
    rows: list[list[tuple[str, str]]] = [[]]
    used = 0
    # what stands before the long part stays in its column
    last = line[-1][0]
    lead = sum(width(text) for text, _ in line[:-1]) + len(last) - len(last.lstrip(" "))
    indent = lead if lead <= cells // 2 else 2
    for text, tone in line:
        while text:
            room = cells - used
            if width(text) <= room:
                rows[-1].append((text, tone))
                used += width(text)
                break
            if room >= 4:
                piece = wrap(text, room)[0]
                rows[-1].append((piece, tone))
                text = text[len(piece) :]
            rows.append([(" " * indent, "")])
            used = indent
    return [*rows]
