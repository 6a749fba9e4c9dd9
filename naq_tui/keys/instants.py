"""Keys of the whole console's instant."""

from __future__ import annotations

from naq_tui.keys.action import Action
from naq_tui.keys.places import LISTS, REPORTS

_PLACES = LISTS | (REPORTS - {"output"})


def _step(action_id: str, key: str, label: str, help_text: str, call: str, footer_rank: int) -> Action:
    return Action(
        id=f"instant.{action_id}",
        keys=(key,),
        label=label,
        help=help_text,
        group="Looking",
        call=call,
        owner="app",
        where=_PLACES,
        footer=footer_rank,
        in_past=True,
    )


INSTANTS: tuple[Action, ...] = (
    Action(
        id="instant",
        keys=("t", "at"),
        label="as it was",
        help="The whole console as it was at 14:03, -20m, #184223 …",
        group="Looking",
        call="as_it_was",
        owner="app",
        where=_PLACES - {"events"},
    ),
    Action(
        id="instant.event",
        keys=("at",),
        label="as it was",
        help="The whole console as it was at this event, or a moment",
        group="Looking",
        call="as_it_was",
        owner="app",
        where=frozenset({"events"}),
    ),
    _step("previous", "comma", "earlier", "As it was one event earlier", "step_instant(-1)", 71),
    _step("next", "full_stop", "later", "As it was one event later", "step_instant(1)", 70),
    _step(
        "previous_failure",
        "less_than_sign",
        "failure",
        "As it was at the failure before",
        "step_failed_instant(-1)",
        69,
    ),
    _step("next_failure", "greater_than_sign", "next", "As it was at the next failure", "step_failed_instant(1)", 0),
    _step("now", "r", "now", "Show now again after an instant of the past", "now", 92),
)
