"""Saved views of a list: its filter, order and columns under a name, to be picked, added and taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.strip import Strip
from textual.widgets import Input, Label, Static

from naq_tui.screens.dialog import Dialog
from naq_tui.screens.remembering import list_shown, show_list
from naq_tui.text import cut, fit, safe
from naq_tui.widgets.choosing import Choosing

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.screens.main import MainScreen

ROWS = 10
MOST = 40
"""Characters of a name."""
KEPT = 50
"""Views of one list."""
_NAME = 20
View = Mapping[str, Any]


class SavingViews:
    """Mixed into the main screen."""

    if TYPE_CHECKING:
        app: NaqConsole

        @property
        def place(self) -> str: ...

    def action_views(self) -> None:
        main = cast("MainScreen", self)
        title = main.panes[self.place].title
        self.app.push_screen(ViewsScreen(self.place, title, list_shown(main, self.place)))

    def show_view(self, place: str, name: str) -> None:
        """Show a list as it was saved under this name."""
        main = cast("MainScreen", self)
        show_list(main, place, self.app.remembered.saved_views(place).get(name, {}))
        main._refresh_views()


class Views(Choosing):
    """One line per view: its name, and what it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", show=False), Binding("d", "drop", show=False)]

    def __init__(self, views: Mapping[str, View]) -> None:
        super().__init__(len(views), most=ROWS)
        self.views = views

    def line(self, y: int) -> Strip:
        names = list(self.views)
        place = self.top + y
        if place >= len(names):
            return self.strip([])
        room = max(8, self.size.width - _NAME - 3)
        cells = [
            (f" {fit(safe(names[place], MOST), _NAME)} ", "strong"),
            (fit(cut(described(self.views[names[place]]), room), room), "muted"),
        ]
        return self.strip(cells, "cursor" if place == self.cursor and self.has_focus else "")

    @property
    def chosen(self) -> str:
        return list(self.views)[self.cursor]

    def on_focus(self) -> None:
        self.repaint()

    def on_blur(self) -> None:
        self.repaint()

    def action_take(self) -> None:
        self.post_message(self.Taken())

    async def action_drop(self) -> None:
        await cast("ViewsScreen", self.screen).drop(self.chosen)


class ViewsScreen(Dialog[None]):
    """The saved views of one list. `enter` shows one, or saves what is shown now where a name is typed.

    Args:
        place: the list.
        heading: its title.
        shown: what is shown now, as `list_shown` tells it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]
    AUTO_FOCUS = "Views, Input"
    app: NaqConsole

    def __init__(self, place: str, heading: str, shown: View) -> None:
        super().__init__()
        self.list_name, self.heading, self.shown = place, heading, shown

    @property
    def _saved(self) -> dict[str, dict[str, Any]]:
        return self.app.remembered.saved_views(self.list_name)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Views of {self.heading}"
            saved = self._saved
            if saved:
                yield Views(saved)
            else:
                yield Static("No view is saved yet.", classes="say -soft", markup=False)
            yield Static(f"Now: {described(self.shown)}", classes="note", markup=False)
            with Horizontal(classes="field"):
                yield Label("save as", markup=False)
                field = Input(compact=True, max_length=MOST)
                field.cursor_blink = False
                yield field
            yield Static("", classes="mistake", markup=False)
            hint = "enter shows or saves · d deletes · esc leaves" if saved else "enter saves · esc leaves"
            yield Static(hint, classes="hint", markup=False)

    @on(Choosing.Taken)
    def _taken(self) -> None:
        self.app.main.show_view(self.list_name, self.query_one(Views).chosen)
        self.dismiss()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one(".mistake", Static).update(
            "another view has this name: enter replaces it" if event.value.strip() in self._saved else ""
        )

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name, saved = event.value.strip(), self._saved
        if not name:
            self.query_one(".mistake", Static).update("a view needs a name")
        elif name not in saved and len(saved) >= KEPT:
            self.query_one(".mistake", Static).update(f"{KEPT} views are saved already: delete one first")
        else:
            self.app.remembered.save_views(self.list_name, {**saved, name: dict(self.shown)})
            self.app.say(f"Saved as {safe(name, MOST)}.")
            self.dismiss()

    async def drop(self, name: str) -> None:
        """Take a view away."""
        self.app.remembered.save_views(
            self.list_name, {other: view for other, view in self._saved.items() if other != name}
        )
        await self.recompose()
        self.query("Views, Input").first().focus()


def described(view: View) -> str:
    """`queue:mail · sorted by took, reversed · without 2 columns`; safe text, whatever the file holds."""
    text, sort, hidden = view.get("filter"), view.get("sort"), view.get("hidden")
    parts = [safe(text, 200)] if isinstance(text, str) and text else []
    if isinstance(sort, str) and sort:
        parts.append(f"sorted by {safe(sort, 20)}")
    if view.get("reversed") is True:
        parts.append("reversed")
    if isinstance(hidden, list) and hidden:
        parts.append(f"without {len(hidden)} column{'' if len(hidden) == 1 else 's'}")
    return " · ".join(parts) or "all rows in their usual order"
