"""The one registry of keys: bindings, footer, help and palette are all made from it.

Lower-case keys never change the system, launching excepted; keys that do are upper case and ask first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Owner = Literal["app", "main", "list"]
PANES = ("overview", "events", "queues", "workers", "schedules", "results", "processes")
SCREENS = {
    "overview": ("1", "Overview"),
    "events": ("2", "Events"),
    "queues": ("4", "Queues"),
    "workers": ("5", "Workers"),
    "schedules": ("6", "Schedules"),
    "results": ("7", "Results"),
    "processes": ("8", "Processes"),
}
"""Digit and title by name; the digits without a screen belong to screens to come."""
LISTS = frozenset(PANES)
TABLES = frozenset({"queues", "workers", "schedules", "results", "processes"})
REPORTS = frozenset({"detail", "output"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something a key does."""

    id: str
    keys: tuple[str, ...]
    """As Textual names them; the first is the one shown."""
    label: str
    """One or two words for the footer."""
    help: str
    group: str
    call: str
    """The Textual action: `name` or `name('argument')`."""
    owner: Owner
    """Who carries the binding: the app (works in every screen), the main screen, or each list."""
    where: frozenset[str] = frozenset()
    """Panes and screens it works in; empty means everywhere its owner is."""
    acts: bool = False
    """Whether it changes the system."""
    footer: int = 0
    """Rank in the footer: the lowest is dropped first where room is short; 0 is never shown."""
    in_palette: bool = True

    @property
    def key_label(self) -> str:
        return _KEY_LABELS.get(self.keys[0], self.keys[0])

    @property
    def all_key_labels(self) -> str:
        return " ".join(_KEY_LABELS.get(key, key) for key in self.keys)

    def works_in(self, place: str) -> bool:
        return not self.where or place in self.where


_KEY_LABELS = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


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


def _list(name: str, keys: Sequence[str], label: str, help_text: str) -> Action:
    return Action(
        id=f"list.{name}",
        keys=tuple(keys),
        label=label,
        help=help_text,
        group="Moving",
        call=f"list_{name}",
        owner="list",
        in_palette=False,
    )


def _acting(action_id: str, key: str, label: str, help_text: str, pane: str, footer_rank: int) -> Action:
    noun, _, verb = action_id.partition(".")
    return Action(
        id=action_id,
        keys=(key,),
        label=label,
        help=help_text,
        group="Acting",
        call=f"{verb}_{noun}",
        owner="main",
        where=frozenset({pane}),
        acts=True,
        footer=footer_rank,
    )


ACTIONS: tuple[Action, ...] = (
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
    _acting("schedule.toggle", "P", "pause/resume", "Pause the schedule, or resume it", "schedules", 79),
    _acting("schedule.cancel", "X", "cancel", "Cancel the schedule for good", "schedules", 78),
    _acting("queue.purge", "D", "delete jobs", "Delete all waiting jobs of the queue", "queues", 78),
    _acting("process.stop", "K", "stop", "Let the process finish its jobs, then end it", "processes", 79),
    _acting("process.kill", "X", "kill", "Kill the process and all it started", "processes", 78),
    Action(
        id="list.follow",
        keys=("f",),
        label="follow",
        help="Follow the newest line, or stop following",
        group="Looking",
        call="follow",
        owner="main",
        where=frozenset({"events"}),
        footer=77,
    ),
    Action(
        id="list.filter",
        keys=("slash",),
        label="filter",
        help="Show only rows with a text (with ! before it, without)",
        group="Looking",
        call="filter",
        owner="main",
        where=LISTS,
        footer=60,
    ),
    Action(
        id="list.next_match",
        keys=("n",),
        label="next",
        help="Next row that matches the filter's last text",
        group="Looking",
        call="step_match(1)",
        owner="main",
        where=LISTS,
    ),
    Action(
        id="list.previous_match",
        keys=("N",),
        label="previous",
        help="Previous row that matches the filter's last text",
        group="Looking",
        call="step_match(-1)",
        owner="main",
        where=LISTS,
    ),
    Action(
        id="list.next_failure",
        keys=("e",),
        label="failure",
        help="Next failure",
        group="Looking",
        call="step_failure(1)",
        owner="main",
        where=frozenset({"events"}),
        footer=68,
    ),
    Action(
        id="list.previous_failure",
        keys=("E",),
        label="previous failure",
        help="Previous failure",
        group="Looking",
        call="step_failure(-1)",
        owner="main",
        where=frozenset({"events"}),
    ),
    Action(
        id="list.sort",
        keys=("o",),
        label="sort",
        help="Sort by the next column",
        group="Looking",
        call="sort",
        owner="main",
        where=TABLES,
        footer=51,
    ),
    Action(
        id="list.reverse",
        keys=("O",),
        label="reverse",
        help="Turn the order around",
        group="Looking",
        call="reverse",
        owner="main",
        where=TABLES,
    ),
    Action(
        id="list.open",
        keys=("enter",),
        label="open",
        help="Everything about the row; a process shows its output",
        group="Looking",
        call="list_open",
        owner="list",
        where=LISTS,
        footer=65,
        in_palette=False,
    ),
    Action(
        id="copy",
        keys=("y",),
        label="copy",
        help="Copy the record as JSON to the clipboard (OSC 52)",
        group="Looking",
        call="copy",
        owner="app",
        footer=45,
    ),
    Action(
        id="zoom",
        keys=("z",),
        label="zoom",
        help="The pane over the whole screen, and back",
        group="Looking",
        call="zoom",
        owner="main",
        where=LISTS,
        footer=50,
    ),
    *_screens(),
    Action(
        id="pane.next",
        keys=("tab",),
        label="next pane",
        help="Next pane",
        group="Screens",
        call="step_pane(1)",
        owner="main",
        in_palette=False,
    ),
    Action(
        id="pane.previous",
        keys=("shift+tab",),
        label="previous pane",
        help="Previous pane",
        group="Screens",
        call="step_pane(-1)",
        owner="main",
        in_palette=False,
    ),
    Action(
        id="back",
        keys=("escape",),
        label="back",
        help="Back: end the filter, then the zoom; leave a report or a form",
        group="Screens",
        call="go_back",
        owner="app",
        in_palette=False,
        footer=66,
        where=REPORTS,
    ),
    _list("up", ("k", "up"), "up", "Up one row"),
    _list("down", ("j", "down"), "down", "Down one row"),
    _list("page_up", ("pageup", "ctrl+b"), "page up", "Up one page"),
    _list("page_down", ("pagedown", "ctrl+f"), "page down", "Down one page"),
    _list("first", ("g", "home"), "first", "To the first row"),
    _list("last", ("G", "end"), "last", "To the last row; in the log, follow it"),
    Action(
        id="palette",
        keys=("colon", "ctrl+p"),
        label="commands",
        help="Find any action or theme by its name",
        group="Console",
        call="command_palette",
        owner="app",
        footer=90,
        in_palette=False,
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
)

GROUPS = ("Launching", "Acting", "Looking", "Moving", "Screens", "Console")


def bindings(owner: Owner) -> list[BindingType]:
    """The Textual bindings of one owner."""
    return [
        Binding(
            ",".join(action.keys),
            action.call,
            action.label,
            show=False,
            id=action.id,
            tooltip=action.help,
            priority=action.id in ("pane.next", "pane.previous"),
        )
        for action in ACTIONS
        if action.owner == owner
    ]


def find(call: str, parameters: tuple[object, ...] = ()) -> list[Action]:
    """The actions that make this Textual action run."""
    text = f"{call}({', '.join(repr(p) for p in parameters)})" if parameters else call
    return [action for action in ACTIONS if action.call == text]


def footer(place: str) -> list[Action]:
    """What the footer of a pane or screen offers, in order."""
    hidden = "Launching" if place in REPORTS else ""
    return [action for action in ACTIONS if action.footer and action.works_in(place) and action.group != hidden]


def palette(place: str) -> list[Action]:
    """What the palette offers in a pane or screen."""
    return [action for action in ACTIONS if action.in_palette and action.works_in(place)]
