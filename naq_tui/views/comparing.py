"""Two jobs beside each other: the same facts of both in one row, and which of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from naq.ids import short
from naq.models.event import StoredEvent
from naq.models.result import JobResult
from naq_tui import masking, status
from naq_tui.format import count, exact, milliseconds, plural
from naq_tui.jsontext import TAG, one_line
from naq_tui.store.jobs import JobRow, with_events, with_results
from naq_tui.store.rows import ResultRow, event_row, result_row, told
from naq_tui.store.state import State
from naq_tui.text import cut, cut_id, fit, safe, wrap
from naq_tui.views.report import Line, Report
from naq_tui.views.table import Lens
from naq_tui.views.traceback import own_frames

SIDE_BY_SIDE = 100
"""Cells from which on the two stand beside each other."""
PATHS = 200
"""Places within arguments, and within results, that are compared one by one."""
DEEPEST = 6
VALUE = 400
"""Characters shown of one value."""
LINES = 6
"""Lines that one value takes at most."""
_LABEL, _VERDICT = 24, 13
_MUCH = 2.0
"""How many times longer a wait or a run is that counts as different; below `_LITTLE_MS` none does."""
_LITTLE_MS = 20.0
_MISSING: Any = object()
"""A place that only the other one has."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What is known of one of the two."""

    job_id: str
    row: JobRow | None = None
    """None where the console has not heard of it lately."""
    record: JobResult | None = None
    payload: Mapping[str, Any] | None = None
    """Its own record, what it was called with; None where that is not stored."""
    events: tuple[StoredEvent, ...] = ()

    @property
    def status(self) -> str:
        record = result_row(self.record).status if self.record is not None else ""
        return self.row.status if self.row is not None else record

    @property
    def function(self) -> str:
        """With its module, as far as that is known; safe."""
        told_by = [self.record.function if self.record else None, (self.payload or {}).get("function")]
        told_by += [stored.event.function for stored in self.events if stored.event is not None]
        full = next((name for name in told_by if isinstance(name, str) and name), None)
        return safe(full, 300) if full else self.row.function if self.row is not None else ""

    @property
    def code_version(self) -> str:
        """What ran it last; empty where nothing tells."""
        versions = [stored.event.code_version for stored in self.events if stored.event is not None]
        return safe(next((version for version in reversed(versions) if version), ""), 60)


class Fact(NamedTuple):
    """One row: the same thing of both. Texts are safe; empty where there is none."""

    label: str
    left: str
    right: str
    verdict: str
    """"", "differs", "only left", "only right" or "unknown"."""
    tones: tuple[str, str] = ("", "")


class Section(NamedTuple):
    title: str
    facts: list[Fact]


def last_completed(state: State, row: JobRow | ResultRow) -> str | None:
    """Id of the job of the same function that completed last, before this one if there is any; None where the console
    knows of none."""
    record = row.record
    at = row.changed_at if isinstance(row, JobRow) else row.at
    newest: str | None = None
    for other in reversed(state.jobs.values()):  # type: ignore[call-overload]
        if other.status != "COMPLETED" or other.job_id == row.job_id or other.function != row.function:
            continue
        if record is not None and other.record is not None and other.record.function != record.function:
            continue  # the same name in another module
        if at is None or other.changed_at <= at:
            return str(other.job_id)
        newest = newest or other.job_id
    return newest


def compared(left: Compared, right: Compared) -> list[Section]:
    """What can be said of both, in the order of causes: the call, then where and how it ran, then what came of it.

    Secrets are hidden in the texts; whether they differ is told all the same.
    """
    return [
        Section("Call", _call(left, right)),
        Section("Run", _run(left, right)),
        Section("Outcome", _outcome(left, right)),
        Section("When", _when(left, right)),
    ]


def differences(sections: Iterable[Section]) -> list[Fact]:
    return [fact for section in sections for fact in section.facts if fact.verdict not in ("", "unknown")]


def comparison(left: Compared, right: Compared, lens: Lens, cells: int) -> Report:
    """The two as a report for a screen of so many cells: side by side, or one above the other where it is narrow."""
    report = Report(f"Jobs {safe(short(left.job_id))} and {safe(short(right.job_id))} compared")
    report.record = {"left": _plain(left), "right": _plain(right)}
    sections = compared(left, right)
    _headline(report, sections)
    is_wide = cells >= SIDE_BY_SIDE
    room = (cells - 6 - _LABEL - _VERDICT) // 2 if is_wide else cells - 10
    heads = [_head(one, lens) for one in (left, right)]
    if is_wide:
        report.lines.append(((" " * (2 + _LABEL + _VERDICT), ""), *((fit(text, room), tone) for text, tone in heads)))
    else:
        report.lines += [((f"  {name} ", "accent"), head) for name, head in zip("LR", heads, strict=True)]
    for section in sections:
        if not section.facts:
            continue
        report.section(section.title)
        for fact in section.facts:
            report.lines += _beside(fact, room, lens) if is_wide else _stacked(fact, room, lens)
    report.hide_secrets()
    return report


# what is compared


def _call(left: Compared, right: Compared) -> list[Fact]:
    facts = [_fact("function", left.function, right.function), _fact("queue", _queue(left), _queue(right))]
    if left.payload is None or right.payload is None:
        words = tuple("known" if one.payload is not None else "not stored any more" for one in (left, right))
        facts.append(Fact("arguments", words[0], words[1], "unknown"))
    else:
        facts += _values(_arguments(left.payload), _arguments(right.payload))
    tags = [safe(", ".join(sorted(_tags(one))), 300) for one in (left, right)]
    return [*facts, _fact("tags", *tags)]


def _run(left: Compared, right: Compared) -> list[Fact]:
    rows = [_row(one) for one in (left, right)]
    versions = left.code_version, right.code_version
    facts = [
        _fact("worker", *(row.worker for row in rows)),
        _fact("code version", *versions),
        _fact("attempts", *(count(row.attempt) if row.attempt else "" for row in rows)),
        _lasting("waited", rows[0].wait_ms, rows[1].wait_ms),
        _lasting("ran", rows[0].run_ms, rows[1].run_ms),
    ]
    return [fact for fact in facts if fact.left or fact.right]


def _outcome(left: Compared, right: Compared) -> list[Fact]:
    looks = [status.of_job(one.status) for one in (left, right)]
    state = _fact("state", looks[0].word, looks[1].word)._replace(tones=(looks[0].tone, looks[1].tone))
    errors = [one.record.error if one.record is not None else None for one in (left, right)]
    texts = [told(error.type, 100) if error else "" for error in errors]
    messages = [told(error.message, VALUE) if error else "" for error in errors]
    places = [_place(error.traceback) if error and error.traceback else "" for error in errors]
    facts = [state]
    if any(errors):
        red = ("failed", "failed")
        facts.append(_fact("error", *texts)._replace(tones=red))
        same = errors[0] is not None and errors[1] is not None and errors[0].message == errors[1].message
        message = _fact("message", *messages)
        facts.append(message if same or message.verdict else message._replace(verdict="differs"))
        facts.append(_fact("raised in", *places))
    values = [_value(one.record) for one in (left, right)]
    if all(value is not _MISSING for value in values):
        facts += _values({"result": values[0]}, {"result": values[1]})
    elif any(value is not _MISSING for value in values):
        shown = ["" if value is _MISSING else _shown(value) for value in values]
        facts.append(_fact("result", *shown))
    return [fact for fact in facts if fact.left or fact.right]


def _when(left: Compared, right: Compared) -> list[Fact]:
    rows = [_row(one) for one in (left, right)]
    return [
        Fact("job", safe(left.job_id, 100), safe(right.job_id, 100), ""),
        Fact("enqueued", exact(rows[0].enqueued_at), exact(rows[1].enqueued_at), ""),
        Fact("started", exact(rows[0].started_at), exact(rows[1].started_at), ""),
        Fact("ended", exact(rows[0].ended_at), exact(rows[1].ended_at), ""),
    ]


def _row(one: Compared) -> JobRow:
    """Its row; made of its record where the console has none, or has none of its own figures."""
    jobs = with_events({}, [event_row(stored) for stored in one.events])
    if one.record is not None:
        jobs = with_results(jobs, [result_row(one.record)], ())
    return jobs.get(one.job_id) or one.row or JobRow(one.job_id, safe(short(one.job_id)), "", "", "")


def _queue(one: Compared) -> str:
    return _row(one).queue or (one.row.queue if one.row is not None else "")


def _tags(one: Compared) -> tuple[str, ...]:
    if one.record is not None and one.record.tags:
        return one.record.tags
    given = (one.payload or {}).get("tags")
    return tuple(tag for tag in given[:50] if isinstance(tag, str)) if isinstance(given, list | tuple) else ()


def _place(traceback: str) -> str:
    frames = own_frames(traceback)
    return f"{frames[0].place} {frames[0].function}" if frames else ""


def _value(record: JobResult | None) -> Any:
    if record is None or record.status != "COMPLETED":
        return _MISSING
    aside = record.value_ref  # not read for this: which value it is is told by the sum of its bytes
    return record.value if aside is None else f"{aside.size:,} bytes in the object store, sha256 {aside.sha256[:12]}"


def _arguments(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Positional ones as `args[0]`, the others by name."""
    args, kwargs = payload.get("args"), payload.get("kwargs")
    found = {f"args[{place}]": value for place, value in enumerate(args)} if isinstance(args, list | tuple) else {}
    return {**found, **{str(name): value for name, value in kwargs.items()}} if isinstance(kwargs, dict) else found


# how


def _fact(label: str, left: str, right: str) -> Fact:
    verdict = "" if left == right else "only right" if not left else "only left" if not right else "differs"
    return Fact(label, left, right, verdict)


def _lasting(label: str, left: float | None, right: float | None) -> Fact:
    """Durations differ where one is much longer: no two are the same."""
    fact = _fact(label, milliseconds(left), milliseconds(right))
    if left is None or right is None:
        return fact
    shorter, longer = sorted((left, right))
    is_alike = longer - shorter < _LITTLE_MS or longer < shorter * _MUCH
    return fact._replace(verdict="" if is_alike else "differs")


def _values(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Fact]:
    """One row for each place where values may differ; of very many the first, then one that tells of the rest."""
    facts: list[Fact] = []
    for path, key, mine, its in _within("", "", left, right, 0):
        if len(facts) >= PATHS:
            facts.append(Fact("…", "more is not compared", "more is not compared", "unknown"))
            break
        shown = ["" if value is _MISSING else _shown(value, key) for value in (mine, its)]
        verdict = "only right" if mine is _MISSING else "only left" if its is _MISSING else ""
        if not verdict and not _same(mine, its):
            verdict = "differs"
        facts.append(Fact(safe(path, 200), shown[0], shown[1], verdict))
    return facts


def _within(path: str, key: str, left: Any, right: Any, depth: int) -> Iterator[tuple[str, str, Any, Any]]:
    """Every place of either value as its path, its name, and what stands there; what is secret is not gone into."""
    is_open = depth <= DEEPEST and not (key and masking.active().hides(key))
    if is_open and _is_object(left) and _is_object(right) and (left or right):
        for name in dict.fromkeys((*left, *right)):
            text = str(name)[:100]
            there = f"{path}.{text}" if path else text
            yield from _within(there, text, left.get(name, _MISSING), right.get(name, _MISSING), depth + 1)
    elif is_open and isinstance(left, list) and isinstance(right, list) and (left or right):
        for place in range(max(len(left), len(right))):
            mine, its = (items[place] if place < len(items) else _MISSING for items in (left, right))
            yield from _within(f"{path}[{place}]", key, mine, its, depth + 1)
    elif depth or left or right:
        yield path, key, left, right


def _is_object(value: Any) -> bool:
    """Whether it has places of its own; a packed value (see `naq.codec`) is one thing."""
    return isinstance(value, dict) and TAG not in value


def _same(left: Any, right: Any) -> bool:
    try:
        # true is no 1 for who reads it, though Python says so
        return type(left) is type(right) and bool(left == right)
    except RecursionError:
        return False


def _shown(value: Any, key: str = "") -> str:
    return one_line(masking.active().under(key, value) if key else value, VALUE)


def _plain(one: Compared) -> dict[str, Any]:
    record = one.record.to_wire() if one.record is not None else None
    return {"job_id": one.job_id, "record": record, "job": dict(one.payload) if one.payload is not None else None}


# lines


def _headline(report: Report, sections: Sequence[Section]) -> None:
    found = differences(sections)
    known = sum(fact.verdict != "unknown" for section in sections[:-1] for fact in section.facts)
    if not found:
        report.headline(("No difference", "strong"), (f"   in {plural(known, 'row')}", "muted"))
        return
    first = found[0]
    values = {"only left": f"{first.left}, only left", "only right": f"{first.right}, only right"}
    words = values.get(first.verdict) or f"{cut(first.left, 60)} | {cut(first.right, 60)}"
    report.headline(("First difference  ", "muted"), (f"{first.label}  ", "strong"), (words, "waiting"))
    report.lines[-1:] = [((f"{len(found)} of {plural(known, 'row')} differ", "muted"),), ()]


def _head(one: Compared, lens: Lens) -> tuple[str, str]:
    look = status.of_job(one.status) if one.status else None
    mark = f"{look.mark(lens.ascii_only)} {look.word}  " if look else ""
    return f"{mark}{safe(short(one.job_id))}", look.tone if look else ""


def _mark(fact: Fact, lens: Lens) -> str:
    glyphs = {"differs": ("≠", "#"), "only left": ("◂", "<"), "only right": ("▸", ">"), "unknown": ("?", "?")}
    glyph = glyphs.get(fact.verdict)
    return f"{glyph[lens.ascii_only]} {fact.verdict}" if glyph else ""


def _tones(fact: Fact) -> tuple[str, str, str]:
    """Of the label and of either side: what is the same is dimmed."""
    if not fact.verdict:
        return "muted", "muted", "muted"
    left, right = (tone or "strong" for tone in fact.tones)
    return "", left, right


def _beside(fact: Fact, room: int, lens: Lens) -> list[Line]:
    columns = [_pieces(text, room - 2) for text in (fact.left, fact.right)]
    tone, *sides = _tones(fact)
    lines: list[Line] = []
    for place in range(max(len(column) for column in columns)):
        texts = [column[place] if place < len(column) else "" for column in columns]
        label, mark = (cut_id(fact.label, _LABEL - 1), _mark(fact, lens)) if place == 0 else ("", "")
        lines.append(
            (
                ("  ", ""),
                (fit(label, _LABEL), tone),
                (fit(mark, _VERDICT), "waiting"),
                *((fit(text, room), side) for text, side in zip(texts, sides, strict=True)),
            )
        )
    return lines


def _stacked(fact: Fact, room: int, lens: Lens) -> list[Line]:
    tone, *sides = _tones(fact)
    if not fact.verdict and fact.left == fact.right:
        return [
            (("  ", ""), (fit(cut_id(fact.label, _LABEL - 1), _LABEL), tone), (cut(fact.left, room - _LABEL), tone))
        ]
    lines: list[Line] = [
        (("  ", ""), (fit(cut_id(fact.label, _LABEL - 1), _LABEL), tone), (_mark(fact, lens), "waiting"))
    ]
    for name, text, side in zip("LR", (fact.left, fact.right), sides, strict=True):
        for place, piece in enumerate(_pieces(text, room) if text else ["–"]):
            lines.append(((f"    {name if place == 0 else ' '} ", "accent"), (piece, side if text else "muted")))
    return lines


def _pieces(text: str, room: int) -> list[str]:
    pieces = wrap(text, max(8, room))
    return pieces if len(pieces) <= LINES else [*pieces[: LINES - 1], cut(pieces[LINES - 1] + "…", max(8, room))]
