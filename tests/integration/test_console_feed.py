"""What the feed tells of its connection, and of a reader that fails."""

from __future__ import annotations

import pytest

from naq.client import AsyncClient
from naq.connection import Connection, LinkState
from naq.errors import NaqConnectionError
from naq.examples import tasks
from naq.settings import Settings
from naq_tui.feed import nats as feed_nats
from tests.integration.following import Console

pytestmark = pytest.mark.nats


async def test_a_line_on_which_a_round_trip_takes_too_long_is_followed_all_the_same(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_: Connection) -> float:
        raise NaqConnectionError("local does not answer")

    monkeypatch.setattr(Connection, "round_trip", slow)
    await client.enqueue(tasks.add, 1, 2)
    console = Console(settings)
    async with console.running():
        state = await console.shows(lambda state: state.is_live and state.events and state.queues)
        assert state.link.rtt_ms is None


async def test_a_link_that_is_lost_while_it_is_looked_at_is_not_told_as_live(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(settings)
    feed = console.feed

    async def loses_it() -> None:
        feed._client.connection._set_state(LinkState.LOST)

    monkeypatch.setattr(feed, "_look_at_permissions", loses_it)
    async with console.running():
        await console.shows(lambda state: "workers" in state.loaded)
        assert console.state.link.state == "lost"
        feed._client.connection._set_state(LinkState.LIVE)
        await console.shows(lambda state: state.is_live)


async def test_a_mistake_in_one_reader_is_told_and_the_others_go_on(
    client: AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_nats, "FORBIDDEN_RETRY_S", 0.05)
    console = Console(settings)
    feed = console.feed
    watch = feed._watch_workers

    async def mistaken() -> None:
        if not console.state.link.message:
            raise ValueError("no such kind")
        await watch()

    monkeypatch.setattr(feed, "_watch_workers", mistaken)
    async with console.running():
        state = await console.shows(lambda state: state.link.message)
        assert state.link.message == "reading begins anew after ValueError: no such kind"
        await client.enqueue(tasks.add, 1, 2)
        await console.shows(lambda state: state.is_live and state.events)
        await console.shows(lambda state: "workers" in state.loaded)
