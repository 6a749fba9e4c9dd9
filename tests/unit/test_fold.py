"""The fold of the log: legal histories give no findings, illegal ones do, and the state is what the events say."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naq.doctor.compare import Place, Problem, Retention, job_problem
from naq.doctor.fold import Fold
from naq.doctor.states import Finding
from naq.models.event import JobEvent
from naq.models.result import JobResult
from naq.models.times import format_time
from tests.unit.histories import BEGIN, MUTATIONS, Plan, event, history, plans, stored, stored_as

END = {"complete": "COMPLETED", "fail": "FAILED", "cancel": "CANCELLED", "cancel from outside": "CANCELLED"}
W = "w1"
JOB = {"job_id": "j", "queue": "q"}
RUN = {**JOB, "worker_id": W, "attempt": 1}
HAS_EVERYTHING = Plan(runs=("crash", "retry"), end="complete", waits=True, again=False)
UP = event("WORKER_STARTED", worker_id=W)


def folded(events: Sequence[JobEvent], first_seq: int = 1, **options: float) -> Fold:
    fold = Fold(first_seq, **options)
    for one in stored(events, first_seq):
        fold.feed(one)
    return fold


def found(*events: JobEvent) -> list[Finding]:
    return folded(events).findings()


@given(st.lists(plans, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_legal_histories_give_no_findings(of: list[Plan], order: random.Random) -> None:
    fold = folded(history(of, order))
    assert fold.findings() == []
    for number, plan in enumerate(of):
        job = fold.jobs[f"job-{number}"]
        is_again = plan.again and plan.end != "complete"
        assert job.status == ("COMPLETED" if is_again else END.get(plan.end, "FAILED"))
        assert job.is_final
        assert len(job.retries) == is_again


@pytest.mark.parametrize("name", MUTATIONS)
@settings(max_examples=60)
@given(data=st.data())
def test_illegal_histories_give_findings(name: str, data: st.DataObject) -> None:
    of = [*data.draw(st.lists(plans, max_size=3)), HAS_EVERYTHING]
    order = data.draw(st.randoms(use_true_random=False))
    mutated = MUTATIONS[name](history(of, order), order)
    assert mutated is not None
    assert folded(mutated).findings()


@given(st.lists(plans, min_size=1, max_size=3), st.randoms(use_true_random=False), st.integers(1, 30))
def test_what_has_left_the_log_is_no_finding(of: list[Plan], order: random.Random, gone: int) -> None:
    events = history(of, order)[gone:]
    assert folded(events, gone + 1).findings() == []


def test_the_state_of_a_job_that_ran_twice() -> None:
    fold = folded(
        [
            UP,
            event("ENQUEUED", **JOB),
            event("STARTED", **RUN),
            event("WORKER_LOST", worker_id=W, details={"lost_at": "t"}),
            event("WORKER_STARTED", worker_id="w2"),
            event("STARTED", **{**RUN, "worker_id": "w2"}, details={"redelivered": True, "crashes": 1}),
            event("COMPLETED", **{**RUN, "worker_id": "w2"}),
        ]
    )
    job = fold.jobs["j"]
    assert (job.status, job.attempt, job.crashes, job.worker, job.queue) == ("COMPLETED", 1, 1, "w2", "q")
    assert (job.starts, job.seq) == ((3, 6), 7)
    assert fold.workers[W].status == "lost"
    assert fold.findings() == []


def test_an_unexplained_double_run_names_both_runs() -> None:
    (finding,) = found(
        UP,
        event("WORKER_STARTED", worker_id="w2"),
        event("ENQUEUED", **JOB),
        event("STARTED", **RUN),
        event("STARTED", **{**RUN, "worker_id": "w2"}),
    )
    assert (finding.seq, finding.entity, finding.id) == (5, "job", "j")
    assert "while w1 runs it (since 4)" in finding.expected


def test_a_stop_told_after_the_second_run_explains_it() -> None:
    assert not found(
        UP,
        event("WORKER_STARTED", worker_id="w2"),
        event("ENQUEUED", **JOB),
        event("STARTED", **RUN),
        event("STARTED", **{**RUN, "worker_id": "w2"}),
        event("WORKER_STOPPED", worker_id=W),
    )


def test_a_copy_that_begins_behind_the_retry_of_the_first() -> None:
    other = {**RUN, "worker_id": "w2"}
    events = [
        UP,
        event("WORKER_STARTED", worker_id="w2"),
        event("ENQUEUED", **JOB),
        event("STARTED", **RUN),
        event("RETRY_SCHEDULED", **RUN),
        event("STARTED", **other, details={"redelivered": True}),
    ]
    again = {**RUN, "attempt": 2}
    assert not found(*events, event("STARTED", **again), event("RETRY_SCHEDULED", **other), event("COMPLETED", **again))
    assert not found(*events, event("COMPLETED", **other))
    assert found(*events[:-1], event("STARTED", **other)), "nothing says why it runs again"


def test_events_stored_out_of_step_are_legal() -> None:
    assert not found(UP, event("STARTED", **RUN), event("ENQUEUED", **JOB), event("COMPLETED", **RUN))


def test_an_end_told_twice_is_legal_and_another_end_is_not() -> None:
    told = [UP, event("ENQUEUED", **JOB), event("STARTED", **RUN), event("COMPLETED", **RUN)]
    assert not found(*told, event("COMPLETED", **RUN))
    (finding,) = found(*told, event("FAILED", **RUN))
    assert finding.expected == "nothing after COMPLETED attempt 1 by w1"


def test_a_retry_by_hand_before_the_end_is_told() -> None:
    """The record is stored before its event: whoever is quick retries in between."""
    retried = [UP, event("ENQUEUED", **JOB), event("STARTED", **RUN)]
    retried.append(event("RETRY_SCHEDULED", **JOB, attempt=1, details={"manual": True}))
    assert [f.expected for f in found(*retried)] == ["the end of attempt 1 told"]
    assert not found(*retried, event("FAILED", **RUN), event("STARTED", **{**RUN, "attempt": 2}))


def test_ends_without_a_run() -> None:
    assert not found(
        event("ENQUEUED", **JOB, details={"depends_on": ["p"]}),
        event("FAILED", **JOB, from_status="PENDING"),
        event("FAILED", job_id="malformed-7", queue="q", worker_id="w9"),
        event("CANCELLED", job_id="planned", from_status="SCHEDULED"),
    )
    (finding,) = found(event("ENQUEUED", **JOB), event("COMPLETED", **JOB))
    assert finding.found == "COMPLETED of attempt 0 by nobody while PENDING"


def test_what_kept_a_job_from_being_stored_may_have_kept_its_first_event() -> None:
    refused = event("CANCELLED", **JOB, details={"refused": True})
    assert not found(UP, refused)
    assert not found(UP, refused, event("ENQUEUED", **JOB))
    late = folded([UP, event("STARTED", **RUN), event("COMPLETED", **RUN), refused])
    assert not late.findings()
    assert late.jobs["j"].status == "COMPLETED"
    assert not found(UP, event("STARTED", **RUN), refused, event("COMPLETED", **RUN))
    assert not found(UP, refused, event("STARTED", **RUN), event("COMPLETED", **RUN)), "it was stored after all"
    assert found(UP, event("CANCELLED", **JOB))


def test_a_refusal_does_not_hide_that_a_job_is_lost() -> None:
    """Its producer may have been wrong: what has begun, or is told as enqueued again, has to be somewhere."""
    refused, kept = event("CANCELLED", **JOB, details={"refused": True}), Retention(BEGIN, None, 1)

    def problem(*events: JobEvent, record: JobResult | None = None) -> Problem | None:
        return job_problem(folded([UP, *events]).jobs["j"], record, Place(is_stored=False), kept)

    enqueued, run, end = event("ENQUEUED", **JOB), event("STARTED", **RUN), event("COMPLETED", **RUN)
    assert problem(enqueued, refused) is None
    assert problem(enqueued, refused, enqueued) is not None
    assert problem(enqueued, run, refused) is not None
    assert problem(enqueued, refused, run) is not None
    assert problem(enqueued, refused, run, end) is not None
    assert problem(enqueued, run, end, refused) is not None
    assert problem(enqueued, refused, record=JobResult(job_id="j", status="RUNNING")) is not None
    assert problem(enqueued, refused, record=JobResult(job_id="j", status="COMPLETED")) is not None


def test_starts_that_race_with_an_end() -> None:
    """What the rules above must still let pass."""
    both = [UP, event("WORKER_STARTED", worker_id="w2"), event("ENQUEUED", **JOB)]
    cancelled, start = event("CANCELLED", **JOB), event("STARTED", **RUN)
    other = event("STARTED", **{**RUN, "worker_id": "w2"})
    assert not found(*both, cancelled, start), "handed out in the moment of the cancellation"
    assert not found(*both, start, event("WORKER_LOST", worker_id=W), cancelled, other), "the server may have forgotten"
    assert not found(*both, start, cancelled, event("STARTED", **RUN, details={"redelivered": True}))
    assert found(*both, start, cancelled, other)
    assert found(*both, cancelled, start, other)


def test_an_id_may_be_used_again_once_its_result_is_gone() -> None:
    life = [UP, event("ENQUEUED", **JOB), event("STARTED", **RUN), event("COMPLETED", **RUN)]
    assert found(*life, event("ENQUEUED", **JOB))
    deleted = event("OPERATOR_ACTION", **JOB, details={"action": "delete"})
    assert not found(*life, deleted, event("ENQUEUED", **JOB))
    assert not folded([*life, event("ENQUEUED", **JOB)], results_kept_s=0.5).findings()


def test_a_stopped_worker_starts_nothing() -> None:
    findings = found(UP, event("WORKER_STOPPED", worker_id=W), event("ENQUEUED", **JOB), event("STARTED", **RUN))
    assert [f.expected for f in findings] == ["nothing by a worker that has stopped"]


def test_schedules() -> None:
    def at(kind: str, **fields: object) -> JobEvent:
        return event(kind, schedule_id="s", **fields)

    events = [
        at("SCHEDULED", to_status="ACTIVE", details={"repeat": 2}),
        at("SCHEDULE_TRIGGERED", job_id="s.1"),
        at("SCHEDULE_TRIGGERED", job_id="s.now", details={"manual": True}),
        at("SCHEDULE_PAUSED", from_status="ACTIVE", to_status="PAUSED"),
    ]
    fold = folded(events)
    assert (fold.schedules["s"].status, fold.schedules["s"].run_count) == ("PAUSED", 1)
    assert fold.findings() == []
    due = {"due": format_time(BEGIN + timedelta(seconds=3))}
    assert not found(*events, at("SCHEDULE_TRIGGERED", job_id="s.2", details=due)), "it was due before the pause"
    late = {"due": format_time(BEGIN + timedelta(seconds=5))}
    assert [f.found for f in found(*events, at("SCHEDULE_TRIGGERED", job_id="s.2", details=late))] == ["PAUSED"]
    resumed = folded(
        [*events, at("SCHEDULE_RESUMED", to_status="ACTIVE", details={"repeat": 2}), at("SCHEDULE_TRIGGERED")]
    )
    assert resumed.schedules["s"].status == "COMPLETED"
    assert resumed.findings() == []
    assert [f.found for f in found(at("SCHEDULE_RESUMED"))] == ["none in the whole log"]


def test_queues() -> None:
    pause, resume = event("QUEUE_PAUSED", queue="q"), event("QUEUE_RESUMED", queue="q")
    assert not found(pause, resume, pause)
    assert folded([pause]).queues["q"].is_paused
    assert [f.found for f in found(pause, pause)] == ["QUEUE_PAUSED of a queue that is paused already"]


def test_a_gap_in_the_log_is_a_finding_and_hostile_records_are_none() -> None:
    fold = Fold()
    fold.feed(stored_as(1, UP))
    fold.feed(stored_as(2, None))
    fold.feed(stored_as(3, replace(UP, type="SOMETHING", entity="else")))
    fold.feed(stored_as(4, event("STARTED", job_id="j", attempt=None)))
    assert (fold.events, fold.unreadable, fold.unknown) == (4, 1, 1)
    fold.feed(stored_as(9, event("QUEUE_PURGED", queue="q")))
    assert "events are missing" in [f.found.partition(": ")[2] for f in fold.findings()]


def test_a_schedule_may_be_told_of_behind_its_first_run() -> None:
    single = {"schedule_id": "s", "job_id": "s"}
    late = folded([event("SCHEDULE_TRIGGERED", **single), event("SCHEDULED", **single, to_status="ACTIVE")])
    assert late.findings() == []
    assert (late.schedules["s"].status, late.schedules["s"].run_count) == ("COMPLETED", 1)


def test_a_start_told_behind_the_end_is_explained_by_a_job_that_came_again() -> None:
    both = [UP, event("WORKER_STARTED", worker_id="w2"), event("ENQUEUED", **JOB)]
    other = {**RUN, "worker_id": "w2"}
    late = event("STARTED", **other)
    again = event("STARTED", **RUN, details={"redelivered": True})
    end = event("COMPLETED", **RUN, to_status="COMPLETED")
    assert found(*both, again, end, late) == []
    assert [f.found for f in found(*both, event("STARTED", **RUN), end, late)] == ["STARTED by w2"]
    assert [f.found for f in found(*both, again, end, again)] == ["STARTED by w1"]


def test_a_start_told_behind_later_runs_is_explained_by_a_job_that_came_again() -> None:
    """A worker that was cut off tells what it began before another was given the job."""
    both = [UP, event("WORKER_STARTED", worker_id="w2"), event("ENQUEUED", **JOB)]
    first, again = {**RUN, "worker_id": "w2"}, {**RUN, "attempt": 2}
    late = [event("STARTED", **first), event("RETRY_SCHEDULED", **first)]
    for details in ({"redelivered": True}, None):
        taken = [*both, event("STARTED", **RUN, details=details), event("RETRY_SCHEDULED", **RUN)]
        taken.append(event("STARTED", **again))
        end = event("COMPLETED", **again, to_status="COMPLETED")
        told = ["STARTED of attempt 1"] if details is None else []
        assert [f.found for f in found(*taken, late[0], end)] == told
        assert [f.found for f in found(*taken, *late, end)] == told
        retried = [*taken, event("RETRY_SCHEDULED", **again)]
        last = {**RUN, "attempt": 3}
        after = [*late, event("STARTED", **last), event("COMPLETED", **last)]
        assert bool(found(*retried, *after)) is bool(told)
