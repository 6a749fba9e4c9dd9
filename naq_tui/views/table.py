"""What a table is: columns with widths that don't depend on the data, and cells of text with a tone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from naq_tui import hints
from naq_tui.format import count, short_count
from naq_tui.status import Look
from naq_tui.store.state import State
from naq_tui.text import cut_id, fit, width
from naq_tui.views.called_with import Argument

Item = TypeVar("Item")


class Lens(NamedTuple):
    """From when, and how, the state is looked at."""

    now: datetime
    """The server's clock: what ages are measured by. While the connection is lost it stands still."""
    local_now: datetime
    """This machine's clock, for its own processes."""
    resumed_at: datetime | None = None
    """When a lost connection came back, the server's clock; None where none was lost."""
    ascii_only: bool = False


class Cell(NamedTuple):
    """Safe text and its tone (see `naq_tui.status`)."""

    text: str
    tone: str = ""


BLANK = Cell("")
UNTOLD = Cell("?", "muted")


class Facet(NamedTuple):
    """A part of a list that can be chosen alone."""

    name: str
    look: Look
    number: int
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. Widths are in cells."""

    id: str
    title: str
    width: int
    """The least it takes."""
    most: int = 0
    """What it grows to where there is room; 0 means no more than `width`."""
    right: bool = False
    grow: int = 5
    """Those with a higher figure grow first."""
    keep: int = 5
    """Where room is short the lowest goes first; 10 never goes."""
    fill: bool = False
    """Takes what room is left."""
    starts_descending: bool = False
    """Whether the first press of the sort key puts the largest on top."""

    is_id: bool = False
    """Cut short it keeps its end, where ids differ."""

    def fitted(self, text: str, cells: int) -> str:
        """`text` in exactly `cells` cells of this column."""
        return fit(cut_id(text, cells) if self.is_id else text, cells, right=self.right)

    @property
    def is_fixed(self) -> bool:
        """Whether it can't be hidden: it says what a row is."""
        return self.keep == 10


def lay_out(columns: Sequence[Column], cells: int) -> list[tuple[int, int, int]]:
    """The columns that fit into `cells`, left to right, as (index, gap before it, width).

    What has little to say goes before what says much is cut short.
    """
    shown = list(range(len(columns)))

    def drop(limit: int, wish: Callable[[Column], int]) -> None:
        while sum(wish(columns[i]) for i in shown) + sum(_gaps(columns, shown)) > cells:
            least = min(shown, key=lambda i: (columns[i].keep, -i))
            if columns[least].keep >= limit or len(shown) == 1:
                return
            shown.remove(least)

    drop(10, lambda column: column.width)
    drop(5, lambda column: column.most if column.grow >= 9 and column.most else column.width)
    gaps = _gaps(columns, shown)
    widths = {i: columns[i].width for i in shown}
    room = cells - sum(widths.values()) - sum(gaps)
    for i in sorted(shown, key=lambda i: (-columns[i].grow, i)):
        more = min(max(0, columns[i].most - columns[i].width), max(0, room))
        if columns[i].width == 1 and more < columns[i].most - 1:
            continue  # a glyph alone, or with its whole word
        widths[i] += more
        room -= more
    fillers = [i for i in shown if columns[i].fill]
    if room > 0 and fillers:
        share, rest = divmod(room, len(fillers))
        for place, i in enumerate(fillers):
            widths[i] += share + (rest if place == len(fillers) - 1 else 0)
    placed: list[tuple[int, int, int]] = []
    left = cells
    for i, gap in zip(shown, gaps, strict=True):
        if left - gap <= 0:
            break
        placed.append((i, gap, min(widths[i], left - gap)))
        left -= gap + widths[i]
    return placed


def run_on(
    placed: Sequence[tuple[int, int, int]], columns: Sequence[Column], cells: Sequence[Cell | tuple[str, str]]
) -> Sequence[tuple[int, int, int]]:
    """The places of one row's cells: a text that would be cut short runs on into the empty cells beside it.

    First to the right, then to the left, column by column and no further than it needs, so that whatever else stands
    in the row stays in its column, and the text begins where a column does.
    """
    at = next((at for at, (i, _, room) in enumerate(placed) if columns[i].fill and width(cells[i][0]) > room), None)
    if at is None:
        return placed
    i, gap, room = placed[at]
    needed, start, end = width(cells[i][0]), at, at + 1
    while room < needed and end < len(placed) and not cells[placed[end][0]][0]:
        room += placed[end][1] + placed[end][2]
        end += 1
    while room < needed and start > 0 and not cells[placed[start - 1][0]][0]:
        start -= 1
        room += gap + placed[start][2]
        gap = placed[start][1]
    return [*placed[:start], (i, gap, room), *placed[end:]]


def _gaps(columns: Sequence[Column], shown: Sequence[int]) -> list[int]:
    """Cells before each column: figures need more room before text than text does before figures."""
    return [
        0 if at == 0 else 2 if columns[shown[at - 1]].right and not columns[i].right else 1
        for at, i in enumerate(shown)
    ]


class TableView(Generic[Item]):
    """How one kind of row is listed. Stateless."""

    name: ClassVar[str]
    title: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]
    has_top_line: ClassVar[bool] = False
    """Whether there is a line above the head: see `top_line`."""
    default_sort: ClassVar[str] = ""
    """Column sorted by at first; empty means the order of `items`."""
    more_fields: ClassVar[tuple[str, ...]] = ()
    """Fields for the filter that are no columns."""

    def items(self, state: State, lens: Lens) -> Sequence[Item]:
        """The rows in their own order."""
        raise NotImplementedError

    def depends_on(self, state: State) -> tuple[object, ...]:
        """The parts of the state that rows are made of: while they are the same objects, so are the rows."""
        raise NotImplementedError

    def key(self, item: Item) -> str:
        """What the cursor holds on to."""
        raise NotImplementedError

    def cells(self, item: Item, lens: Lens) -> tuple[Cell, ...]:
        """One cell per column."""
        raise NotImplementedError

    def sort_value(self, item: Item, column: str, lens: Lens) -> Any:
        """What the column is sorted by; comparable among all rows."""
        raise NotImplementedError

    def text(self, item: Item) -> str:
        """What the filter searches."""
        raise NotImplementedError

    def facets(self, state: State) -> Sequence[Facet]:
        """The parts of the list, always the same and in the same order; none where it is not divided."""
        return ()

    def top_line(self, state: State, facet: str, room: int, *, ascii_only: bool) -> list[Cell]:
        """The line above the head, of at most `room` cells; `facet` is the part of the list that is shown."""
        return []

    def in_facet(self, item: Item, facet: str) -> bool:
        """Whether a row belongs to a facet."""
        return True

    def begins_here(self, state: State) -> bool:
        """Whether the first row is the first there is: the cursor on it then stays on whichever comes first."""
        return True

    def not_held(self, state: State, facet: str) -> int:
        """How many rows of this part of the list are stored and not held here, at most: they can't be marked."""
        return 0

    def field_names(self) -> tuple[str, ...]:
        """The names that `field:value` in the filter can have."""
        return tuple(
            dict.fromkeys((*(column.id for column in self.columns if column.title.strip()), *self.more_fields))
        )

    def fields(self, item: Item, lens: Lens) -> Mapping[str, str]:
        """What `field:value` in the filter compares: the cells, unless a view knows more."""
        cells = zip(self.columns, self.cells(item, lens), strict=True)
        # a status is a glyph and a word
        return {
            column.id: cell.text.partition(" ")[2] if column.id == "status" else cell.text for column, cell in cells
        }

    def call(self, item: Item) -> Sequence[Argument] | None:
        """What the row's job was called with; None where that is not known, or the row is no job."""
        return None

    def unknown(self, item: Item) -> Collection[str]:
        """Fields of which nothing is known for this row: a filter that names one can't judge it."""
        return ()

    def empty(self, state: State) -> str:
        """Why there are no rows, and what would bring some."""
        raise NotImplementedError

    def headline(self, state: State, lens: Lens) -> tuple[Cell, ...]:
        """The few words at the right of the pane's top border, in parts that stand apart.

        Figures that change stand in places wide enough for any (`figure`), what comes and goes to the left of what
        stays: then nothing there moves.
        """
        raise NotImplementedError


def with_untold(columns: Sequence[Column], cells: tuple[Cell, ...], untold: frozenset[str]) -> tuple[Cell, ...]:
    """The cells, with `?` in the columns that nothing is known of."""
    if not untold:
        return cells
    return tuple(UNTOLD if column.id in untold else cell for column, cell in zip(columns, cells, strict=True))


def waiting_for(state: State, kind: str, else_text: str) -> str:
    """Why a list is empty while it isn't known whether it is."""
    if kind in state.loaded:
        return else_text
    if state.link.state in ("connecting", "live"):
        return "Reading…"
    return "Nothing could be read: no connection to the server."


def spread(parts: Sequence[Cell | None], between: str = " · ") -> tuple[Cell, ...]:
    """The cells that are there, with a separator between them."""
    cells: list[Cell] = []
    for part in parts:
        if part is not None:
            if cells:
                cells.append(Cell(between, "muted"))
            cells.append(part)
    return tuple(cells)


def marked_words(marked: int, not_marked: int, not_held: int | None) -> tuple[Cell | None, ...]:
    """What the frame says of marks.

    Args:
        marked: how many rows are.
        not_marked: where all that are shown are marked, how many more there may be.
        not_held: that, where those are taken as well; None where they are not.
    """
    if not_held is not None:
        beside = Cell(f"up to {count(not_held)} beside those shown", "waiting") if not_held else None
        return Cell("all that match", "accent"), beside
    if not marked:
        return ()
    takes = hints.hint("list.mark_all", "{} takes them too")
    return (
        Cell(f"{count(marked)} marked", "accent"),
        Cell(f"up to {count(not_marked)} more are not held", "waiting") if not_marked else None,
        Cell(takes, "muted") if not_marked and takes else None,
    )


def figure(number: int, words: str, tone: str = "muted", *, cells: int = 7) -> Cell:
    """A part of a headline: a figure, right-aligned in a place of at least five cells, and what it counts."""
    exact = count(number)
    shown = exact if len(exact) <= cells else short_count(number)
    return Cell(f"{shown:>{cells}} {words}", tone)


def there(parts: Sequence[Cell | None]) -> tuple[Cell, ...]:
    """Those that are."""
    return tuple(part for part in parts if part is not None)


def with_unreadable(headline: tuple[Cell, ...], state: State, kind: str) -> tuple[Cell, ...]:
    """A headline that also tells how many records of this bucket can't be read."""
    unreadable = sum(where == kind for where, _ in state.malformed)
    if kind == "results" and state.older is not None:
        unreadable += state.older.unreadable
    return (figure(unreadable, "unreadable", "waiting"), *headline) if unreadable else headline
