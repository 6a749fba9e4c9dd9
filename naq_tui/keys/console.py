"""Keys of the console itself."""

from __future__ import annotations

from naq_tui.keys.action import Action

CONSOLE: tuple[Action, ...] = (
    Action(
        id="palette",
        keys=("colon", "ctrl+p"),
        label="commands",
        help="Find any action or theme by its name",
        group="Console",
        call="command_palette",
        owner="app",
        footer=90,
    ),
    Action(
        id="help",
        keys=("question_mark", "f1"),
        label="help",
        help="All keys",
        group="Console",
        call="help",
        owner="app",
        footer=95,
    ),
    Action(
        id="quit",
        keys=("q", "ctrl+q"),
        label="quit",
        help="Quit; asks about processes that run here",
        group="Console",
        call="leave",
        owner="app",
        footer=100,
    ),
    Action(
        id="contexts",
        keys=("ctrl+o",),
        label="contexts",
        help="Open another context: a list of those known here",
        group="Console",
        call="contexts",
        owner="app",
    ),
    Action(
        id="changes",
        keys=("ctrl+w",),
        label="changes",
        help="Production: allow changes (asks for its name), or forbid them again",
        group="Console",
        call="allow_changes",
        owner="app",
    ),
    Action(
        id="suspend",
        keys=("ctrl+z",),
        label="suspend",
        help="Back to the shell; fg returns here",
        group="Console",
        call="suspend_process",
        owner="app",
    ),
)
