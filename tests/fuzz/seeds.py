"""Valid records of every kind, as the wire has them: what the spoilt ones start from."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from naq import codec
from naq.limits import ConcurrencyLimit, RateLimit
from naq.models.event import JobEvent, JobEventType
from naq.models.job import Job
from naq.models.result import ValueRef
from naq.models.retry import RetryPolicy
from naq_tui.feed import sample
from tests.fuzz.hostile import spoilt, tagged, value, wire

T0 = sample.T0


def _record(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw)
    return found


def _full_event(event_type: JobEventType) -> dict[str, Any]:
    event = JobEvent.of(
        event_type,
        ts=T0 - timedelta(seconds=4),
        id="event-1",
        job_id=sample.job_id(3),
        queue="mail",
        function="shop.tasks:send_invoice",
        worker_id="w-3",
        schedule_id="nightly",
        attempt=2,
        wait_ms=12.5,
        run_ms=228.1,
        from_status="RUNNING",
        to_status="FAILED",
        error={"type": "TimeoutError", "message": "upstream took longer than 30 s", "fingerprint": "f1"},
        actor={"user": "ada", "host": "web-1", "ssh": "10.0.0.7", "program": "naq cli"},
        reason="asked for",
        action_id="a-1",
        code_version="0.1.0",
        details={"delay_s": 8, "done": 3, "total": 9, "note": "half", "jobs": 5, "action": "retry jobs", "host": "h"},
        extra={"later": {"a": [1]}},
    )
    return _record(event.to_wire())


_CALL = codec.pack_call((1, "a", T0, {"k": (1, 2)}), {"region": "EU", "when": T0.date()})
_JOB = Job(
    job_id=sample.job_id(5),
    function="shop.tasks:send_invoice",
    args=_CALL[0],
    kwargs=_CALL[1],
    queue_name="mail",
    enqueued_at=T0,
    retry=RetryPolicy.of(max_retries=3, retry_delay=[1, 5], retry_on=["TimeoutError"], ignore_on=["KeyError"]),
    timeout=30.0,
    result_ttl=60.0,
    tags=("a", "b"),
    capture_logs=True,
    isolate=True,
    schedule_id="nightly",
    unique="customer:42",
    unique_for=5.0,
    limits=(RateLimit("api", 10, 1.0), ConcurrencyLimit("customer", 2)),
    depends_on=(sample.job_id(1),),
    allow_failed=True,
    pass_results="list",
    on_success="shop.tasks:done",
    on_failure="shop.tasks:failed",
    is_id_given=True,
    born_on="s-1",
    retry_seqs=(5, 9),
    earlier_attempts=2,
    headers={"traceparent": "00-1-2-01"},
)
_RESULTS = [_record(result.to_wire()) for result in sample.results()[-4:]]
_RESULTS.append(
    _record(
        replace(
            next(result for result in sample.results() if result.error is not None),
            job=_JOB.to_record(),
            tags=("a",),
            logs=("INFO a line", "ERROR another"),
            reason="asked for",
            retry_at=T0,
            stored_at=T0,
            started_seq=7,
            schedule_id="nightly",
            crashes=1,
            retry_seqs=(3,),
        ).to_wire()
    )
)
_RESULTS.append(
    _record(
        replace(
            sample.results()[0], value_ref=ValueRef(bucket="naq_objects", name="j", size=9, sha256="0" * 64)
        ).to_wire()
    )
)

RECORDS: dict[str, list[dict[str, Any]]] = {
    "event": [_full_event(kind) for kind in JobEventType],
    "job": [_record(_JOB.to_wire()), {"v": 1, "job_id": "j-1", "function": "a:b", "args": [], "kwargs": {}}],
    "result": _RESULTS,
    "worker": [
        *(_record(worker.to_wire()) for worker in sample.workers()),
        _record(replace(sample.workers()[0], lost_at=T0, lost_seq=9, name="blue").to_wire()),
    ],
    "schedule": [
        *(_record(schedule.to_wire()) for schedule in sample.schedules()),
        _record(
            replace(
                sample.schedules()[0],
                repeat=60_000,
                start_at=T0 - timedelta(days=3),
                end_at=T0 + timedelta(days=3),
                jitter_s=2.0,
                misfire="run_all",
                misfire_grace_s=9.0,
                misfire_cap=3,
                overlap="buffer_one",
                buffered_at=T0,
                recent_job_ids=("a", "b"),
                skip_count=4,
            ).to_wire()
        ),
        _record(replace(sample.schedules()[2], cron=None, interval_s=None, run_at=T0, status="ACTIVE").to_wire()),
    ],
    "pause": [{"actor": {"user": "ada", "host": "h"}, "reason": "deploy", "at": "2026-11-24T14:07:12.400000Z"}],
    "claim": [{"job_id": "j-1", "until": "2026-11-24T14:07:12.400000Z", "seq": 7}],
    "waiting": [{"v": 1, "state": "waiting", "job": _JOB.to_record()}],
    "holders": [{"holders": {"j-1": {"worker": "w-1", "at": "2026-11-24T14:07:12.400000Z"}}, "free_at": 1.5}],
    "lease": [{"holder": "s-1"}],
    "frame": [{"kind": "done", "value": {"a": 1}, "logs": ["a"]}],
}
RECORDS = {kind: json.loads(wire(records)) for kind, records in RECORDS.items()}
KINDS = tuple(RECORDS)


def spoilt_record(kind: str) -> Callable[[random.Random], Any]:
    """Makes a record of this kind with a few things wrong, now and then none or nothing right."""

    def make(rng: random.Random) -> Any:
        chance = rng.random()
        if chance < 0.03:
            return value(rng)
        record = rng.choice(RECORDS[kind])
        return record if chance < 0.06 else spoilt(rng, record)

    return make


def packed(rng: random.Random) -> Any:
    """A packed value, whole or spoilt."""
    chance = rng.random()
    if chance < 0.3:
        return tagged(rng)
    if chance < 0.6:
        return spoilt(rng, rng.choice((_JOB.args, _JOB.kwargs)))
    return value(rng)
