"""The made-up system tells one story, whichever of its records one reads."""

from __future__ import annotations

from collections import Counter

from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.sample import earlier_events, job_events, queues, results, workers
from naq_tui.feed.sample import first_batch as without_past
from naq_tui.feed.sample_failures import failures, payload, waiting_jobs
from naq_tui.feed.sample_jobs import lives
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import EventsAppended, ResultsChanged


def test_events_and_results_tell_the_same_of_each_job() -> None:
    by_events = apply(EMPTY, [EventsAppended(earlier_events() + job_events())]).jobs
    by_results = apply(EMPTY, [ResultsChanged(results())]).jobs
    assert len(by_results) > 100
    for job_id, stored in by_results.items():
        told = by_events[job_id]
        assert (told.status, told.function, told.queue, told.worker) == stored[2:6]
        assert (told.attempt, told.run_ms) == (stored.attempt, stored.run_ms)
        if stored.status == "FAILED":
            assert told.text == stored.text
    assert {row.job_id for row in by_events.values() if row.is_final} == set(by_results)


def test_workers_and_queues_hold_what_the_events_leave_open() -> None:
    state = apply(EMPTY, without_past())
    running = {row.job_id: row.worker for row in state.jobs.values() if row.status == "RUNNING"}
    assert running == {job.job_id: worker.worker_id for worker in workers() for job in worker.running}
    assert all(job.queue in worker.queues for worker in workers() for job in worker.running)
    waiting = Counter(job.queue_name for job in waiting_jobs())
    assert {row.queue: row.waiting for row in queues()} == {**waiting, "default": 0, "reports": 4_910}
    held = Counter(row.queue for row in state.jobs.values() if row.status in ("RUNNING", "RETRY"))
    assert {row.queue: row.running for row in queues()} == {**held, "default": 0}
    for row in queues():
        oldest = min((job.enqueued_at for job in waiting_jobs() if job.queue_name == row.queue), default=None)
        assert row.oldest_at == oldest


def test_workers_count_the_failures_that_are_told_of_them() -> None:
    told = Counter(stored.event.worker_id for stored in (*failures(), *job_events()) if stored.event.type == "FAILED")  # type: ignore[union-attr]
    assert {worker.worker_id: worker.failed for worker in workers() if worker.failed} == {
        name: number for name, number in told.items() if name != "w-2"
    }


async def test_arguments_are_the_same_whoever_tells_of_them() -> None:
    feed = FakeFeed(first_batch())
    for result in results():
        assert result.job == payload(result.job_id, result.function) == await feed.read_payload(result.job_id)
    for job in waiting_jobs():
        call = payload(job.job_id, None)
        assert (job.function, list(job.args), dict(job.kwargs)) == (call["function"], call["args"], call["kwargs"])


def test_a_retry_waits_from_when_it_is_due() -> None:
    waits = [wait_ms for life in lives() for event in life.events() if (wait_ms := event.wait_ms) is not None]
    again = [life for life in lives() if len(life.runs) > 1]
    assert again
    assert all(wait_ms >= 0 for wait_ms in waits)
    for life in again:
        started = [event for event in life.events() if event.type == "STARTED"]
        assert all((event.wait_ms or 0) < 1_000 for event in started[1:]), "its delay is no wait"
