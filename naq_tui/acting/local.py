"""What is done to processes of this machine, told to the log: they leave no event that says who did it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from naq.errors import NaqException
from naq_tui.format import plural

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole
    from naq_tui.feed.protocol import Processes
    from naq_tui.launcher import ProcessView

NAMES_TOLD = 100


async def tell_log(app: NaqConsole, action: str, views: Sequence[ProcessView], reason: str | None = None) -> None:
    """Write one OPERATOR_ACTION about these processes; where the log can't be reached that is said, nothing more.

    Its details: `action`, `processes` (how many), `names`, `pids`, and `recipes` of those that have one. The host is
    the actor's.
    """
    commands = app.commands
    if commands is None or not views:
        return
    details: dict[str, Any] = {"processes": len(views), "names": [view.name for view in views[:NAMES_TOLD]]}
    recipes = sorted({view.recipe for view in views if view.recipe})
    if recipes:
        details["recipes"] = recipes
    pids = [view.pid for view in views[:NAMES_TOLD] if view.pid]
    if pids:
        details["pids"] = pids
    try:
        await commands.tell(action, details, reason=reason)
    except NaqException as exc:
        app.say(f"The log was not told of it ({action}, {plural(len(views), 'process')}): {exc}", severity="warning")


def running_pids(processes: Processes) -> frozenset[int]:
    return frozenset(view.pid for view in processes.snapshot() if view.is_running)


def started_since(processes: Processes, pids: frozenset[int]) -> tuple[ProcessView, ...]:
    """Those that run now and were not among `pids`."""
    return tuple(view for view in processes.snapshot() if view.is_running and view.pid not in pids)
