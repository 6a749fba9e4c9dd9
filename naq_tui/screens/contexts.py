"""Choosing the system to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.strip import Strip
from textual.widgets import Static

from naq_tui.screens.dialog import Dialog
from naq_tui.text import cut, fit
from naq_tui.widgets.painted import Lines

ROWS = 12
_NAME = 18


class Offer(NamedTuple):
    """One line of the picker; all text safe."""

    name: str
    where: str
    mark: str
    """"production", "read-only" or empty."""
    is_current: bool


class Offers(Lines, can_focus=True):
    """The contexts as lines with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("home,g", "move(-1000)", show=False),
        Binding("end,G", "move(1000)", show=False),
    ]

    def __init__(self, offers: Sequence[Offer], ascii_only: bool) -> None:
        super().__init__()
        self.offers = offers
        self.cursor = next((place for place, offer in enumerate(offers) if offer.is_current), 0)
        self._here = "*" if ascii_only else "●"
        self.styles.height = min(ROWS, len(offers))

    def action_move(self, step: int) -> None:
        self.cursor = min(max(0, self.cursor + step), len(self.offers) - 1)
        self.repaint()

    @property
    def _top(self) -> int:
        return min(max(0, self.cursor - self.size.height + 1), max(0, len(self.offers) - self.size.height))

    def line(self, y: int) -> Strip:
        place = self._top + y
        if place >= len(self.offers):
            return self.strip([])
        offer = self.offers[place]
        room = max(8, self.size.width - _NAME - 17)
        cells = [
            (f" {self._here if offer.is_current else ' '} ", "accent"),
            (fit(offer.name, _NAME), "strong"),
            (fit(cut(offer.where, room), room), "muted"),
            ("  ", ""),
            (f" {offer.mark} ", "production" if offer.mark == "production" else "waiting") if offer.mark else ("", ""),
        ]
        return self.strip(cells, "cursor" if place == self.cursor else "")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.cursor = min(self._top + event.y, len(self.offers) - 1)
        self.repaint()
        if event.chain == 2:
            self.screen.dismiss(self.cursor)


class ContextsScreen(Dialog[int | None]):
    """The contexts known on this machine; `enter` answers with the place of one in the list, `esc` with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("enter", "choose", show=False),
    ]
    AUTO_FOCUS = "Offers"

    def __init__(self, offers: Sequence[Offer], ascii_only: bool) -> None:
        super().__init__()
        self.offers = offers
        self.ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "Contexts"
            if self.offers:
                yield Offers(self.offers, self.ascii_only)
                hint = "enter opens it · esc stays here · processes launched here go on"
            else:
                yield Static(
                    "No contexts yet: add [contexts.NAME] to config.toml, or `nats context add NAME`.",
                    classes="say",
                    markup=False,
                )
                hint = "esc goes back"
            yield Static(hint, classes="hint", markup=False)

    def action_choose(self) -> None:
        if self.offers:
            self.dismiss(self.query_one(Offers).cursor)
