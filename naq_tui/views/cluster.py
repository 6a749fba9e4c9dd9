"""The cluster behind the streams: which server is talked to, who leads, and what is wrong with its copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from naq.models.copies import Copies
from naq_tui.format import count, plural
from naq_tui.store.state import State
from naq_tui.views.table import Cell


class Alarm(NamedTuple):
    text: str
    key: str
    """The digit of the screen that shows it; empty where none does."""
    is_severe: bool
    """Whether something is broken, and not only waiting."""


def cluster_cells(state: State) -> list[Cell]:
    """For the line of truth: the server talked to, and how many of the copies of all streams are current."""
    seen = state.cluster
    if seen is None or not seen.here:
        return []
    cells = [Cell(f"on {seen.here}", "muted")]
    led = [copies for copies in seen.streams if copies.is_led]
    if led and len(led[0].servers) > 1:
        worst = min(led, key=lambda copies: len(copies.servers) - len(copies.away) - len(copies.late))
        whole = len(worst.servers)
        current = whole - len(worst.away) - len(worst.late)
        cells.append(Cell(f" {current}/{whole} copies", "muted" if current == whole else "waiting"))
    return cells


def cluster_alarms(state: State) -> list[Alarm]:
    """What keeps jobs from being stored, then what the next loss would."""
    seen = state.cluster
    if seen is None or not state.is_live:
        return []
    known = [copies for copies in seen.streams if not copies.error]
    leaderless = [copies for copies in known if not copies.is_led]
    if leaderless:
        kept_on = sorted({server for copies in leaderless for server in copies.servers})
        return [Alarm(f"no leader: start most of {_list(kept_on)} ({_few(leaderless)})", "", True)]
    unknown = [copies for copies in seen.streams if copies.error and "not found" not in copies.error]
    if unknown:
        return [
            Alarm(f"the cluster does not answer for {_few(unknown)}: it may be electing, or servers are down", "", True)
        ]
    away = sorted({server for copies in known for server in copies.away})
    late = [copies for copies in known if copies.late]
    found = []
    if away:
        verb = "is" if len(away) == 1 else "are"
        found.append(Alarm(f"{_list(away)} {verb} away: start it again before another server is lost", "", False))
    if late:
        behind = max((copy for copies in late for copy in copies.late), key=lambda copy: copy.behind)
        of = f", {count(behind.behind)} behind" if behind.behind else ""
        text = f"{behind.server} is catching up{of}: stop no other server before it has"
        found.append(Alarm(text, "", False))
    return found


def _few(found: Sequence[Copies]) -> str:
    more = f" and {plural(len(found) - 1, 'more stream')}" if len(found) > 1 else ""
    return f"{found[0].stream}{more}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
