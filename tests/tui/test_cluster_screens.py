"""A cluster in the console: sound, with a server away, catching up, and without a majority."""

from __future__ import annotations

from typing import Any

import pytest

from naq.models.copies import Copies, Copy
from naq_tui.feed.fake import first_batch
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import ClusterSeen
from naq_tui.views.alarm import alarms
from naq_tui.views.cluster import cluster_alarms
from naq_tui.views.table import Lens
from tests.tui.conftest import after, fake_console

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
STREAMS = ("naq_jobs", "naq_events", "KV_naq_workers", "KV_naq_results")


def seen(third: Copy, leader: str | None = "n1", error: str = "") -> ClusterSeen:
    others = (Copy("n2", True, False, 0), third)
    if leader is None:
        others = (Copy("n1", True, False, 0), *others)
    return ClusterSeen("n2", tuple(Copies(stream, leader, () if error else others, error) for stream in STREAMS))


SOUND = seen(Copy("n3", True, False, 0))
AWAY = seen(Copy("n3", False, True, 12))
LATE = seen(Copy("n3", False, False, 1204))
NO_MAJORITY = seen(Copy("n3", False, True, 0), leader=None)


@BOTH
def test_sound(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console((*first_batch(), SOUND)), terminal_size=size, run_before=after())


@BOTH
def test_catching_up(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console((*first_batch(), LATE)), terminal_size=size, run_before=after("4"))


@BOTH
def test_no_majority(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console((*first_batch(), NO_MAJORITY)), terminal_size=size, run_before=after())


def text_of(update: ClusterSeen) -> list[tuple[str, bool]]:
    state = apply(EMPTY, [*first_batch(), update])
    return [(alarm.text, alarm.is_severe) for alarm in cluster_alarms(state)]


def test_what_is_said_of_a_cluster() -> None:
    assert text_of(SOUND) == []
    assert text_of(AWAY) == [("n3 is away: start it again before another server is lost", False)]
    assert text_of(LATE) == [("n3 is catching up, 1,204 behind: stop no other server before it has", False)]
    assert text_of(NO_MAJORITY) == [("no leader: start most of n1, n2, n3 (naq_jobs and 3 more streams)", True)]
    ((text, is_severe),) = text_of(seen(Copy("n3", True, False, 0), error="no answer"))
    assert is_severe
    assert text.startswith("the cluster does not answer for naq_jobs and 3 more streams")


def test_the_loss_of_the_majority_is_the_worst_there_is() -> None:
    state = apply(EMPTY, [*first_batch(), NO_MAJORITY])
    link = state.link
    assert link.at is not None or link.state == "live"
    now = state.events[-1].at
    assert alarms(state, Lens(now, now))[0].text.startswith("no leader: start most of")


def test_names_of_servers_are_made_inert() -> None:
    state = apply(
        EMPTY, [ClusterSeen("\x1b[31mn2", (Copies("s", "\x1b]0;x\x07", (Copy("\x1b[2J", True, False, 0),)),))]
    )
    assert state.cluster is not None
    assert "\x1b" not in repr(state.cluster)
    assert "\x1b" not in state.cluster.here + "".join(state.cluster.streams[0].servers)
