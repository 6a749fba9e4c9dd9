"""The mark a monitor leaves in a heartbeat record, and marks nobody can have left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from naq import codec
from naq.models.times import format_time, utcnow
from naq.models.worker import DEAD_AFTER_BEATS, WorkerRecord, WorkerStatus

NOW = utcnow()


def marked(**fields: object) -> WorkerRecord:
    record = codec.loads(WorkerRecord(worker_id="w", status="BUSY").to_wire())
    return WorkerRecord.from_wire(codec.dumps({**record, **fields}), beat_at=NOW)


def test_the_last_beat_is_the_marks_not_the_moment_it_was_stored() -> None:
    beat_at = NOW - timedelta(seconds=5.0 * DEAD_AFTER_BEATS)
    record = marked(lost_at=format_time(NOW), beat_at=format_time(beat_at), lost_seq=7)
    assert (record.beat_at, record.lost_at, record.lost_seq) == (beat_at, NOW, 7)
    assert record.status_at(NOW) == WorkerStatus.DEAD
    assert WorkerRecord.from_wire(record.to_wire(), beat_at=NOW + timedelta(hours=1)) == record


def test_a_beat_carries_no_mark() -> None:
    record = WorkerRecord.from_wire(WorkerRecord(worker_id="w", status="IDLE", beat_at=NOW).to_wire(), beat_at=NOW)
    assert (record.lost_at, record.lost_seq) == (None, None)
    assert b"beat_at" not in record.to_wire()


@pytest.mark.parametrize("lost_at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "soon", 5, None, {"a": 1}])
def test_a_mark_that_no_monitor_wrote_is_none(lost_at: object) -> None:
    record = marked(lost_at=lost_at, beat_at="0001-01-01T00:00:00Z", lost_seq="x")
    assert (record.lost_at, record.beat_at, record.lost_seq) == (None, NOW, None)
