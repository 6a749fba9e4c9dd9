"""Choosing the system to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.strip import Strip
from textual.widgets import Static

from naq_tui.screens.dialog import Dialog
from naq_tui.text import cut, fit
from naq_tui.widgets.choosing import Choosing

ROWS = 12
_NAME = 18


class Offer(NamedTuple):
    """One line of the picker; all text safe."""

    name: str
    where: str
    mark: str
    """"production", "read-only" or empty."""
    is_current: bool


class Offers(Choosing):
    """The contexts as lines with a cursor."""

    def __init__(self, offers: Sequence[Offer], ascii_only: bool) -> None:
        here = next((place for place, offer in enumerate(offers) if offer.is_current), 0)
        super().__init__(len(offers), most=ROWS, cursor=here)
        self.offers = offers
        self._here = "*" if ascii_only else "●"

    def line(self, y: int) -> Strip:
        place = self.top + y
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

    @on(Choosing.Taken)
    def action_choose(self) -> None:
        if self.offers:
            self.dismiss(self.query_one(Offers).cursor)
