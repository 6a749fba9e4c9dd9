"""Keys that launch something on this machine."""

from __future__ import annotations

from naq_tui.keys.action import Action

LAUNCHING: tuple[Action, ...] = (
    Action(
        id="launch.worker",
        keys=("w",),
        label="worker",
        help="Launch a worker on this machine",
        group="Launching",
        call="launch('worker')",
        owner="app",
        acts=True,
        footer=72,
    ),
    Action(
        id="launch.scheduler",
        keys=("s",),
        label="scheduler",
        help="Launch a scheduler on this machine",
        group="Launching",
        call="launch('scheduler')",
        owner="app",
        acts=True,
        footer=64,
    ),
    Action(
        id="process.more",
        keys=("plus",),
        label="one more",
        help="One more process of the recipe",
        group="Launching",
        call="more_process",
        owner="main",
        where=frozenset({"processes"}),
        acts=True,
        footer=76,
    ),
    Action(
        id="process.fewer",
        keys=("minus",),
        label="one fewer",
        help="Drain one process of the recipe; asks first",
        group="Launching",
        call="fewer_process",
        owner="main",
        where=frozenset({"processes"}),
        acts=True,
        footer=75,
    ),
)
