"""A table of any length: only the rows in view are made, and only those that changed are painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from textual.strip import Strip

from naq_tui import hints
from naq_tui.store.state import State
from naq_tui.text import fit, wrap
from naq_tui.views.arranging import Arrangement, arranged, judge
from naq_tui.views.called_with import known
from naq_tui.views.search import Needle
from naq_tui.views.table import Lens, TableView, lay_out, run_on
from naq_tui.widgets.marks import Marks
from naq_tui.widgets.painted import cut_cells, thumb
from naq_tui.widgets.row_cursor import RowCursor

Item = TypeVar("Item")
_MARGIN = 2
"""Cells beside the columns: one left, one for the scrollbar."""
_SUGGESTED_FROM = 1_000
"""Rows whose values are suggested in a filter."""


class LineTable(RowCursor[Item]):
    """Rows of a `TableView`. The cursor holds on to a row's key, so it stays on it through every refresh."""

    def __init__(self, view: TableView[Item]) -> None:
        super().__init__(view)
        self.sort_column = view.default_sort
        self.is_reversed = False
        self.fields = view.field_names()
        self.needle = Needle("", self.fields)
        self.unjudged = 0
        """Rows left out by the filter because what it asks for is not known of them."""
        self.facet = ""
        """The part of the list that is shown; empty is all of it."""
        self.marks = Marks()
        self.takes_all = False
        """Whether what acts is about all that match, those that are not held as well."""
        self.hidden: frozenset[str] = frozenset()
        """Ids of columns that are not shown, however much room there is."""
        self._lens: Lens | None = None
        self._depends_on: tuple[object, ...] = ()
        self._layout_of: tuple[int, list[tuple[int, int, int]]] = (-1, [])

    # what comes in

    def show(self, state: State, lens: Lens) -> None:
        """Show the rows of `state`; paints what differs from what is on the screen."""
        depends_on = (*self.view.depends_on(state), lens.now.replace(microsecond=0), state.loaded, state.link)
        if self._lens is not None and all(
            a is b or (i >= len(depends_on) - 3 and a == b)
            for i, (a, b) in enumerate(zip(depends_on, self._depends_on, strict=True))
        ):
            return
        self._depends_on = depends_on
        self._state, self._lens = state, lens
        items: Sequence[Item] = self.view.items(state, lens)
        self.marks.keep(self.view.key(item) for item in items)
        asked = Arrangement(self.facet, self.needle, self.sort_column, self.is_reversed)
        self._items, self.unjudged = arranged(self.view, items, lens, asked)
        self._find_cursor()
        self.repaint()

    @property
    def row_count(self) -> int:
        return len(self._items)

    @property
    def targets(self) -> Sequence[Item]:
        """What a key acts on: the marked rows in sight, or the row under the cursor."""
        marked = [item for item in self._items if self.view.key(item) in self.marks] if self.marks else []
        return marked or ([self.selected] if self.selected is not None else [])

    @property
    def has_marks(self) -> bool:
        return self.takes_all or len(self.marks) > 0

    @property
    def not_held(self) -> int:
        """How many rows there may be beside those that are held, in the part of the list that is shown."""
        return self.view.not_held(self._state, self.facet)

    def mark(self) -> None:
        """Mark the row under the cursor, or unmark it, and move on."""
        self.takes_all = False
        if self.selected_key is not None:
            self.marks.toggle(self.selected_key)
            self._move(self._cursor + 1)

    def mark_range(self) -> None:
        self.takes_all = False
        if self._items:
            self.marks.range([self.view.key(item) for item in self._items], self._cursor)
            self.repaint()

    @property
    def not_marked(self) -> int:
        """Where all rows shown are marked: how many more there may be that are not held here, and so are not."""
        if not self._items or not all(self.view.key(item) in self.marks for item in self._items):
            return 0
        return self.not_held

    def mark_all(self) -> None:
        """Mark all rows shown; where they are, take those that are not held as well; then none."""
        if self.takes_all:
            self.unmark()
            return
        self.takes_all = self.not_marked > 0 or (not self._items and self.not_held > 0)
        if not self.takes_all:
            self.marks.all(self.view.key(item) for item in self._items)
        self.repaint()

    def keep_marks(self, keys: Iterable[str]) -> None:
        """Take the marks off all rows but these."""
        self.takes_all = False
        if self.marks:
            self.marks.keep(keys)
            self.repaint()

    def unmark(self) -> None:
        self.takes_all = False
        self.marks.clear()
        self.repaint()

    def step_facet(self, step: int) -> None:
        """Show the next part of the list that has rows (or with -1 the previous); after the last one all of it."""
        facets = self.view.facets(self._state)
        names = ["", *(facet.name for facet in facets if facet.number or facet.name == self.facet)]
        here = names.index(self.facet) if self.facet in names else 0
        self.show_facet(names[(here + step) % len(names)])

    def show_facet(self, facet: str) -> None:
        self.facet, self.takes_all = facet, False
        self._cursor_key, self._cursor, self._top = None, 0, 0
        self.again()

    @property
    def items(self) -> Sequence[Item]:
        """The rows shown, in their order."""
        return self._items

    def hide(self, columns: Iterable[str]) -> None:
        """Leave out columns; those that say what a row is stay."""
        self.hidden = frozenset(columns) - {column.id for column in self.view.columns if column.is_fixed}
        self._layout_of = (-1, [])
        self.repaint()

    def filter(self, text: str) -> None:
        """Show only rows that match; empty text shows all."""
        self.takes_all = self.takes_all and text == self.needle.text
        self.needle = Needle(text, self.fields)
        self.again()

    def known_values(self, field: str) -> set[str]:
        """Values of a field that can be suggested."""
        if self._lens is None:
            return set()
        items = self.view.items(self._state, self._lens)[:_SUGGESTED_FROM]
        if field.startswith("arg."):
            return known((self.view.call(item) or () for item in items), field)
        return {self.view.fields(item, self._lens).get(field, "") for item in items} - {""}

    def step_match(self, needle: Needle, step: int) -> bool:
        """Move to the next (or with -1 the previous) row that matches; whether there is one."""
        count, lens = len(self._items), self._lens
        for distance in range(1, count + 1):
            place = (self._cursor + step * distance) % count
            if lens is not None and judge(self.view, needle, self._items[place], lens):
                self._move(place)
                return True
        return False

    def sort_next(self) -> None:
        """Sort by the next column; after the last one, in the view's own order again."""
        ids = [self.view.columns[place].id for place, _, _ in self._layout() if self.view.columns[place].title.strip()]
        place = ids.index(self.sort_column) + 1 if self.sort_column in ids else 0
        self._sort_by(ids[place] if place < len(ids) else "")

    def reverse(self) -> None:
        self.is_reversed = not self.is_reversed
        self.again()

    # painting

    def line(self, y: int) -> Strip:
        if self._lens is None:
            return self.strip([])
        if self._above:
            if y == 0:
                return self._top_line()
            y -= 1
        if not self._items:
            return self._empty_line(y)
        if y == 0:
            return self._head()
        place = self._top + y - 1
        if place >= len(self._items):
            return self.strip([*self._bar(y)])
        item = self._items[place]
        under = "cursor" if place == self._cursor and self.has_focus else ""
        cells = self.view.cells(item, self._lens)
        is_marked = self.takes_all or (len(self.marks) > 0 and self.view.key(item) in self.marks)
        mark = "*" if self._lens.ascii_only else "▌"
        line: list[tuple[str, str]] = [(mark if is_marked else " ", "accent" if is_marked else "")]
        room = self.line_width - _MARGIN
        for column, gap, cell_width in run_on(self._layout(), self.view.columns, cells):
            text, tone = cells[column]
            line.append((" " * gap, ""))
            if cell_width == 1:
                text = text[:1]  # a status that has room for its glyph only
            line.append((self.view.columns[column].fitted(text, cell_width), tone))
            room -= gap + cell_width
        line.append((" " * max(0, room), ""))
        return self.strip([*line, *self._bar(y, thumb_only=True)], under)

    def _layout(self) -> list[tuple[int, int, int]]:
        if self._layout_of[0] != self.line_width:
            kept = [place for place, column in enumerate(self.view.columns) if column.id not in self.hidden]
            laid_out = lay_out([self.view.columns[place] for place in kept], self.line_width - _MARGIN)
            self._layout_of = (self.line_width, [(kept[place], gap, width) for place, gap, width in laid_out])
        return self._layout_of[1]

    def _top_line(self) -> Strip:
        room, ascii_only = self.line_width, self._lens is not None and self._lens.ascii_only
        line = self.view.top_line(self._state, self.facet, room, ascii_only=ascii_only)
        return self.strip(cut_cells(line, room))

    def _head(self) -> Strip:
        arrow = "▾" if self.is_reversed else "▴"
        line: list[tuple[str, str]] = [(" ", "")]
        for place, gap, cell_width in self._layout():
            column = self.view.columns[place]
            is_sorted = column.id == self.sort_column
            title = f"{column.title}{arrow}" if is_sorted else column.title
            line.append((" " * gap, ""))
            if cell_width == 1:
                title = " "
            line.append((fit(title, cell_width, right=column.right), "accent" if is_sorted else "head"))
        return self.strip(line)

    def _bar(self, y: int, *, thumb_only: bool = False) -> list[tuple[str, str]]:
        start, length = thumb(self._height, len(self._items), self._top)
        mark = "▐" if length and start <= y - 1 < start + length else " "
        return [(mark, "faint")] if thumb_only else [(" " * (self.line_width - 1), ""), (mark, "faint")]

    def _empty_line(self, y: int) -> Strip:
        text = self.view.empty(self._state)
        if self.needle:
            text = hints.advice(f"Nothing matches {self.needle.text}", hints.hint("back", "shows all"))
        elif self.facet:
            text = hints.advice("None of these now", hints.hint("list.next_facet", "shows the others"))
        lines = wrap(text, max(8, self.line_width - 4))
        return self.strip([("  ", ""), (lines[y], "muted")] if y < len(lines) else [])

    # order

    def again(self) -> None:
        """Choose and order the same rows anew."""
        if self._lens is not None:
            self._depends_on = ()
            lens, self._lens = self._lens, None
            self.show(self._state, lens)
            self.post_message(self.Moved())

    def _sort_by(self, column_id: str) -> None:
        column = next((column for column in self.view.columns if column.id == column_id), None)
        if column is not None and column_id == self.sort_column:
            self.is_reversed = not self.is_reversed
        else:
            self.sort_column = column_id
            self.is_reversed = column is not None and column.starts_descending
        self.again()

    def _click_head(self, x: int) -> None:
        left = 1
        for place, gap, cell_width in self._layout():
            left += gap
            if left <= x < left + cell_width:
                self._sort_by(self.view.columns[place].id)
                return
            left += cell_width
