"""What the main screen shows, as plain values, and back again. Values of an earlier version or of a careless hand are
left out one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from naq_tui import keys

if TYPE_CHECKING:
    from naq_tui.screens.main import MainScreen


def arrangement(main: MainScreen) -> dict[str, Any]:
    """The screen chosen, and order, filter and hidden columns of each list, where they are not the usual ones."""
    lists = {name: kept for name in main.panes if (kept := list_shown(main, name))}
    return {"screen": main.current, "lists": lists}


def restore(main: MainScreen, values: Mapping[str, Any]) -> None:
    """Show what `arrangement` told; what is not told is as usual."""
    lists = values.get("lists")
    lists = lists if isinstance(lists, dict) else {}
    for name in main.panes:
        kept = lists.get(name)
        show_list(main, name, kept if isinstance(kept, dict) else {})
    screen = values.get("screen")
    main.go(screen if isinstance(screen, str) and screen in keys.SCREENS else "overview")


def list_shown(main: MainScreen, name: str) -> dict[str, Any]:
    """Order, filter and hidden columns of one list, where they are not the usual ones."""
    table = main.tables.get(name)
    if table is None:
        return {"filter": main.log_view.needle.text} if main.log_view.needle else {}
    kept: dict[str, Any] = {}
    if (table.sort_column, table.is_reversed) != (table.view.default_sort, False):
        kept |= {"sort": table.sort_column, "reversed": table.is_reversed}
    if table.needle:
        kept["filter"] = table.needle.text
    if table.hidden:
        kept["hidden"] = sorted(table.hidden)
    return kept


def show_list(main: MainScreen, name: str, kept: Mapping[str, Any]) -> None:
    """Show one list as `list_shown` told; what is not told is as usual."""
    table = main.tables.get(name)
    if table is not None:
        known = {column.id for column in table.view.columns}
        sort = kept.get("sort", table.view.default_sort)
        is_known = isinstance(sort, str) and (sort in known or not sort)
        table.sort_column = sort if is_known else table.view.default_sort
        table.is_reversed = kept.get("reversed") is True
        hidden = kept.get("hidden")
        table.hide(known & {name for name in hidden if isinstance(name, str)} if isinstance(hidden, list) else ())
    text = kept.get("filter")
    main.set_filter(name, text if isinstance(text, str) else "")
