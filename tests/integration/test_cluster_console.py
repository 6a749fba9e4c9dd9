"""What the console is told of a real cluster of three, while nodes of it come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

import pytest

from naq.connection import Connection
from naq.settings import Settings
from naq.topology import stream_configs
from naq_tui.feed import cluster as cluster_watch
from naq_tui.feed.cluster import ClusterWatch
from naq_tui.feed.frame import Frame
from naq_tui.feed.nats import NatsFeed
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import Update
from naq_tui.views.cluster import cluster_alarms
from tests.cluster import NODES, Cluster, cluster, opened, until_current

pytestmark = [pytest.mark.nats, pytest.mark.cluster]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


class Console:
    """A feed, and the state that the console would have by it."""

    def __init__(self, batches: AsyncIterator[tuple[Update, ...]]) -> None:
        self._batches = batches
        self.state = EMPTY

    async def until(self, matches: Callable[[State], bool]) -> State:
        async with asyncio.timeout(90):
            while not matches(self.state):
                self.state = apply(self.state, await anext(self._batches))
        return self.state

    async def until_told(self, text: str) -> None:
        """Wait until there is one alarm about the cluster, and it begins so; none at all where empty."""

        def is_told(state: State) -> bool:
            if state.cluster is None:
                return False
            alarms = [alarm.text for alarm in cluster_alarms(state)]
            return alarms == [] if not text else len(alarms) == 1 and alarms[0].startswith(text)

        await self.until(is_told)


async def test_the_console_is_told_which_node_is_away_and_when_no_majority_is_left(
    nodes: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_watch, "SOUND_S", 2.0)
    mine = Settings(nats_url=nodes.url, prefix=prefix, replicas=3, events_max_bytes=0)
    client = await opened(mine)
    try:
        await until_current(client)
        async with aclosing(NatsFeed(mine).batches()) as batches:  # type: ignore[type-var]
            console = Console(batches)
            await console.until_told("")
            seen = console.state.cluster
            assert seen is not None
            assert seen.here in NODES
            assert {copies.stream for copies in seen.streams} == {c["name"] for c in stream_configs(client.connection)}
            assert {copies.servers for copies in seen.streams} == {NODES}
            others = [node for node in NODES if node != seen.here]
            nodes.kill(others[0])
            await console.until_told(f"{others[0]} is away: start it again before another server is lost")
            nodes.kill(others[1])
            await console.until_told("no leader: start most of n1, n2, n3")
            assert any(alarm.is_severe for alarm in cluster_alarms(console.state))
            nodes.start_all()
            await console.until_told("")
            await until_current(client)
    finally:
        nodes.start_all()
        await client.close()


async def test_another_node_is_named_once_the_console_talks_to_it(nodes: Cluster, prefix: str) -> None:
    """At once: what changes hands is looked at without waiting for the next look."""
    mine = Settings(nats_url=nodes.url, prefix=prefix, replicas=3, events_max_bytes=0)
    client = await opened(mine)
    try:
        await until_current(client)
        async with aclosing(NatsFeed(mine).batches()) as batches:  # type: ignore[type-var]
            console = Console(batches)
            await console.until_told("")
            assert console.state.cluster is not None
            here = console.state.cluster.here
            nodes.kill(here)
            state = await console.until(lambda state: state.cluster is not None and state.cluster.here != here)
            assert state.cluster is not None
            assert state.cluster.here in NODES
            await console.until_told(f"{here} is away")
    finally:
        nodes.start_all()
        await client.close()


async def test_of_a_server_of_its_own_nothing_is_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Connection(settings) as connection:
        asked: list[str] = []

        async def note(verb: str, *_: object, **__: object) -> dict[str, object]:
            asked.append(verb)
            return {}

        monkeypatch.setattr(connection, "api", note)
        frame = Frame()
        watch = ClusterWatch(frame)
        running = asyncio.create_task(watch.run(connection))
        watch.doubt()
        await connection.round_trip()
        assert asked == []
        assert frame.take(1) == ()
        running.cancel()
