"""What a cluster says of a stream: who leads it, which copies have caught up, which servers are away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from naq import codec

NANOSECONDS = 1_000_000_000
SILENT_S = 5.0
"""A copy answers its leader every second."""


class Copy(NamedTuple):
    """One server's copy of a stream, other than its leader's."""

    server: str
    is_current: bool
    """Whether it holds all that is stored."""
    is_away: bool
    """Whether its server is down, or not heard of."""
    behind: int
    """Operations that it has to catch up with, as far as the leader tells."""


class Copies(NamedTuple):
    """One stream and its copies."""

    stream: str
    leader: str | None
    """The server that takes its writes; None while there is none: nothing is stored in it then, or handed out."""
    others: tuple[Copy, ...]
    """Without a leader those of all servers, as the answering one last knew them."""
    error: str = ""
    """Why nothing is known of it, one line; empty where something is."""

    @property
    def is_led(self) -> bool:
        return self.leader is not None

    @property
    def servers(self) -> tuple[str, ...]:
        """All that keep a copy, in order of name."""
        return tuple(sorted({*(copy.server for copy in self.others), *([self.leader] if self.leader else ())}))

    @property
    def late(self) -> tuple[Copy, ...]:
        """Copies that don't hold everything; what one says that knows no leader tells nothing of them."""
        return tuple(copy for copy in self.others if self.is_led and not copy.is_current and not copy.is_away)

    @property
    def away(self) -> tuple[str, ...]:
        """Servers of copies that are not there; only a leader can tell."""
        return tuple(copy.server for copy in self.others if self.is_led and copy.is_away)


def copies_of(stream: str, answer: Mapping[str, Any]) -> Copies | None:
    """What the answer to STREAM.INFO says; None of a stream that is in no cluster."""
    cluster = answer.get("cluster")
    if not isinstance(cluster, dict) or not codec.text(cluster, "name", ""):
        return None
    replicas = cluster.get("replicas")
    others = [_copy_of(each) for each in (replicas if isinstance(replicas, list) else []) if isinstance(each, dict)]
    return Copies(stream, codec.text(cluster, "leader", "") or None, tuple(others))


def _copy_of(replica: Mapping[str, Any]) -> Copy:
    is_current = replica.get("current") is True
    heard_s = codec.number(replica, "active", 0) / NANOSECONDS
    # a server that was killed counts as offline only much later; its leader has not heard of it, or never did (0)
    is_silent = not is_current and not 0 < heard_s < SILENT_S
    return Copy(
        codec.text(replica, "name", "?"),
        is_current,
        replica.get("offline") is True or is_silent,
        int(codec.number(replica, "lag", 0)),
    )
