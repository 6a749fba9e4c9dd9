"""Why a job is not running: each reason where it is the reason, and none where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from naq.models.queue import QueueStats
from naq.models.worker import RunningJob, WorkerRecord
from naq_tui.feed.sample import T0
from naq_tui.store.fold import apply
from naq_tui.store.jobs import JobRow
from naq_tui.store.kin import Relative
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import QueuesSampled, WorkersChanged
from naq_tui.views.table import Lens
from naq_tui.views.why import why_not

LENS = Lens(T0, T0)
PENDING = JobRow(job_id="j", job="j", status="PENDING", function="send", queue="mail")
WORKER = WorkerRecord(
    worker_id="w-1", status="IDLE", queues=("mail",), modules=("shop.*",), concurrency=2, beat_at=T0, host="web"
)
MAIL = QueueStats(queue="mail", waiting=12, running=0, redelivered=0, pulls=1, oldest_at=T0, has_consumer=True)
CALL = {"function": "shop.tasks:send"}


def state(*workers: WorkerRecord, queue: QueueStats = MAIL) -> State:
    return apply(EMPTY, [WorkersChanged(workers), QueuesSampled((queue,), T0)])


def reasons(known: State, row: JobRow = PENDING, payload: Any = CALL, parents: tuple[Relative, ...] = ()) -> str:
    return " ".join(why_not(known, row, payload, parents, LENS))


def test_nothing_is_guessed_before_anything_is_known() -> None:
    assert reasons(EMPTY) == ""


def test_a_worker_with_room_will_take_it() -> None:
    assert "should start soon" in reasons(state(WORKER))


def test_parents_come_first() -> None:
    parents = (Relative("p1", "RUNNING", "f"), Relative("p2", "COMPLETED", "f"), Relative("p3", "", ""))
    text = reasons(state(), parents=parents)
    assert "waits for 2 jobs" in text
    assert "p1 (running), p3 (unknown)" in text


def test_a_paused_queue_is_named_with_its_reason() -> None:
    paused = replace(MAIL, is_paused=True, paused_at=T0 - timedelta(seconds=40), paused_reason="deploy")
    assert "mail is paused for 40 s (deploy)" in reasons(state(WORKER, queue=paused))


@pytest.mark.parametrize(
    "workers",
    [(), (replace(WORKER, queues=("other",)),), (replace(WORKER, beat_at=T0 - timedelta(minutes=5)),)],
    ids=["none", "other queues", "dead"],
)
def test_a_queue_that_nobody_takes_from(workers: tuple[WorkerRecord, ...]) -> None:
    assert "No living worker takes jobs from queue mail" in reasons(state(*workers))


def test_workers_that_may_not_run_it() -> None:
    text = reasons(state(replace(WORKER, modules=("billing",))))
    assert "No worker of queue mail may run functions of shop.tasks" in text


def test_full_workers() -> None:
    running = tuple(RunningJob(job_id=str(i), function="f", queue="mail", started_at=T0) for i in range(2))
    assert "are full: 2 of 2 jobs run, and 12 wait" in reasons(state(replace(WORKER, running=running)))


def test_limits_are_named() -> None:
    payload = {**CALL, "limits": [{"key": "api", "kind": "rate"}, "odd"]}
    assert "limits may hold it back: api" in reasons(state(WORKER), payload=payload)


def test_a_retry_says_when() -> None:
    row = PENDING._replace(status="RETRY", retry_at=T0 + timedelta(seconds=8))
    assert "next run, in 8 s" in reasons(state(WORKER), row)


def test_a_job_for_later_needs_a_scheduler() -> None:
    row = PENDING._replace(status="SCHEDULED", retry_at=T0 + timedelta(hours=3))
    assert "No scheduler runs" in reasons(state(WORKER), row)
    scheduler = WorkerRecord(worker_id="s", status="IDLE", kind="scheduler", beat_at=T0)
    assert reasons(state(scheduler), row) == "It is due in 3 h."


def test_a_running_job_whose_worker_is_dead_or_blocked() -> None:
    row = PENDING._replace(status="RUNNING", worker="w-1")
    assert reasons(state(WORKER), row) == ""
    assert "is dead" in reasons(state(replace(WORKER, beat_at=T0 - timedelta(seconds=60))), row)
    assert "blocks the event loop" in reasons(state(replace(WORKER, loop_lag_ms=5_000.0)), row)


def test_an_ended_job_needs_no_reason() -> None:
    assert reasons(state(WORKER), PENDING._replace(status="FAILED")) == ""
