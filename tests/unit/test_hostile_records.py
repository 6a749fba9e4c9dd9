"""Inputs that once did harm: each found by `python -m tests.fuzz`, and kept here in its smallest form."""

from __future__ import annotations

import io
import json
import logging
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from naq import codec
from naq.cli import common, main
from naq.cli.schedule_show import show
from naq.contexts import load_context
from naq.delivery import Delivery
from naq.errors import ConfigurationError, InvalidQueueNameError, NaqException, ScheduleSpecError, SerializationError
from naq.logs import InertFormatter, setup_logging
from naq.models.job import Job
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq.names import check_queue_name
from naq.scheduler.cron import in_words
from naq.scheduler.spec import next_run
from naq.settings import Settings
from naq.wire import status_of
from naq_tui.export import ExportError, checked_path, harmless, record_json
from naq_tui.launcher.environment import parse_environment
from naq_tui.launcher.record import read_records
from naq_tui.views.search import Needle

T0 = datetime(2026, 11, 24, 14, 7, tzinfo=UTC)
JOB = {"job_id": "j-1", "function": "a:b", "args": [], "kwargs": {}}


@pytest.mark.parametrize("number", [1e308, -1e308, 1e30, 2.0**64])
def test_a_count_that_could_never_be_written_again_is_none(number: float) -> None:
    assert codec.whole({"n": number}, "n", 7) == 7
    assert codec.whole({"n": number}, "n", None) is None
    result = {"job_id": "j", "status": "FAILED", "attempt": number, "crashes": number, "started_seq": number}
    JobResult.from_wire(json.dumps(result).encode()).to_wire()
    worker = {"worker_id": "w", "pid": number, "completed": number, "rss_bytes": number, "lost_seq": number}
    WorkerRecord.from_wire(json.dumps(worker).encode()).to_wire()
    schedule = {"schedule_id": "s", "function": "a:b", "job": {}, "run_count": number, "repeat": number}
    Schedule.from_wire(json.dumps(schedule).encode()).to_wire()


@pytest.mark.parametrize("number", [0, -3, 2**63, 2**64 - 1, 4.9])
def test_a_count_of_64_bits_is_one(number: float) -> None:
    assert codec.whole({"n": number}, "n", 7) == int(number)


@pytest.mark.parametrize("levels", [260, 900, 1_100, 20_000])
def test_what_is_nested_too_deep_to_be_stored_again_is_not_read(levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    with pytest.raises(SerializationError):
        codec.loads(deep)
    with pytest.raises(SerializationError):
        Job.from_wire(json.dumps(JOB).encode().replace(b"[]", deep))
    assert codec.loads(b"[" * 200 + b"]" * 200)
    assert len(codec.loads(b"[" + b"[],{}," * 1_000 + b"[]]")) == 2_001, "many are not deep"


@pytest.mark.parametrize(
    "spec",
    [
        {"interval_s": 86_400.0, "anchor_at": datetime(9999, 12, 31, 12, tzinfo=UTC)},
        {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "start_at": datetime(9999, 12, 31, 23, tzinfo=UTC)},
        {"interval_s": 1e-320, "anchor_at": T0},
        {"interval_s": 1e-16, "anchor_at": datetime(1, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_schedule_beyond_the_calendar_is_refused_at_once(spec: dict[str, Any]) -> None:
    schedule = Schedule(schedule_id="s", function="a:b", queue="q", job={}, **spec)
    with pytest.raises(ScheduleSpecError):
        next_run(next_run_of(schedule), T0)


def next_run_of(schedule: Schedule) -> Schedule:
    """The schedule as it is read back."""
    return Schedule.from_wire(schedule.to_wire())


def test_replies_and_headers_that_are_none() -> None:
    with pytest.raises(ValueError, match="not a JetStream delivery"):
        Delivery.parse("$JS.ACK.s.c.1.2.3.999999999999999999999999999.0")
    assert status_of(b"NATS/1.0 \xd1\xff\x00") is not None


def test_a_long_name_is_told_short() -> None:
    with pytest.raises(InvalidQueueNameError) as refused:
        check_queue_name("q" * 1_000_000)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("url", [" ", ",", " , "])
def test_an_empty_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="address is empty"):
        Settings.load({"NAQ_NATS_URL": url})


def test_a_context_nested_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nats" / "context").mkdir(parents=True)
    (tmp_path / "nats" / "context" / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_context("deep", {"XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"log_path": ".."}', '{"log_path": "/"}', '{"log_path": "."}'])
def test_a_process_record_never_leads_out_of_its_folder(text: str, tmp_path: Path) -> None:
    good: dict[str, Any] = {
        **dict.fromkeys(("pid", "owner_pid", "concurrency"), 1),
        **dict.fromkeys(("identity", "owner_identity", "name"), "x"),
        **dict.fromkeys(("queues", "modules")),
        **dict.fromkeys(("server_url", "cwd", "command")),
        "queues": [],
        "modules": [],
        "process_id": "p",
        "kind": "worker",
        "started_at": "2026-11-24T14:07:12.400000Z",
        "log_path": "/elsewhere/p.log",
    }
    path = tmp_path / "p.json"
    path.write_text(json.dumps(good))
    [(_, record)] = read_records(tmp_path)
    assert record is not None
    assert record.log_path == tmp_path / "p.log"
    path.write_text(text if text.startswith("[") else json.dumps({**good, **json.loads(text)}))
    assert list(read_records(tmp_path)) == [(path, None)]


@pytest.mark.parametrize("name", ["~nobody-here/a.csv", "~\0.csv", "x" * 5_000 + ".csv", "a\0b.json"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    with pytest.raises(ExportError):
        checked_path(name)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("\u00a0\ufeff=1", "'\u00a0\ufeff=1"),
        ("＝1+1", "'＝1+1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("a;=1+1", "a;'=1+1"),
        ("a\t=1", "a\t'=1"),
        ("a\n=1", "a\n'=1"),
        ("a\r=1", "a\r'=1"),
        ("a\x1b[1mb\x00\x9b", "a\ufffd[1mb\ufffd\ufffd"),
        ("a = b; c - d", "a = b; c - d"),
        ("5 - 3", "5 - 3"),
        ("Grüße 日本", "Grüße 日本"),
    ],
)
def test_no_cell_is_run_by_a_spreadsheet_of_any_country(cell: str, written: str) -> None:
    assert harmless(cell) == written


@pytest.mark.parametrize("text", ["null", "1", '{"a": 1}', "=1+1"])
def test_a_text_is_exported_as_that_text(text: str) -> None:
    assert json.loads(record_json(text)) == text


EVIL = "\x1b]0;x\x07\x9b2J\u202e\x7f\ud7ff"


def test_json_on_a_terminal_is_inert_and_exact() -> None:
    with redirect_stdout(io.StringIO()) as out:
        common.print_json({EVIL: [EVIL]})
    assert out.getvalue().rstrip("\n").isprintable()
    assert json.loads(out.getvalue()) == {EVIL: [EVIL]}


def test_what_a_command_complains_about_is_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_argv: list[str]) -> int:
        raise NaqException(f"job failed: {EVIL}")

    monkeypatch.setattr(main, "_run", fail)
    with redirect_stderr(io.StringIO()) as told:
        assert main.main([]) == 1
    assert told.getvalue().startswith("naq: job failed: \\x1b]0;x")
    assert told.getvalue().rstrip("\n").isprintable()


def test_a_schedule_is_shown_inert() -> None:
    schedule = Schedule(schedule_id="s", function=EVIL, queue=EVIL, job={EVIL: EVIL}, status=EVIL, cron=EVIL)
    with redirect_stdout(io.StringIO()) as out:
        show(schedule, T0, as_json=False)
    assert all(line.isprintable() for line in out.getvalue().split("\n"))


def test_a_log_line_is_one_line_and_inert() -> None:
    formatter = InertFormatter("%(levelname)s %(message)s")
    record = logging.LogRecord("naq", logging.ERROR, "", 1, "job said %s", (f"{EVIL}\nERROR forged",), None)
    assert formatter.format(record).isprintable()
    try:
        raise ValueError(EVIL)
    except ValueError as exc:
        record.exc_info = (type(exc), exc, exc.__traceback__)
    lines = formatter.format(record).split("\n")
    assert lines[1].startswith("Traceback")
    assert all(line.isprintable() for line in lines)


def test_a_connection_that_is_gone_is_told_once_and_not_with_every_write() -> None:
    ours, logger = logging.getLogger("naq"), logging.getLogger("asyncio")
    before = ours.handlers[:], ours.level, ours.propagate, logger.filters[:]
    try:
        setup_logging()
        texts = ("socket.send() raised exception.", "slow callback")
        told = (logger.makeRecord("asyncio", logging.WARNING, "", 1, text, (), None) for text in texts)
        assert [record.msg for record in told if logger.filter(record)] == ["slow callback"]
    finally:
        ours.handlers[:], ours.level, ours.propagate, logger.filters[:] = before
        ours.setLevel(ours.level)  # forgets what was asked of the one in between


@pytest.mark.parametrize("cron", ["*/1,5 * * * *", "*/2,*/3 0 * * *", "0 */5,1 * * *"])
def test_a_list_of_steps_is_told_as_it_is_written(cron: str) -> None:
    assert in_words(cron) == cron


def test_a_mark_of_a_lost_worker_at_the_end_of_time_is_read() -> None:
    raw = b'{"worker_id": "w", "lost_at": "9999-12-31T23:59:59.000000Z"}'
    assert WorkerRecord.from_wire(raw).worker_id == "w"
    assert WorkerRecord.from_wire(raw, beat_at=T0).lost_at is None


def test_a_pasted_file_is_no_filter_and_no_environment() -> None:
    assert len(Needle("a\n" * 500_000).terms) <= 2_000
    with pytest.raises(ValueError, match="too long"):
        parse_environment("日本" * 500_000)
    with pytest.raises(ValueError, match="KEY=VALUE"):
        parse_environment('"\nX="')
