"""What a job waits for and what waits for it: jobs, the edges between them, and what of them is shown. Pure.

Whoever enqueues may name any parents: the edges can be many, meet again, and, written by others, run in circles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

from naq.models.event import StoredEvent
from naq_tui.store.rows import function_name
from naq_tui.store.state import State

DEEPEST = 4
"""Generations that are read and shown in each direction."""
MOST = 40
"""Jobs that are read and shown in each direction."""
_Edges = Mapping[str, tuple[str, ...]]


NONE_KNOWN: _Edges = {}


class Relative(NamedTuple):
    """A job that another one waits for, or that waits for another one."""

    job_id: str
    status: str
    """Empty where nothing is known of it."""
    function: str


@dataclass(frozen=True, slots=True)
class Kin:
    """The jobs before and behind one."""

    job_id: str
    parents: _Edges = field(default_factory=dict)
    """Of each job whose parents are known, in the order in which it names them."""
    children: _Edges = field(default_factory=dict)
    """Of each job that others were enqueued behind, oldest first."""
    jobs: Mapping[str, Relative] = field(default_factory=dict)
    """How they stand, as far as that has been read."""
    looked_to: datetime | None = None
    """What was enqueued from then on was not looked at for children; None where all of the log was."""
    is_reading: bool = True
    seen: int = 0
    """The last event that was there when it was begun to be read, or was looked at since."""
    came_late: bool = False
    """Whether it had no children when all of it had been read."""

    def followed(self, state: State) -> Kin:
        """With the children that the newest events of the state tell of, as many as are shown."""
        fresh = [row.raw for row in takewhile(lambda row: row.seq > self.seen, reversed(state.events))]
        if not fresh:
            return self
        found, looked_to = Descendants(self.job_id, self.children), self.looked_to
        for stored in reversed(fresh):
            if found.is_full:
                looked_to = looked_to or stored.stored_at
                break
            found.take(stored)
        if not found.found and looked_to is self.looked_to:
            return replace(self, seen=fresh[0].seq)
        jobs = dict(self.jobs)
        for name, stored in found.found.items():
            function = stored.event.function if stored.event is not None else ""
            jobs[name] = Relative(name, "PENDING", function_name(function or ""))
        return replace(
            self,
            children={name: tuple(children) for name, children in found.children.items()},
            jobs=jobs,
            looked_to=looked_to,
            seen=fresh[0].seq,
            came_late=self.came_late or not (self.children or self.is_reading),
        )

    def read_anew(self, before: Kin) -> Kin:
        """This, read later than `before`, with the children that were known by then."""
        children = dict(self.children)
        for name, known in before.children.items():
            children[name] = tuple(dict.fromkeys((*children.get(name, ()), *known)))
        jobs = {**before.jobs, **self.jobs}
        return replace(self, children=children, jobs=jobs, came_late=before.came_late or not before.children)

    def direct(self) -> tuple[Relative, ...]:
        """Its own parents, as far as they have been read."""
        return tuple(self.jobs[name] for name in self.parents.get(self.job_id, ()) if name in self.jobs)


class Branch(NamedTuple):
    """One line of a tree."""

    depth: int
    """0 for a parent or child of the job itself."""
    job_id: str
    """Empty where it tells how many are left out."""
    left_out: int = 0
    is_again: bool = False
    """Whether it stands above already, with all that is behind it."""


def tree(edges: _Edges, root: str, most: int = MOST) -> list[Branch]:
    """The jobs that edges lead to from `root`, each once with what is behind it; at most `most` and `DEEPEST` deep."""
    shown = {root}
    lines: list[Branch] = []

    def walk(job_id: str, depth: int) -> None:
        behind = edges.get(job_id, ())
        for place, name in enumerate(behind):
            if depth == DEEPEST or len(shown) > most:
                lines.append(Branch(depth, "", left_out=len(behind) - place))
                return
            is_again = name in shown
            lines.append(Branch(depth, name, is_again=is_again))
            if not is_again:
                shown.add(name)
                walk(name, depth + 1)

    walk(root, 0)
    return lines


class Descendants:
    """Picks from ENQUEUED events, given in order, those of jobs that wait for one or for those that wait for it."""

    def __init__(self, job_id: str, known: _Edges = NONE_KNOWN) -> None:
        """`known` are the children that have been found before."""
        self.children = {name: list(children) for name, children in known.items()}
        self.found: dict[str, StoredEvent] = {}
        """The ENQUEUED event of each that is found now, oldest first."""
        self._depths = {job_id: 0}
        ahead = deque([job_id])
        while ahead:
            name = ahead.popleft()
            for child in known.get(name, ()):
                if child not in self._depths:
                    self._depths[child] = self._depths[name] + 1
                    ahead.append(child)
        self._known = frozenset(self._depths)

    @property
    def is_full(self) -> bool:
        """Whether there are more than are ever shown."""
        return len(self._known) + len(self.found) > 2 * MOST

    def take(self, stored: StoredEvent) -> bool:
        """Whether an event is one of them."""
        event = stored.event
        if event is None or event.type != "ENQUEUED" or not event.job_id:
            return False
        named = (event.details or {}).get("depends_on")
        if event.job_id in self.found or not isinstance(named, list):
            return False
        mine = [name for name in dict.fromkeys(_texts(named)) if self._depths.get(name, DEEPEST + 1) <= DEEPEST]
        if not mine or event.job_id in self._depths:
            return False
        for name in mine:
            self.children.setdefault(name, []).append(event.job_id)
        depth = min(self._depths[name] for name in mine) + 1
        if depth <= DEEPEST:  # those behind the last that are shown are counted
            self._depths[event.job_id] = depth
        self.found[event.job_id] = stored
        return True


def parents_named(record: object) -> tuple[str, ...]:
    """The jobs that a job's own record, or the details of its ENQUEUED event, say that it waits for."""
    names = record.get("depends_on") if isinstance(record, Mapping) else None
    return tuple(dict.fromkeys(_texts(names))) if isinstance(names, list) else ()


def _texts(names: list[object]) -> Iterator[str]:
    return (name for name in names if isinstance(name, str) and name)
