"""Targets: the codec, and everything that reads a record from the wire."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from naq import codec, lease, uniqueness
from naq.backlog import _id_of
from naq.cancellation import _stops
from naq.cli.result import summary
from naq.control import record_of as control_record
from naq.delivery import Delivery
from naq.dependencies.waiting import WaitingChild
from naq.errors import ConfigurationError, JobExecutionError, SerializationError
from naq.jobfilter import JobFilter
from naq.kv import Entry
from naq.limits import limits_from_wire
from naq.models.event import JobEvent, StoredEvent
from naq.models.job import Job
from naq.models.queue import QueuePause
from naq.models.result import JobResult
from naq.models.retry import RetryPolicy
from naq.models.schedule import Schedule
from naq.models.times import format_time, parse_time
from naq.models.worker import WorkerRecord
from naq.monitor import lost_event
from naq.names import check_key, check_queue_name, key_of_text
from naq.results import outcome_of
from naq.scheduler.due import DueHeap
from naq.scheduler.firing import Outcome, after, firing_of, job_id_of, merged, uncounted
from naq.scheduler.spec import next_runs
from naq.scheduler.words import spec_in_words
from naq.wire import Frames, Wire, headers_of, status_of
from naq.worker.frames import HEADER, length_of, record_of
from naq.worker.limit_store import holders_of
from tests.fuzz.harness import Target
from tests.fuzz.hostile import either, mangled, text, value, wire
from tests.fuzz.seeds import KINDS, RECORDS, T0, packed, spoilt_record


def _loads(record: Any) -> Any:
    """What the codec makes of the record's bytes."""
    raw = wire(record)
    found = codec.loads(raw)
    again = codec.dumps(found)
    assert codec.dumps(codec.loads(again)) == again
    return found


def _unpack(record: Any) -> None:
    found = codec.unpack(_loads(record))
    # what can be read can be written, and comes back the same
    again = codec.pack(found)
    if not any(kind in json.dumps(again) for kind in ('"set"', '"frozenset"')):  # which have no order
        assert codec.pack(codec.unpack(again)) == again


def _display(record: Any) -> None:
    found = _loads(record)
    json.dumps(codec.display(found))
    for line in (codec.display_text(found, 80), codec.display_call(found, found, 80), codec.display_text(found, None)):
        assert line.isprintable(), line[:200]
    assert len(codec.display_text(found, 80)) <= 80


def _written(record: Any) -> bytes:
    """What was read can be written: nothing may stop a record from being stored again."""
    try:
        raw: bytes = record.to_wire()
    except SerializationError as exc:
        raise AssertionError(f"{type(record).__name__} can be read but not written: {exc}") from exc
    return raw


def _entry(record: Any) -> Entry:
    return Entry("k-1", wire(record), 3, T0)


def _event(record: Any) -> None:
    event = JobEvent.from_wire(wire(record))
    again = codec.loads(_written(event))
    assert codec.loads(JobEvent.from_wire(event.to_wire()).to_wire()) == again


def _job(record: Any) -> None:
    job = Job.from_wire(wire(record))
    again = _written(job)
    assert Job.from_wire(again).to_wire() == again
    for failures in (1, 7, 10_000):
        assert 0 <= job.retry.delay_after(failures, 0.5) <= 7 * 86_400
        job.retry.allows(failures, ("TimeoutError",))
    assert job.status


def _result(record: Any) -> None:
    result = JobResult.from_wire(wire(record), saved_at=T0, revision=3)
    again = _written(result)
    assert JobResult.from_wire(again).to_wire() == again
    codec.dumps(summary(result))
    for wanted in (JobFilter(), JobFilter(status=None, since=T0, function="send", tags=("a",))):
        wanted.matches(result)
    assert result.end_id
    outcome_of(result)


def _worker(record: Any) -> None:
    for beat_at in (T0, None):
        worker = WorkerRecord.from_wire(wire(record), beat_at=beat_at)
        again = _written(worker)
        assert WorkerRecord.from_wire(again, beat_at=beat_at).to_wire() == again
        assert isinstance(worker.status_at(T0), str)
        lost_event("w-1", worker).to_wire()


def _schedule(record: Any) -> None:
    schedule = Schedule.from_wire(wire(record), revision=3, saved_at=T0)
    again = _written(schedule)
    assert Schedule.from_wire(again).to_wire() == again
    assert isinstance(spec_in_words(schedule), str)
    assert all(due.tzinfo is not None for due in next_runs(schedule, 3, T0))


def _owed(record: Any) -> None:
    """What a scheduler reckons with a schedule of anybody's."""
    schedule = Schedule.from_wire(wire(record), revision=3, saved_at=T0)
    heap = DueHeap()
    heap.put(schedule)
    heap.next_at()
    heap.pop_due(T0)
    owed = firing_of(schedule, T0)
    outcome = Outcome(missed=owed.missed, first_decided=schedule.next_run_at, last_decided=owed.last_missed)
    for due in owed.runs:
        outcome.add(due, job_id_of(schedule, due), None)
        outcome.decide(due)
    _written(after(schedule, outcome, owed.following))
    rest = uncounted(outcome, schedule, schedule)
    if rest is not None:
        _written(merged(schedule, rest))


def _cut(given: tuple[list[int], bytes]) -> None:
    """However a stream of frames is cut into reads, the same messages come out of it."""
    cuts, stream = given
    found: list[list[Any]] = []
    for places in ([], sorted(at % (len(stream) + 1) for at in cuts)):
        frames = Frames(Wire())
        handed: list[Any] = []
        frames.handlers[b"7"] = lambda *message, handed=handed: handed.append(message)  # type: ignore[misc]
        others = b""
        for start, end in pairwise([0, *places, len(stream)]):
            others += b"".join(frames.cut(stream[start:end]))
        found.append([handed, others])
    assert found[0] == found[1]
    assert len(found[0][1]) <= len(stream)


def _pause(record: Any) -> None:
    QueuePause.from_wire("mail", control_record(_entry(record)))


def _claim(record: Any) -> None:
    uniqueness.claim_of(_entry(record))
    uniqueness._is_final(_entry(record))


def _waiting(record: Any) -> None:
    child = WaitingChild.of(_entry(record))
    WaitingChild.of(Entry("k-1", _written(child), 3, T0))


def _holders(record: Any) -> None:
    for holder in holders_of(_entry(record)).values():
        parse_time(holder.get("at"))


def _lease(record: Any) -> None:
    assert isinstance(lease._holder_of(wire(record)), str)


def _frame(record: Any) -> None:
    assert isinstance(record_of(wire(record)), dict)


def _length(raw: bytes) -> None:
    assert 0 <= length_of(raw[:4].ljust(4, b"\0"), 1_000) <= 1_000 + (1 << 20)


def _small(record: Any) -> None:
    raw = wire(record)
    _stops(raw)
    _id_of(raw)
    found = record if isinstance(record, dict) else {"limits": record}
    RetryPolicy.from_wire(found)
    limits_from_wire(found.get("limits"))


def _bytes(kind: str, raw: bytes) -> None:
    """Every reader meets bytes that are nobody's."""
    StoredEvent.from_stream(1, T0, "naq.events.job.failed.mail", raw)
    entry = Entry("k-1", raw, 3, T0)
    control_record(entry)
    holders_of(entry)
    uniqueness.claim_of(entry)
    lease._holder_of(raw)
    readers: dict[str, Callable[[bytes], Any]] = {
        "job": Job.from_wire,
        "result": JobResult.from_wire,
        "worker": WorkerRecord.from_wire,
        "schedule": Schedule.from_wire,
        "frame": record_of,
    }
    readers.get(kind, JobEvent.from_wire)(raw)


def _mangled(rng: random.Random) -> tuple[str, bytes]:
    kind = rng.choice(KINDS)
    return kind, mangled(rng, json.dumps(rng.choice(RECORDS[kind]), separators=(",", ":")).encode())


def _time(given: str) -> None:
    moment = parse_time(given)
    if moment is not None:
        assert parse_time(format_time(moment)) == moment


def _names(given: str) -> None:
    token = key_of_text(given[:1_000])  # whoever makes a key of a text bounds it first
    assert all(c.isascii() and (c.isalnum() or c in "_-=") for c in token)
    for check in (check_queue_name, lambda name: check_key(name, "job id")):
        try:
            assert check(given) == given
            assert given.isascii()
            assert not {" ", "*", ">", "\r", "\n"} & set(given)
        except ConfigurationError:
            pass


def _reply(given: str) -> None:
    Delivery.parse(given)


def _headers(raw: bytes) -> None:
    headers_of(raw)
    status_of(raw)


def _time_text(rng: random.Random) -> str:
    made = rng.choice(("2026-11-24T14:03:00.123456Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"))
    return mangled(rng, made.encode()).decode("utf-8", "replace")


def _reply_text(rng: random.Random) -> str:
    made = b"$JS.ACK._.acc.naq_jobs.naq_queue_mail.1.7.9.1790000000000000000.3"
    return mangled(rng, made if rng.random() < 0.5 else b"$JS.ACK.s.c.1.2.3.1790000000000000000.0").decode(
        "utf-8", "replace"
    )


_FRAMES = (
    b"PING\r\n",
    b"+OK\r\n",
    b"-ERR 'Permissions Violation'\r\n",
    b'INFO {"max_payload":1048576}\r\n',
    b"MSG naq.a 7 5\r\nhello\r\n",
    b"MSG naq.a 7 reply.to 2\r\n\r\n\r\n",
    b"MSG naq.b 8 0\r\n\r\n",
    b"HMSG naq.a 7 12 17\r\nNATS/1.0\r\n\r\nhello\r\n",
    b"HMSG naq.a 7 reply.to 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
)


def _stream(rng: random.Random) -> tuple[list[int], bytes]:
    stream = b"".join(rng.choices(_FRAMES, k=rng.randint(1, 6)))
    if rng.random() < 0.5:
        stream = mangled(rng, stream)
    return [rng.randrange(1_000) for _ in range(rng.randint(1, 5))], stream


def _header_bytes(rng: random.Random) -> bytes:
    return mangled(rng, b"NATS/1.0 503 No\r\nNats-Msg-Id: a:b\r\nNats-Sequence: 17\r\n\r\n")


_READERS: dict[str, tuple[Callable[[Any], None], tuple[type[Exception], ...]]] = {
    "event": (_event, (SerializationError,)),
    "job": (_job, (SerializationError,)),
    "result": (_result, (SerializationError, JobExecutionError)),
    "worker": (_worker, (SerializationError,)),
    "schedule": (_schedule, (ConfigurationError, SerializationError)),
    "pause": (_pause, ()),
    "claim": (_claim, ()),
    "waiting": (_waiting, (SerializationError,)),
    "holders": (_holders, ()),
    "lease": (_lease, ()),
    "frame": (_frame, (SerializationError,)),
}
TARGETS = (
    Target("codec: load", value, _loads, (SerializationError,)),
    Target("codec: unpack", packed, _unpack, (SerializationError,), 3),
    Target("codec: display", packed, _display, (SerializationError,), 2),
    *(Target(f"record: {kind}", spoilt_record(kind), *_READERS[kind], 2) for kind in KINDS),
    Target("schedules: what is owed", spoilt_record("schedule"), _owed, (SerializationError, ConfigurationError), 0),
    Target("frames of NATS", _stream, _cut, (), 2),
    Target("record: limits, retries", spoilt_record("job"), _small, (ConfigurationError, TypeError)),
    Target("record: any bytes", _mangled, lambda given: _bytes(*given), (SerializationError,), 6),
    Target("times on the wire", either(text, _time_text), _time, (), 2),
    Target("names and keys", text, _names, (ConfigurationError,), 2),
    Target("frames of isolated jobs", lambda rng: HEADER.pack(rng.getrandbits(32)), _length, (SerializationError,)),
    Target("replies of JetStream", either(text, _reply_text), _reply, (ValueError,)),
    Target("header blocks", _header_bytes, _headers),
)
