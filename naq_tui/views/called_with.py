"""What a job was called with, as something a filter can look into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from naq_tui import masking
from naq_tui.jsontext import TAG, hidden, one_line
from naq_tui.store.identity import Same
from naq_tui.store.rows import told
from naq_tui.text import safe

MOST = 400
"""Values of one job that are looked at; those beyond are not found."""
DEEPEST = 12
LONGEST = 2_000
"""Characters of one value that are looked at."""


class Argument(NamedTuple):
    """One value that is no container. All in folded case."""

    path: tuple[str, ...]
    """`("user", "id")` of a keyword argument, `("0", "to")` within the first positional one."""
    text: str


@lru_cache(maxsize=8_192)
def arguments(call: Same[Mapping[str, Any]]) -> tuple[Argument, ...]:
    """All arguments of a job's own record, positional ones by their number; what is secret is hidden."""
    args, kwargs = call.value.get("args"), call.value.get("kwargs")
    found: list[Argument] = []
    for container in (args, kwargs):
        for argument in _within((), container, 0):
            if len(found) >= MOST:
                return tuple(found)
            found.append(argument)
    return tuple(found)


def _within(path: tuple[str, ...], value: Any, depth: int) -> Iterator[Argument]:
    if depth < DEEPEST and isinstance(value, Mapping) and TAG not in value:
        for key, item in value.items():
            within = (*path, safe(key, 100).casefold())
            if hidden(key, item):
                yield Argument(within, masking.MASK)
            else:
                yield from _within(within, item, depth + 1)
    elif depth < DEEPEST and isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _within((*path, str(place)), item, depth + 1)
    elif path:
        text = told(value, LONGEST) if isinstance(value, str) else one_line(value, LONGEST)
        yield Argument(path, text.casefold())


def is_at(path: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether a value lies at or within the wanted path; in a list the number may be left out."""
    place = 0
    for part in path:
        if place == len(wanted):
            return True
        if part == wanted[place]:
            place += 1
        elif not part.isdecimal():
            return False
    return place == len(wanted)


def known(calls: Iterable[Sequence[Argument]], field: str) -> set[str]:
    """What can be suggested: of `arg.` the places there are, numbers left out; of `arg.user.id` the values there."""
    if field.endswith("."):
        paths = {tuple(part for part in argument.path if not part.isdecimal()) for call in calls for argument in call}
        return {".".join(path) for path in paths if path}
    path = tuple(field.split(".")[1:])
    return {argument.text for call in calls for argument in call if path and is_at(argument.path, path)}
