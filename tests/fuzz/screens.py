"""Targets: all that shows or exports what others have written. Nothing comes out that a terminal or a sheet obeys."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from naq import codec
from naq.cli import common, events, job_show, result, schedule_show, workers
from naq.cli.main import _one_line
from naq.errors import NaqException, SerializationError
from naq.models.event import StoredEvent
from naq.models.job import Job
from naq.models.queue import QueueStats
from naq.models.result import JobResult
from naq.models.schedule import Schedule
from naq.models.worker import WorkerRecord
from naq_tui import export, jsontext, masking, times
from naq_tui.acting.targets import breakdown, sample, targets_of
from naq_tui.feed.sample import process
from naq_tui.launcher import ProcessStatus, ProcessView
from naq_tui.store.fold import apply
from naq_tui.store.kin import Kin, Relative
from naq_tui.store.rows import EventRow, event_row
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import (
    EventsAppended,
    FailuresFound,
    JobsFound,
    LinkChanged,
    Malformed,
    ProcessesChanged,
    QueuesSampled,
    ResultsChanged,
    SchedulesChanged,
    Update,
    WorkersChanged,
)
from naq_tui.text import LINE_LIMIT, cut, fit, safe, safe_lines, width, without_ansi, wrap
from naq_tui.views import events as events_view
from naq_tui.views import output
from naq_tui.views.alarm import alarms
from naq_tui.views.arranging import Arrangement, arranged
from naq_tui.views.copying import copy_text
from naq_tui.views.detail import Kind, detail
from naq_tui.views.errors import ErrorsView
from naq_tui.views.extra import Extra
from naq_tui.views.header import truth
from naq_tui.views.jobs import JobsView
from naq_tui.views.processes import ProcessesView
from naq_tui.views.queues import QueuesView
from naq_tui.views.related import related
from naq_tui.views.report import Report
from naq_tui.views.results import ResultsView
from naq_tui.views.schedules import SchedulesView
from naq_tui.views.search import Needle
from naq_tui.views.summary import summary
from naq_tui.views.table import Cell, Lens, TableView
from naq_tui.views.values import Value, ValueRows
from naq_tui.views.workers import WorkersView
from tests.fuzz.harness import Target, next_call
from tests.fuzz.hostile import FORMULAS, either, is_harmless, mangled, spoilt, text, value, wire
from tests.fuzz.seeds import RECORDS, T0, packed, spoilt_record
from tests.reports import lines_of

Part = tuple[str, Any]
"""The kind of a record, and the record."""
_STYLES = (times.Style(), times.Style(ZoneInfo("America/New_York"), "absolute"), times.Style(UTC, "relative"))
_LENSES = tuple(
    Lens(T0, T0, resumed_at=T0 if ascii_only else None, ascii_only=ascii_only) for ascii_only in (False, True)
)
_RULES = masking.Rules(keys=("iban",), shown=("max_tokens",), patterns=(r"sk-[a-z]{4,}",))
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_QUEUE = {"queue": "mail", "waiting": 3, "running": 1, "pulls": 0, "oldest_s": 60.0, "reason": "deploy", "paused": True}
_PROCESS = {
    "process_id": "p-1",
    "name": "mail",
    "kind": "worker",
    "status": "running",
    "status_text": "running",
    "command": "naq worker mail",
    "last_line": "14:07:12 INFO \x1b[31mready\x1b[0m",
    "recipe": "mail",
    "folder": "/srv",
    "host": "web-1",
    "environment": {"TOKEN": "t", "LANG": "C"},
}
_LINK = {"server_label": "local", "server_version": "2.15.0", "message": "", "forbids": ""}
VIEWS: dict[str, tuple[Callable[[], TableView[Any]], tuple[str, ...]]] = {
    "Jobs": (JobsView, ("event", "result", "job", "worker", "schedule")),
    "Errors": (ErrorsView, ("event",)),
    "Queues": (QueuesView, ("queue", "worker", "event")),
    "Workers": (WorkersView, ("worker",)),
    "Schedules": (SchedulesView, ("schedule",)),
    "Results": (ResultsView, ("result",)),
    "Processes": (ProcessesView, ("process", "worker")),
}


def assert_inert(shown: str, where: str) -> None:
    assert is_harmless(shown), f"{where}: {shown[:300]!r}"


def _text(record: Any, name: str) -> str:
    found = record.get(name) if isinstance(record, dict) else record
    return found if isinstance(found, str) else str(found)[:100]


def _queue(record: Any) -> QueueStats:
    numbers = {
        name: int(codec.number(record, name, 0)) if isinstance(record, dict) else 0
        for name in ("waiting", "running", "redelivered", "pulls")
    }
    is_paused = isinstance(record, dict) and record.get("paused") is True
    return QueueStats(
        queue=_text(record, "queue"),
        oldest_at=T0 - timedelta(seconds=60),
        has_consumer=False,
        is_paused=is_paused,
        paused_at=T0 if is_paused else None,
        paused_reason=_text(record, "reason"),
        **numbers,
    )


def _process(record: Any) -> ProcessView:
    status = _text(record, "status")
    environment = record.get("environment") if isinstance(record, dict) else None
    return process(
        _text(record, "name"),
        _text(record, "kind"),
        7,
        _text(record, "last_line"),
        process_id=_text(record, "process_id"),
        status=ProcessStatus(status) if status in list(ProcessStatus) else ProcessStatus.KILLED,
        status_text=_text(record, "status_text"),
        command=_text(record, "command"),
        recipe=_text(record, "recipe"),
        folder=_text(record, "folder"),
        host=_text(record, "host"),
        environment=codec.text_items({"it": environment}, "it"),
        failed=status not in list(ProcessStatus),
        exit_code=-9,
        log_path=Path("/var") / _text(record, "name").replace("\0", ""),
    )


def system(parts: Sequence[Part]) -> tuple[State, tuple[StoredEvent, ...]]:
    """The console's state once these records came in, each read as the feed reads it."""
    batch: list[Update] = [LinkChanged(state="live", at=T0)]
    arrived: list[StoredEvent] = []
    queues: list[QueueStats] = []
    processes: list[ProcessView] = []
    for place, (kind, record) in enumerate(parts, 1):
        raw = record if isinstance(record, bytes) else wire(record)
        at = T0 - timedelta(seconds=20 - place)
        try:
            match kind:
                case "event":
                    subject = f"naq.events.{_text(record, 'entity')}.x.{_text(record, 'queue')}"
                    arrived.append(StoredEvent.from_stream(place, at, subject, raw))
                case "result":
                    found = JobResult.from_wire(raw, saved_at=at, revision=place)
                    batch.append(ResultsChanged((found,), total=1))
                case "worker":
                    batch.append(WorkersChanged((WorkerRecord.from_wire(raw, beat_at=at),)))
                case "schedule":
                    batch.append(SchedulesChanged((Schedule.from_wire(raw, saved_at=at),)))
                case "job":
                    batch.append(JobsFound((Job.from_wire(raw),)))
                case "queue":
                    queues.append(_queue(codec.loads(raw)))
                case "process":
                    processes.append(_process(codec.loads(raw)))
                case _:
                    label = {name: _text(record, name) for name in _LINK}
                    batch.append(LinkChanged(state="lost", at=T0, **label))
        except SerializationError as exc:
            batch.append(Malformed(kind, _text(record, "job_id"), raw, str(exc)))
    if queues:
        batch.append(QueuesSampled(tuple(queues), T0))
    if processes:
        batch.append(ProcessesChanged(tuple(processes)))
    events = tuple(arrived)
    if events:
        batch += [EventsAppended(events), FailuresFound(events)]
    return apply(EMPTY, batch), events


def parts_of(*kinds: str) -> Callable[[random.Random], list[Part]]:
    """Makes a few records of these kinds, some of them bytes that are nobody's."""
    made = {"queue": _QUEUE, "process": _PROCESS, "link": _LINK}

    def make(rng: random.Random) -> list[Part]:
        found: list[Part] = []
        for _ in range(rng.choice((1, 1, 2, 3))):
            kind = rng.choice(kinds)
            if kind in made:
                found.append((kind, spoilt(rng, made[kind])))
            elif rng.random() < 0.05:
                found.append((kind, mangled(rng, json.dumps(rng.choice(RECORDS[kind])).encode())))
            else:
                found.append((kind, spoilt_record(kind)(rng)))
        return found

    return make


@contextlib.contextmanager
def look(parts: Sequence[Part]) -> Any:
    """One of the ways to look at things, which follows from the input."""
    style = _STYLES[len(parts) % len(_STYLES)]
    masking.use(_RULES)
    times.use(style)
    try:
        yield _LENSES[len(parts) % 2]
    finally:
        times.use(times.Style())
        masking.use(_DEFAULT_RULES)


_DEFAULT_RULES = masking.active()


def cells_inert(cells: Sequence[Cell], where: str) -> None:
    for cell in cells:
        assert_inert(cell.text, where)


def _list(name: str, parts: list[Part]) -> None:
    state, _ = system(parts)
    with look(parts) as lens:
        show_list(view(name), state, lens)


@cache
def view(name: str) -> TableView[Any]:
    return VIEWS[name][0]()


def show_list(view: TableView[Any], state: State, lens: Lens) -> None:
    """Everything that a list shows, sorts and hands on."""
    name = view.title
    items = list(view.items(state, lens))
    rows = []
    for item in items:
        cells = view.cells(item, lens)
        assert len(cells) == len(view.columns)
        cells_inert(cells, name)
        assert isinstance(view.key(item), str)
        view.text(item)
        view.fields(item, lens)
        rows.append([cell.text for cell in cells])
    for column in view.columns:
        arranged(view, items, lens, Arrangement("", Needle(""), column.id, is_reversed=False))
    for facet in view.facets(state):
        assert_inert(facet.name, name)
        [view.in_facet(item, facet.name) for item in items]
    cells_inert(view.headline(state, lens), name)
    assert_inert(view.empty(state), name)
    if rows:
        check_csv(export.rows_csv([column.title for column in view.columns], rows))
        json.loads(export.records_json(items))
    if name in ("Jobs", "Results"):
        targets = targets_of(items)
        for line in (*sample(targets), *(line for _, line in breakdown(targets))):
            assert_inert(line, "question")


def check_csv(written: str) -> None:
    """Nothing in it is run by a spreadsheet, whichever of `,`, `;` and tab it takes for the separator."""
    csv.field_size_limit(2**30)
    for row in csv.reader(io.StringIO(written, newline="")):
        for cell in row:
            for piece in cell.replace(";", "\n").replace("\t", "\n").replace("\r", "\n").split("\n"):
                assert not piece.lstrip().lstrip("\ufeff\u200b").startswith(_FORMULA), cell[:300]
            assert not _CONTROLS.search(cell), cell[:300]


def _events(parts: list[Part]) -> None:
    state, stored = system(parts)
    with look(parts) as lens:
        rows = [event_row(event) for event in stored]
        for row in rows:
            cells_inert(events_view.cells(row, lens), "Events")
            for label in related(row):
                assert_inert(label.label, "Events")
        events_view.total(state)


def _overview(parts: list[Part]) -> None:
    state, _ = system(parts)
    with look(parts) as lens:
        for part in truth(state, lens):
            cells_inert(part.cells, "header")
        for line in summary(state, lens):
            cells_inert(line.cells, "summary")
        for alarm in alarms(state, lens):
            assert_inert(alarm.text, "alarm")


def _report(kind: Kind, keys: Callable[[State, list[Part]], Sequence[str]], parts: list[Part]) -> None:
    state, stored = system(parts)
    next_call()
    with look(parts) as lens:
        row: EventRow | None = event_row(stored[0]) if stored else None
        found = next((row.record for row in state.results.values()), None)
        parents = tuple(
            Relative(_text(part, "job_id"), _text(part, "status"), _text(part, "function")) for _, part in parts
        )
        payload = next((part for name, part in parts if name == "job" and isinstance(part, dict)), None)
        if payload is not None:
            with contextlib.suppress(SerializationError):
                payload = Job.from_wire(wire(payload)).to_record()
        names = tuple(parent.job_id for parent in parents)
        relatives = {parent.job_id: parent for parent in parents}
        edges = dict.fromkeys(("", *names), names)
        extra = Extra(
            event=row,
            result=found,
            payload=payload,
            events=stored or None,
            kin=Kin("", edges, edges, relatives, is_reading=False),
            is_read=True,
            depth=3 + len(parts),
        )
        for key in [*keys(state, parts)][:2]:
            next_call()
            check_report(detail(state, kind, key, lens, extra), kind)


def check_report(report: Report, kind: str) -> None:
    next_call()
    assert_inert(report.title, kind)
    for line in lines_of(report):
        for shown, _ in line:
            assert_inert(shown, kind)
    if report.record is not None:
        check_copy(report.record)


def check_copy(record: Any) -> None:
    """The JSON of an export is what the record holds; its CSV is run by nobody."""
    next_call()
    copied, _ = copy_text(record)
    next_call()
    written = export.record_json(record)
    next_call()
    with contextlib.suppress(ValueError, RecursionError):
        assert json.dumps(json.loads(written)) == json.dumps(json.loads(copied))
    next_call()
    table = export.record_csv(record)
    next_call()
    check_csv(table)
    next_call()


def _job_ids(state: State, parts: list[Part]) -> list[str]:
    return [*state.jobs, *state.results]


def _export(given: Any) -> None:
    """Any JSON as a record: whole as JSON, harmless as CSV."""
    masking.use(masking.Rules(shown=("password", "token")))
    try:
        found = codec.loads(wire(given))
        check_csv(export.record_csv(found))
        check_csv(export.rows_csv(["a"], [[str(found)[:5_000]]]))
        with masking.revealed():
            assert json.loads(export.record_json(found)) == found
    finally:
        masking.use(_DEFAULT_RULES)


def _safe(given: str) -> None:
    once = safe(given)
    assert_inert(once, "safe")
    assert safe(once, LINE_LIMIT + 2) == once or len(given) > LINE_LIMIT
    for line in safe_lines(given, 50):
        assert_inert(line, "safe_lines")
    short = once[:300]
    for cells in (0, 1, 2, 7, 40):
        assert width(cut(short, cells)) <= cells
        assert width(fit(short, cells)) == cells
    assert "".join(wrap(short, 20)) == short
    plain = output.plain(given)
    assert_inert(plain, "output")
    assert "".join(span for span, _ in output.spans(plain)) == plain
    assert_inert(output.message(plain)[0], "output")
    output.is_error(given[:5_000])
    assert "".join(span for span, _ in output.lit([(plain, "")], given[:3])) == plain
    assert isinstance(without_ansi(given), str)


def _values(given: Any) -> None:
    """Values in lists and reports."""
    found = codec.loads(wire(given))
    assert_inert(jsontext.one_line(found), "one line")
    assert len(jsontext.one_line(found)) <= 4 * 202  # a tab is four spaces
    rows = ValueRows(Value("x", found, 4, _RULES), 60)
    rows.lay(at_least=500)
    heads = [at for at, row in enumerate(rows.rows) if row.head is not None]
    for at in heads[-1:] + heads[:1]:
        rows.toggle(at)
        rows.lay(0.0, 50)
    for row in rows.rows[:500]:
        for shown, _ in row.spans:
            assert_inert(shown, "value")
    _RULES.value(found)


def _hidden(given: str) -> None:
    """Looking for secrets takes no more than a moment, and what is found is gone."""
    shown = _RULES.text(given)
    assert isinstance(_RULES.text(shown), str)
    named = _RULES.text(f'password="{given[:50]}"') if '"' not in given and "\\" not in given else ""
    if named and given.strip() and "hunter2" in given[:50]:
        assert "hunter2" not in named


def _printed(parts: list[Part]) -> None:
    """What commands print about the records, as text and as JSON."""
    state, stored = system(parts)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for event in stored:
            events._print(event)
            events._print_json(event)
        payload = {}
        with contextlib.suppress(SerializationError, TypeError):
            payload = codec.loads(wire(next((part for name, part in parts if name == "job"), {})))
        payload = payload if isinstance(payload, dict) else {}
        for row in state.results.values():
            record = row.record
            result._print(record)
            common.print_json(result.summary(record))
            job_show._print(record.job_id, record.status, payload, record, list(stored), None)
            common.print_json(job_show._as_json(record.job_id, record.status, payload, record, list(stored), None))
        for schedule in state.schedules.values():
            for as_json in (False, True):
                schedule_show.show(schedule.record, T0, as_json=as_json)
        listed = [row.record for row in state.workers.values()]
        common.print_table(
            ("status", "worker", "host", "beat"),
            [(w.status_at(T0), w.worker_id, w.host, common.age(w.beat_at, T0)) for w in listed],
        )
        for malformed in state.malformed.values():
            print(_one_line(NaqException(malformed.text + malformed.key)))
        for worker in listed:
            print(_one_line(NaqException(f"worker {worker.worker_id} on {worker.host}")))
            common.print_json(workers._about(worker))
    for line in out.getvalue().split("\n"):
        assert line.isprintable(), f"{line[:400]!r}"


_LINES = (
    "2026-11-24 14:07:12 INFO ready",
    "Traceback (most recent call last):",
    "ValueError: password=hunter2 is wrong",
    '  File "/srv/a.py", line 3, in f',
    "nats://user:hunter2@host:4222 Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
)


def _line(rng: random.Random) -> str:
    found = mangled(rng, rng.choice(_LINES).encode()).decode("utf-8", "surrogateescape")
    return found + rng.choice(("", text(rng)))


TARGETS = (
    Target("text made safe", either(text, _line), _safe, (), 2),
    Target("secrets sought", either(text, _line), _hidden),
    Target("values shown", either(packed, value), _values, (SerializationError,)),
    *(
        Target(f"screen: {name}", parts_of(*kinds), lambda parts, name=name: _list(name, parts), (), 0)
        for name, (_, kinds) in VIEWS.items()
    ),
    Target("screen: Events", parts_of("event"), _events),
    Target(
        "screen: Overview", parts_of("event", "worker", "queue", "schedule", "result", "link", "process"), _overview
    ),
    Target("report: event", parts_of("event"), lambda parts: _report("event", lambda *_: ["1"], parts), (), 0),
    Target("report: job", parts_of("event", "result", "job"), lambda parts: _report("job", _job_ids, parts), (), 0),
    Target(
        "report: worker", parts_of("worker"), lambda parts: _report("worker", lambda s, _: [*s.workers], parts), (), 0
    ),
    Target(
        "report: queue",
        parts_of("queue", "worker"),
        lambda parts: _report("queue", lambda s, _: [row.name for row in s.queues], parts),
        (),
        0,
    ),
    Target(
        "report: schedule",
        parts_of("schedule"),
        lambda parts: _report("schedule", lambda s, _: [*s.schedules], parts),
        (),
        0,
    ),
    Target(
        "report: process",
        parts_of("process", "worker"),
        lambda parts: _report("process", lambda s, _: [row.process_id for row in s.processes], parts),
        (),
        0,
    ),
    Target(
        "report: error",
        parts_of("event", "event", "result"),
        lambda parts: _report("error", lambda s, _: [f.fingerprint or f.type for f in s.failures.values()], parts),
        (),
        0,
    ),
    Target("export", either(lambda rng: {text(rng)[:50]: rng.choice(FORMULAS)}, value), _export, (SerializationError,)),
    Target("printed by commands", parts_of("event", "result", "job", "schedule", "worker"), _printed, (), 0),
)
