"""The state at an instant, from the log alone: what the live console would have shown, `?` where no event tells."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.doctor.fold import Fold
from naq.models.event import JobEvent, StoredEvent
from naq.models.result import JobResult
from naq_tui.feed import replay as reading
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.replay import Replayer
from naq_tui.feed.sample import T0, job_events
from naq_tui.store.fold import apply
from naq_tui.store.replay import Replay
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import EventsAppended, ResultsChanged
from naq_tui.views.judging import worker_status
from naq_tui.views.table import Lens
from tests.unit.histories import BEGIN, Plan, event, history, plans, stored, stored_as


def live_at(events: Sequence[StoredEvent]) -> State:
    """What the live console shows once these have come."""
    return apply(EMPTY, [EventsAppended(tuple(events))])


def running(state: State) -> dict[str, int]:
    """Sequence of its STARTED, by job."""
    return {job_id: row.seq for job_id, row in state.running.items()}


def pictured(events: Sequence[StoredEvent], *, sliced: int = 7) -> State:
    replay = Replay(events[0].seq if events else 1)
    for at in range(0, len(events), sliced):
        replay.feed(events[at : at + sliced])
    return replay.picture(events[-1].stored_at if events else BEGIN, live_at(events))


@given(st.lists(plans, min_size=1, max_size=6), st.randoms(use_true_random=False), st.data())
def test_any_prefix_is_what_the_live_fold_showed_then(
    of: list[Plan], order: random.Random, data: st.DataObject
) -> None:
    events = stored(history(of, order))
    prefix = events[: data.draw(st.integers(0, len(events)))]
    past, live = pictured(prefix, sliced=data.draw(st.integers(1, 9))), live_at(prefix)
    assert past.jobs == live.jobs
    assert running(past) == running(live)
    assert past.failures == live.failures
    assert past.traffic == live.traffic
    assert [row.seq for row in past.events] == [row.seq for row in live.events]
    assert past.last_seq == len(prefix)


@given(st.lists(plans, min_size=1, max_size=6), st.randoms(use_true_random=False), st.data())
def test_queues_and_workers_agree_with_the_fold_of_the_doctor(
    of: list[Plan], order: random.Random, data: st.DataObject
) -> None:
    events = stored(history(of, order))
    prefix = events[: data.draw(st.integers(1, len(events)))]
    past, told = pictured(prefix), Fold()
    for one in prefix:
        told.feed(one)
    waiting = held = 0
    for job in told.jobs.values():
        if (job.status == "RETRY" and job.is_manual) or (job.status == "PENDING" and not job.waits):
            waiting += 1
        elif job.status in ("RUNNING", "RETRY") and not job.is_given_up:
            held += 1
    queue = next(iter(past.queues), None)
    assert ((queue.stats.waiting, queue.stats.running) if queue is not None else (0, 0)) == (waiting, held)
    up = {name for name, worker in told.workers.items() if worker.status == "started"}
    lost = {name for name, worker in told.workers.items() if worker.status == "lost"}
    lens = Lens(prefix[-1].stored_at, T0)
    shown = Counter(worker_status(row, lens) == "DEAD" for row in past.workers.values())
    assert set(past.workers) == up | lost
    assert shown[True] == len(lost)


def test_the_newest_instant_of_the_sample_is_its_live_picture() -> None:
    events = job_events()
    past, live = pictured(events), live_at(events)
    assert (past.jobs, running(past), past.traffic) == (live.jobs, running(live), live.traffic)
    held = Counter(row.queue for row in live.jobs.values() if row.status in ("RUNNING", "RETRY"))
    waiting = Counter(row.queue for row in live.jobs.values() if row.status == "PENDING")
    assert {row.name: (row.stats.waiting, row.stats.running) for row in past.queues} == {
        name: (waiting[name], held[name]) for name in {row.queue for row in live.jobs.values()}
    }


UP = event("WORKER_STARTED", worker_id="w1", details={"host": "web-1", "pid": 7, "queues": ["q"], "concurrency": 3})
RUN = {"job_id": "j", "queue": "q", "function": "shop:send", "worker_id": "w1", "attempt": 1}


def test_a_worker_is_told_with_what_it_runs_and_what_it_did() -> None:
    events = stored(
        [UP, event("STARTED", **RUN), event("COMPLETED", **RUN), event("STARTED", **{**RUN, "job_id": "k"})]
    )
    row = pictured(events).workers["w1"]
    assert (row.name, row.status, row.queues) == ("web-1/w1", "BUSY", "q")
    assert (row.record.concurrency, row.record.completed) == (3, 1)
    assert [job.job_id for job in row.record.running] == ["k"]
    assert row.record.started_at == events[0].stored_at
    assert row.untold == {"beat", "cpu", "memory"}


def test_a_lost_worker_keeps_what_it_ran_until_it_is_forgotten() -> None:
    told = {"running": ["j", "unheard"], "beat_at": "2026-01-01T00:00:02Z"}
    events = stored([UP, event("STARTED", **RUN), event("WORKER_LOST", worker_id="w1", details=told)])
    row = pictured(events).workers["w1"]
    assert worker_status(row, Lens(events[-1].stored_at, T0)) == "DEAD"
    assert [(job.job_id, job.function) for job in row.record.running] == [("j", "shop:send"), ("unheard", "")]
    assert row.record.beat_at == BEGIN + timedelta(seconds=2)
    forgotten = event("OPERATOR_ACTION", worker_id="w1", details={"action": "forget_worker"})
    assert pictured([*events, stored_as(4, forgotten)]).workers == {}
    day_after = stored_as(4, event("ENQUEUED", job_id="x", queue="q"))
    replay = Replay(1)
    replay.feed([*events, day_after])
    assert replay.picture(BEGIN + timedelta(days=2), EMPTY).workers == {}


def test_a_worker_from_before_what_was_read_is_told_as_far_as_it_is_known() -> None:
    row = pictured(stored([event("STARTED", **RUN)], first_seq=500)).workers["w1"]
    assert (row.status, row.queues, row.record.concurrency) == ("BUSY", "q", 0)
    assert {"done", "up", "pid", "version"} <= row.untold
    replay = Replay(500)
    replay.begin(stored([UP]))
    replay.feed(stored([event("STARTED", **RUN)], first_seq=500))
    known = replay.picture(BEGIN, EMPTY).workers["w1"]
    assert (known.name, known.record.concurrency, known.untold) == ("web-1/w1", 3, {"beat", "cpu", "memory"})


def test_only_the_leader_of_the_moment_leads() -> None:
    up = [event("WORKER_STARTED", worker_id=name, details={"kind": "scheduler"}) for name in ("s1", "s2")]
    led = [event("LEADER_ELECTED", worker_id="s1"), event("LEADER_ELECTED", worker_id="s2")]
    workers = pictured(stored([*up, *led])).workers
    assert [(row.worker_id, row.record.leader, row.is_scheduler) for row in workers.values()] == [
        ("s1", False, True),
        ("s2", True, True),
    ]


NIGHTLY = {"schedule_id": "nightly", "queue": "q", "function": "shop:build"}


def test_missed_runs_that_two_leaders_tell_are_counted_once() -> None:
    """The first one died before it saved what it told; what the second one tells is more, or the same."""
    made = event("SCHEDULED", **NIGHTLY, details={"cron": "0 1 * * *", "timezone": "UTC"})

    def missed(due: str, runs: int) -> JobEvent:
        return event("SCHEDULE_MISFIRED", **NIGHTLY, details={"due": due, "missed": runs, "made_up": 0})

    def counted(*events: JobEvent) -> int:
        return pictured(stored([made, *events])).schedules["nightly"].record.misfire_count

    first, second = "2026-01-02T01:00:00.000000Z", "2026-01-04T01:00:00.000000Z"
    assert counted(missed(first, 2)) == 2
    assert counted(missed(first, 2), missed(first, 2)) == 2
    assert counted(missed(first, 2), missed(first, 5)) == 5
    assert counted(missed(first, 2), missed(second, 2)) == 4


def test_a_schedule_is_told_by_its_events() -> None:
    made = event("SCHEDULED", **NIGHTLY, to_status="ACTIVE", details={"interval_s": 60, "repeat": 3})
    fired = event("SCHEDULE_TRIGGERED", **NIGHTLY, job_id="n.1", details={"due": "2026-01-01T00:01:00Z"})
    by_hand = event("SCHEDULE_TRIGGERED", **NIGHTLY, job_id="n.2", details={"manual": True})
    paused = event("SCHEDULE_PAUSED", **NIGHTLY, to_status="PAUSED", details={"interval_s": 60, "repeat": 3})
    row = pictured(stored([made, fired, by_hand])).schedules["nightly"]
    assert (row.status, row.spec, row.record.run_count) == ("ACTIVE", "every minute", 1)
    assert row.record.next_run_at == BEGIN + timedelta(seconds=120)
    assert pictured(stored([made, fired, paused])).schedules["nightly"].status == "PAUSED"
    assert pictured(stored([made, fired, fired, fired])).schedules["nightly"].status == "COMPLETED"
    unknown = pictured(stored([fired], first_seq=9)).schedules["nightly"]
    assert {"spec", "next", "runs", "failed"} <= unknown.untold


def test_a_cron_text_is_read_in_its_own_zone() -> None:
    details = {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "next_run_at": "2026-01-02T01:00:00Z"}
    made = event("SCHEDULED", **NIGHTLY, to_status="ACTIVE", details=details)
    fired = event("SCHEDULE_TRIGGERED", **NIGHTLY, job_id="n.1", details={"due": "2026-01-02T01:00:00Z"})
    assert pictured(stored([made])).schedules["nightly"].record.next_run_at == BEGIN + timedelta(hours=25)
    row = pictured(stored([made, fired])).schedules["nightly"]
    assert row.record.next_run_at == BEGIN + timedelta(hours=49)
    assert "Berlin" in row.spec


def test_a_job_for_later_waits_in_the_list_until_it_is_fired() -> None:
    once = {"schedule_id": "j", "job_id": "j", "queue": "q", "function": "shop:send"}
    due = {"next_run_at": "2026-01-01T01:00:00Z"}
    events = stored([event("SCHEDULED", **once, to_status="ACTIVE", details=due)])
    job = pictured(events).jobs["j"]
    assert (job.status, job.retry_at) == ("SCHEDULED", BEGIN + timedelta(hours=1))
    fired = stored_as(2, event("SCHEDULE_TRIGGERED", **once, details={"due": due["next_run_at"]}))
    assert pictured([*events, fired]).schedules == {}


def test_a_queue_is_paused_as_long_as_the_log_says() -> None:
    paused = [event("QUEUE_PAUSED", queue="q", reason="deploy"), event("QUEUE_RESUMED", queue="q")]
    (row,) = pictured(stored(paused[:1])).queues
    assert (row.stats.is_paused, row.stats.paused_reason) == (True, "deploy")
    (row,) = pictured(stored(paused)).queues
    assert not row.stats.is_paused
    assert row.untold == {"redelivered", "pulls"}


def test_a_value_is_shown_where_it_was_stored_by_then_and_is_kept_still() -> None:
    ends = [event("COMPLETED", **{**RUN, "job_id": name}) for name in ("kept", "gone", "again")]
    events = stored(ends)
    at = events[-1].stored_at
    kept = (
        JobResult(job_id="kept", status="COMPLETED", value=42, saved_at=BEGIN),
        JobResult(job_id="again", status="COMPLETED", value=43, saved_at=at + timedelta(seconds=1)),
    )
    replay = Replay(1)
    replay.feed(events)
    results = replay.picture(at, apply(EMPTY, [ResultsChanged(kept, total=2)])).results
    assert {name: row.text for name, row in results.items()} == {"kept": "42", "gone": "?", "again": "?"}
    deleted = event("OPERATOR_ACTION", job_id="kept", details={"action": "delete"})
    replay.feed([stored_as(4, deleted), stored_as(5, event("STARTED", **{**RUN, "job_id": "gone"}))])
    assert list(replay.picture(at, EMPTY).results) == ["again"]


HOSTILE = ({}, {"host": 3, "pid": 1e99, "queues": "q", "concurrency": "x", "repeat": 2**70, "interval_s": 1e300}, None)


@pytest.mark.parametrize("details", HOSTILE)
def test_nothing_that_an_event_holds_stops_it(details: dict[str, object] | None) -> None:
    kinds = ("WORKER_STARTED", "WORKER_LOST", "LEADER_ELECTED", "SCHEDULED", "SCHEDULE_TRIGGERED", "SCHEDULE_MODIFIED")
    about = {"worker_id": "\x1b[2J", "schedule_id": "\x1b]0;", "job_id": "j\x00", "queue": "q" * 5_000}
    events = [stored_as(n, event(kind, **about, details=details)) for n, kind in enumerate(kinds, 1)]
    events.append(StoredEvent.from_stream(7, BEGIN, "naq.events.x", b"\xff nonsense"))
    state = pictured(events)
    assert state.unreadable_events == 1
    shown = " ".join((*(row.name for row in state.workers.values()), *(row.name for row in state.schedules.values())))
    assert "\x1b" not in shown


# reading it


async def breathe() -> None:
    await asyncio.sleep(0)


def replayer(feed: FakeFeed, monkeypatch: pytest.MonkeyPatch) -> tuple[Replayer, list[float]]:
    """One that reads in pieces small enough to need many."""
    monkeypatch.setattr(reading, "PAGE", 40)
    monkeypatch.setattr(reading, "SLICE", 16)
    monkeypatch.setattr(reading, "HORIZON", 300)
    shares: list[float] = []
    return Replayer(feed, breathe, shares.append), shares


async def sample() -> tuple[FakeFeed, tuple[StoredEvent, ...]]:
    feed = FakeFeed(first_batch())
    async for _ in feed.batches():
        break
    return feed, job_events()


async def test_any_instant_is_the_fold_of_what_was_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, events = await sample()
    first, last = events[0].seq, events[-1].seq
    going, shares = replayer(feed, monkeypatch)
    order = random.Random(3)
    for seq in (last, first, *(order.randint(first, last) for _ in range(20)), last - 1, last):
        replay = await going.to(seq, first)
        past = replay.picture(T0, EMPTY)
        live = live_at([one for one in events if replay.from_seq <= one.seq <= seq])
        assert (past.last_seq, past.jobs, running(past)) == (seq, live.jobs, running(live))
    assert all(0 < share <= 1 for share in shares)


async def test_a_step_back_reads_a_page_and_not_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, events = await sample()
    last = events[-1].seq
    going, _ = replayer(feed, monkeypatch)
    await going.to(last, events[0].seq)
    feed.reads.clear()
    for seq in range(last - 1, last - 60, -1):
        await going.to(seq, events[0].seq)
    assert max(count for _, count in feed.reads) <= 40
    assert len(feed.reads) <= 2 * 59


async def test_what_is_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, events = await sample()
    last = events[-1].seq
    going, _ = replayer(feed, monkeypatch)
    replay = await going.to(last, 1)
    assert replay.from_seq == last - 299
    assert sum(count for _, count in feed.reads) == 300


async def test_a_reading_given_up_leaves_what_was_read_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, events = await sample()
    first, last = events[0].seq, events[-1].seq
    going, shares = replayer(feed, monkeypatch)
    under_way = asyncio.create_task(going.to(last, first))
    while not shares or shares[-1] < 0.5:  # noqa: ASYNC110
        await asyncio.sleep(0)
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    feed.reads.clear()
    replay = await going.to(last, first)
    assert replay.picture(T0, EMPTY).jobs == live_at([one for one in events if one.seq >= replay.from_seq]).jobs
    assert feed.reads[0][0] > replay.from_seq, "what was folded is not read again"
