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
)
