"""Keys of the screen with a process's output."""

from __future__ import annotations

from naq_tui.keys.action import Action


def _output(name: str, key: str, label: str, help_text: str, call: str, footer: int = 0) -> Action:
    return Action(
        id=f"output.{name}",
        keys=(key,),
        label=label,
        help=help_text,
        group="Looking",
        call=call,
        owner="output",
        where=frozenset({"output"}),
        footer=footer,
    )


OUTPUT: tuple[Action, ...] = (
    _output("search", "slash", "search", "Search the output, the newest line first", "search_output", 80),
    _output("next", "n", "next", "Next line that matches the search", "step_output(1)", 58),
    _output("previous", "N", "previous", "Previous line that matches the search", "step_output(-1)"),
    _output("error", "e", "error", "First error, then the next one", "step_error(1)", 79),
    _output("previous_error", "E", "previous error", "Previous error", "step_error(-1)"),
    _output("follow", "f", "follow", "Follow the newest line of the output, or stop", "follow_output", 77),
    _output("wrap", "l", "wrap", "Wrap long lines, or cut them", "wrap_output", 57),
    _output("details", "i", "details", "Everything about the process", "process_details", 59),
)
