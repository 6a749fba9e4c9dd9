"""How far an action on many has come, as a few lines that keep their places while the figures change."""

from __future__ import annotations

from typing import NamedTuple

from naq_tui.format import count
from naq_tui.jsontext import Span
from naq_tui.status import Look
from naq_tui.text import cut, width

HEIGHT, SEARCH_HEIGHT = 6, 4
STATES = {
    "running": Look("▸", ">", "under way", "running"),
    "paused": Look("❚", "=", "paused", "waiting"),
    "stopping": Look("▸", ">", "stopping: some are still under way", "waiting"),
    "stopped": Look("–", "-", "stopped", "waiting"),
    "done": Look("✓", "v", "done", "done"),
    "refused": Look("!", "!", "done, but not to all", "waiting"),
}


class Course(NamedTuple):
    """An action on many, at one moment."""

    state: str
    """A key of `STATES`."""
    whole: int
    done: int
    refused: int
    past: str
    """What was done to those it was done to, in words."""
    problem: str = ""
    """Why the first one was refused, safe; empty is not said here."""

    @property
    def is_over(self) -> bool:
        return self.state in ("stopped", "done", "refused")


class Search(NamedTuple):
    """The way to all that an action is about, at one moment."""

    whole: int
    looked_at: int
    found: int


def search_lines(search: Search, room: int, *, ascii_only: bool = False) -> list[tuple[Span, ...]]:
    """`SEARCH_HEIGHT` lines of at most `room` cells: how far it has come, a bar, and how many are found."""
    head = f"{STATES['running'].mark(ascii_only)} looking"
    of = f"{count(search.looked_at)} of {count(search.whole)}"
    figures = len(count(search.whole))
    return [
        ((head, "running"), (" " * max(2, room - width(head) - len(of)), ""), (of, "strong")),
        bar(Course("running", search.whole, search.looked_at, 0, ""), room, ascii_only=ascii_only),
        (),
        ((f"{count(search.found):>{figures}}", "strong" if search.found else "muted"), ("  found", "")),
    ]


def lines(course: Course, room: int, *, ascii_only: bool = False) -> list[tuple[Span, ...]]:
    """`HEIGHT` lines of at most `room` cells: the state, a bar, and how many are done, refused and left."""
    look = STATES[course.state]
    head = f"{look.mark(ascii_only)} {look.word}"
    of = f"{count(course.done + course.refused)} of {count(course.whole)}"
    left = course.whole - course.done - course.refused
    figures = len(count(course.whole))

    def figure(number: int, words: str, tone: str) -> tuple[Span, ...]:
        shown = tone if number else "muted"
        return ((f"{count(number):>{figures}}", shown), (f"  {words}", "" if number else "muted"))

    refused = figure(course.refused, "refused", "failed")
    if course.problem and course.refused:
        refused += ((cut(f"   {course.problem}", room - figures - 9), "muted"),)
    return [
        ((head, look.tone), (" " * max(2, room - width(head) - len(of)), ""), (of, "strong")),
        bar(course, room, ascii_only=ascii_only),
        (),
        figure(course.done, course.past, "done"),
        refused,
        figure(left, "not begun" if course.is_over else "to come", "waiting" if course.is_over else "strong"),
    ]


def bar(course: Course, room: int, *, ascii_only: bool = False) -> tuple[Span, ...]:
    """What is done, what was refused and what is left, by length; told apart without colours, too."""
    full, other, rest = "#x." if ascii_only else "█▓░"
    past = course.done + course.refused
    filled = room * past // course.whole
    # the least refusal is seen, as long as there is a cell for what was done as well
    refused = min(filled - bool(course.done), -(-filled * course.refused // past)) if past else 0
    refused = max(0, refused)
    return (
        (full * (filled - refused), "done"),
        (other * refused, "failed"),
        (rest * (room - filled), "faint"),
    )
