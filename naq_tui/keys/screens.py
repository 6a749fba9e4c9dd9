"""Keys that choose what is in sight."""

from __future__ import annotations

from naq_tui.keys.action import Action
from naq_tui.keys.places import LISTS, REPORTS, SCREENS


def _screens() -> tuple[Action, ...]:
    return tuple(
        Action(
            id=f"screen.{name}",
            keys=(digit,),
            label=title,
            help="All panes together" if name == "overview" else f"{title}, over the whole screen",
            group="Screens",
            call=f"go('{name}')",
            owner="app",
        )
        for name, (digit, title) in SCREENS.items()
    )


SCREEN_KEYS: tuple[Action, ...] = (
    *_screens(),
    Action(
        id="pane.next",
        keys=("tab",),
        label="next pane",
        help="Next pane",
        group="Screens",
        call="step_pane(1)",
        owner="main",
        where=LISTS,
    ),
    Action(
        id="pane.previous",
        keys=("shift+tab",),
        label="previous pane",
        help="Previous pane",
        group="Screens",
        call="step_pane(-1)",
        owner="main",
        where=LISTS,
    ),
    Action(
        id="back",
        keys=("escape",),
        label="back",
        help="Back: end the filter, the past, the zoom; leave a report or a form",
        group="Screens",
        call="go_back",
        owner="app",
        footer=79,
        where=LISTS | REPORTS,
        footer_where=REPORTS,
    ),
)
