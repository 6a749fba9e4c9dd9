"""The fold: what each update does to the state."""

from __future__ import annotations

from datetime import timedelta

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq.models.result import JobResult
from naq.models.worker import WorkerRecord
from naq_tui.feed.sample import T0, first_batch, job_events, link, stored
from naq_tui.store import state as limits
from naq_tui.store.fold import apply
from naq_tui.store.series import PER_SECOND, Series
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import (
    EventsAppended,
    EventsRange,
    Malformed,
    ResultsChanged,
    SchedulesChanged,
    WorkersChanged,
)

SECOND = int(T0.timestamp())


def event(seq: int, kind: str, *, job: str = "j", queue: str = "mail", at_s: float = 0.0) -> StoredEvent:
    return stored(seq, T0 + timedelta(seconds=at_s), JobEvent(type=kind, job_id=job, queue=queue, function="a:f"))


def test_a_series_counts_by_second_and_forgets_the_old() -> None:
    series = Series(values=(0,) * 5).add({100: 2, 103: 1})
    assert series.window(103, 5) == (0, 2, 0, 0, 1)
    assert series.add({110: 4}).window(110, 3) == (0, 0, 4)
    assert series.add({90: 9}) == series, "older than the ring"
    assert series.window(107, 5) == (1, 0, 0, 0, 0)


def test_buckets_stay_where_they_are_while_time_passes() -> None:
    series = PER_SECOND.add({600: 1, 605: 2, 606: 4})
    assert series.buckets(606, 6, 2) == series.buckets(611, 6, 2) == (3, 4)
    assert series.buckets(612, 6, 2) == (4, 0)


def test_events_are_counted_per_queue_and_in_all() -> None:
    batch = (event(1, "ENQUEUED"), event(2, "COMPLETED"), event(3, "FAILED", queue="reports"), event(4, "STARTED"))
    state = apply(EMPTY, [EventsAppended(batch)])
    assert state.traffic.finished.total(SECOND, 1) == 2
    assert state.traffic.failed.total(SECOND // 60, 1) == 1
    assert state.queue_traffic["mail"].finished.total(SECOND, 1) == 1
    assert state.queue_traffic["mail"].enqueued.total(SECOND, 1) == 1
    assert (state.first_seq, state.last_seq) == (1, 4)


def test_events_seen_before_are_not_taken_twice() -> None:
    first = apply(EMPTY, [EventsAppended((event(1, "COMPLETED"), event(2, "COMPLETED")))])
    again = apply(first, [EventsAppended((event(2, "COMPLETED"), event(3, "COMPLETED")))])
    assert [row.seq for row in again.events] == [1, 2, 3]
    assert again.traffic.finished.total(SECOND, 1) == 3


def test_a_new_log_forgets_the_old_one() -> None:
    state = apply(EMPTY, [EventsAppended((event(900, "COMPLETED"),)), EventsRange(1, 0, is_new_store=True)])
    assert state.events == ()
    assert [row.seq for row in apply(state, [EventsAppended((event(1, "STARTED"),))]).events] == [1]


def test_running_jobs_are_those_started_and_not_ended() -> None:
    batch = (event(1, "STARTED", job="a"), event(2, "STARTED", job="b"), event(3, "RETRY_SCHEDULED", job="a"))
    assert set(apply(EMPTY, [EventsAppended(batch)]).running) == {"b"}


def test_a_job_that_was_stored_after_all_stays_what_it_is() -> None:
    """Its producer, cut off from the server, could not know; what it tells may arrive at any time."""
    told = JobEvent.of(JobEventType.CANCELLED, ts=T0, job_id="j", queue="mail", details={"refused": True})
    refusal = stored(9, T0 + timedelta(seconds=9), told)
    waiting = apply(EMPTY, [EventsAppended((event(1, "ENQUEUED"),))])
    assert apply(waiting, [EventsAppended((refusal,))]).jobs["j"].status == "CANCELLED"
    running = apply(waiting, [EventsAppended((event(2, "STARTED", at_s=1), refusal))])
    assert running.jobs["j"].status == "RUNNING"
    assert set(running.running) == {"j"}
    ended = apply(running, [EventsAppended((event(10, "COMPLETED", at_s=10),))])
    assert ended.jobs["j"].status == "COMPLETED"


def test_lists_are_bounded() -> None:
    events = tuple(event(seq, "STARTED", job=f"j{seq}") for seq in range(1, 7001))
    results = tuple(JobResult(job_id=f"j{number}", status="COMPLETED") for number in range(3000))
    state = apply(EMPTY, [EventsAppended(events), ResultsChanged(results, total=9000)])
    assert len(state.events) == limits.EVENTS_KEPT
    assert state.events[-1].seq == 7000
    assert len(state.running) == limits.RUNNING_KEPT
    assert len(state.results) == limits.RESULTS_KEPT
    assert list(state.results)[-1] == "j2999"
    assert state.results_total == 9000


def test_a_later_result_of_a_job_takes_the_place_of_the_earlier() -> None:
    first = apply(
        EMPTY, [ResultsChanged((JobResult(job_id="a", status="RETRY"), JobResult(job_id="b", status="FAILED")))]
    )
    state = apply(first, [ResultsChanged((JobResult(job_id="a", status="COMPLETED"),), removed=("b",))])
    assert [(row.job_id, row.status) for row in state.results.values()] == [("a", "COMPLETED")]
    assert first.results["a"].status == "RETRY", "the state before is untouched"


def test_what_did_not_change_is_shared() -> None:
    before = apply(EMPTY, first_batch())
    after = apply(before, [EventsAppended((event(999_999, "COMPLETED"),))])
    assert after.workers is before.workers
    assert after.results is before.results


def test_a_lost_connection_keeps_the_data_and_says_since_when() -> None:
    state = apply(EMPTY, first_batch())
    lost = apply(state, [link(state="lost", at=T0 + timedelta(seconds=3))])
    assert lost.stale_since == T0 + timedelta(seconds=3)
    assert lost.workers is state.workers
    still = apply(lost, [link(state="lost", at=T0 + timedelta(seconds=9))])
    assert still.stale_since == T0 + timedelta(seconds=3)
    back = apply(still, [link(at=T0 + timedelta(seconds=12))])
    assert back.stale_since is None
    assert back.resumed_at == T0 + timedelta(seconds=12)


def test_a_malformed_record_stays_until_a_good_one_comes() -> None:
    state = apply(EMPTY, [Malformed("workers", "w-1", b"\xff{", "not JSON"), Malformed("schedules", "s", b"1")])
    assert len(state.malformed) == 2
    state = apply(state, [WorkersChanged((WorkerRecord(worker_id="w-1", status="IDLE"),))])
    assert [row.where for row in state.malformed.values()] == ["schedules"]
    assert apply(state, [SchedulesChanged(removed=("s",))]).malformed == {}


def test_an_unreadable_event_is_kept_and_counted() -> None:
    broken = StoredEvent.from_stream(5, T0, "naq.events.job.X.mail", b"\x1b[2J{nonsense")
    state = apply(EMPTY, [EventsAppended((broken,))])
    assert state.unreadable_events == 1
    assert state.events[0].type == ""
    assert "\x1b" not in state.events[0].text


def test_a_thousand_events_fold_in_one_go() -> None:
    events = job_events(jobs=400)
    state = apply(EMPTY, [EventsAppended(events)])
    assert len(state.events) == len(events)
