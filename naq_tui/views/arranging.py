"""Which rows of a list are shown, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from naq_tui.views.search import Needle
from naq_tui.views.table import Lens, TableView

Item = TypeVar("Item")


class Arrangement(NamedTuple):
    """What was asked of a list."""

    facet: str
    """The part of it that is shown; empty is all."""
    needle: Needle
    sort_column: str
    """Empty is the order of the view."""
    is_reversed: bool


def arranged(
    view: TableView[Item], items: Sequence[Item], lens: Lens, asked: Arrangement
) -> tuple[Sequence[Item], int]:
    """The rows to show, and how many were left out because what the filter asks for is not known of them."""
    unjudged = 0
    if asked.facet:
        items = [item for item in items if view.in_facet(item, asked.facet)]
    if asked.needle:
        judged = [(item, judge(view, asked.needle, item, lens)) for item in items]
        items = [item for item, verdict in judged if verdict]
        unjudged = sum(verdict is None for _, verdict in judged)
    if asked.sort_column:
        items = sorted(items, key=lambda item: _sortable(view.sort_value(item, asked.sort_column, lens)))
    return items[::-1] if asked.is_reversed else items, unjudged


def judge(view: TableView[Item], needle: Needle, item: Item, lens: Lens) -> bool | None:
    """Whether the row is wanted; None where it may be, and can't be told."""
    return needle.judge(view.text(item), lambda: view.fields(item, lens), lambda: view.call(item), view.unknown(item))


def _sortable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
