"""Arguments and results in reports: coloured, folded container by container, whole, and never in the keys' way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from naq.models.result import JobError
from naq_tui import masking
from naq_tui.feed.fake import first_batch
from naq_tui.feed.sample import results
from naq_tui.screens.detail import DetailScreen
from naq_tui.store.updates import ResultsChanged
from naq_tui.text import width
from naq_tui.views.extra import FOLD_ALL
from naq_tui.views.values import Row, Value, ValueRows
from naq_tui.widgets import document as document_module
from naq_tui.widgets.document import FIRST_ROWS, Document
from tests.reports import all_rows
from tests.tui.conftest import fake_console, settle

JOB = "job-4711"
INVOICE = {
    "number": 4711,
    "paid": True,
    "customer": {"name": "Ada Lovelace", "address": {"street": "12 St James's Square", "city": "London"}, "vat": None},
    "password": "hunter2",
    "lines": [{"sku": f"A-{n}", "amount": 3.5 * n, "text": "one line of an invoice, and a long one"} for n in range(3)],
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('abc "\\,:[]{}()0', max_size=90),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text("abcdef", max_size=8), inner, max_size=6),
    max_leaves=40,
)


def value(what: Any, depth: int = FOLD_ALL) -> Value:
    return Value("x", what, depth, masking.active())


def texts(rows: list[Row]) -> list[str]:
    return ["".join(text for text, _ in row.spans) for row in rows]


def laid(rows: ValueRows) -> ValueRows:
    while rows.lay() is not None:
        pass
    return rows


def place_of(rows: ValueRows, words: str) -> int:
    return next(at for at, text in enumerate(texts(rows.rows)) if words in text)


# layout


@given(PLAIN, st.integers(30, 200))
def test_what_is_shown_is_the_whole_value(what: Any, cells: int) -> None:
    with masking.revealed():
        rows = all_rows(value(what), cells)
        wide = all_rows(value(what), 100_000)
    assert all(width(text) <= cells for text in texts(rows))
    assert json.loads("".join(text.strip() for text in texts(wide))) == what


@given(PLAIN, st.data())
def test_folding_and_unfolding_come_to_the_same_whatever_is_still_to_come(what: Any, data: st.DataObject) -> None:
    """Acts at any place, while rows are made and after: unfolded again, all is as it was; nothing is lost or twice."""
    whole = texts(all_rows(value(what), 60))
    rows = ValueRows(value(what), 60)
    for _ in range(data.draw(st.integers(0, 8))):
        if data.draw(st.booleans()):
            rows.lay(0.0, data.draw(st.integers(0, 5)))
        heads = [at for at, row in enumerate(rows.rows) if row.head is not None]
        if heads:
            rows.toggle(data.draw(st.sampled_from(heads)))
    laid(rows)
    again = laid(ValueRows(rows.shown, 60, rows.folds))
    assert texts(again.rows) == texts(rows.rows), "folds are known by what they fold"
    while any(row.head is not None and row.head.is_folded for row in rows.rows):
        rows.toggle(next(at for at, row in enumerate(rows.rows) if row.head is not None and row.head.is_folded))
        laid(rows)
    assert texts(rows.rows) == whole


def test_one_node_is_folded_and_the_others_stay() -> None:
    rows = laid(ValueRows(value(INVOICE), 80))
    rows.toggle(place_of(rows, '"customer"'))
    shown = texts(rows.rows)
    assert '    "customer": {… 3 keys},' in shown
    assert not any("Lovelace" in text for text in shown)
    assert any('"sku": "A-2"' in text for text in shown)
    rows.toggle(place_of(rows, '"lines"'))
    assert '    "lines": [… 3 items]' in texts(rows.rows)
    rows.toggle(place_of(rows, '"customer"'))
    assert any("Lovelace" in text for text in texts(laid(rows).rows))


def test_each_kind_has_its_own_tone() -> None:
    what = {"key": "text", "long": "x" * 70, "n": -1.5e9, "big": 2, "none": None, "no": [False, "a: b", 7, None]}
    tones: dict[str, set[str]] = {}
    for row in all_rows(value(what), 200):
        for text, tone in row.spans:
            tones.setdefault(tone, set()).add(text.strip())
    assert {'"key"', '"no"'} <= tones["accent"]
    assert {'"text"', '"a: b"', f'"{"x" * 70}"'} <= tones["string"]
    assert {"-1500000000.0", "2", "7"} <= tones["number"]
    assert {"null", "false"} <= tones["word"]
    assert not tones.get("", set()) - {""}


def test_packed_values_are_exact_and_fold() -> None:
    many = [{"$naq": "decimal", "v": f"{n}.10"} for n in range(30)]
    digits = str(7**2_000)
    what = {
        "int": {"$naq": "int", "v": hex(7**2_000)},
        "pairs": {"$naq": "dict", "v": [[{"$naq": "tuple", "v": [1, 2]}, "x" * 60]]},
        "tuple": {"$naq": "tuple", "v": many},
        "made": {"$naq": "dataclass", "class": "shop:Invoice", "v": {"text": "y" * 60}},
        "odd": {"$naq": "tuple", "v": [1], "more": "not lost"},
    }
    rows = laid(ValueRows(value(what), 3_000))
    shown = texts(rows.rows)
    assert f'    "int": {digits},' in shown
    assert '      (1, 2): "' + "x" * 60 + '"' in shown
    assert "      29.10" in shown
    assert '    "made": shop:Invoice(' in shown
    assert any("not lost" in text for text in shown)
    rows.toggle(place_of(rows, '"tuple"'))
    assert '    "tuple": (… 30 items),' in texts(rows.rows)


def test_nothing_is_cut_however_long_wide_or_deep() -> None:
    long = "".join(f"{n:07} " for n in range(125_000))  # a megabyte
    assert "".join(text.strip(" ") for text in texts(all_rows(value([long])))).count("0124999") == 1
    nested: Any = "at the bottom"
    for _ in range(200):
        nested = [nested, "a word that makes it too long for a single row of the screen"]
    rows = all_rows(value(nested), 60)
    assert any('"at the bottom"' in text for text in texts(rows))
    assert all(width(text) <= 60 for text in texts(rows))
    assert any(text.strip().startswith("150› ") for text in texts(rows)), "the level, where no indent has room for it"
    key = "k" * 5_000
    assert "".join(text.strip() for text in texts(all_rows(value({key: 1, "b": 2})))).count("k") == 5_000


@pytest.mark.parametrize(
    "text", ["\x1b[31m", "\x1b]0;x\x07", "a\x00b", "\u202egnp", "\u2066x", "[red]x[/]", "e\u0301" * 50]
)
def test_no_text_or_key_does_anything(text: str) -> None:
    made = {
        "$naq": "dataclass",
        "class": text,
        "v": {"note": "as many words as are too long for one row of text, folded"},
    }
    for what in (text, {text: 1}, [text * 3_000], {"k": {text: [text] * 40}}, {"$naq": "decimal", "v": text}, [made]):
        for shown in texts(all_rows(value(what))):
            assert not any(ord(letter) < 32 or letter in "\u202e\u2066" for letter in shown)


def test_secrets_are_hidden_by_the_name_and_in_texts_of_any_length() -> None:
    what = {
        "password": {"deep": ["s3cret-1"] * 9},
        "note": "x " * 5_000 + "token=s3cret-2",
        "url": "nats://u:s3cret-3@h",
    }
    hidden = "\n".join(texts(all_rows(value(what))))
    assert "s3cret" not in hidden
    assert f'"password": {masking.MASK}' in hidden
    with masking.revealed():
        shown = value(what)
    told = "".join(text.strip() for text in texts(all_rows(shown)))
    assert all(f"s3cret-{n}" in told for n in (1, 2, 3)), "though the rules hold again by now"


# on the screen


async def opened(pilot: Pilot[None], what: Any) -> Document:
    """The report on a job whose result is `what`."""
    await settle(pilot)
    await pilot.press("7", "g", "enter")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, DetailScreen)
    await pilot.press("j")  # the worker can be opened; on to the values
    return screen.document


def console_with(what: Any, **options: Any) -> Any:
    record = replace(results()[-1], job_id=JOB, status="COMPLETED", error=None, value=what, logs=())
    return fake_console(first_batch(), (ResultsChanged((record,), total=10),), **options)


def seen(document: Document) -> list[str]:
    return [document.render_line(y).text.rstrip(" ▐") for y in range(document.size.height)]


def under_cursor(document: Document) -> str:
    """The text of the row that is shown as chosen."""
    ground = document.tone("", "cursor").bgcolor
    lines = [document.render_line(y) for y in range(document.size.height)]
    rows = [line.text.strip(" ▐") for line in lines if any(s.style and s.style.bgcolor == ground for s in line)]
    assert len(rows) <= 1
    return rows[0] if rows else ""


async def test_the_cursor_walks_over_what_can_be_folded_and_space_folds_it() -> None:
    console = console_with(INVOICE)
    async with console.run_test(size=(100, 60)) as pilot:
        document = await opened(pilot, INVOICE)
        for key, words in (("j", "{"), ("j", '"customer": {'), ("j", '"lines": ['), ("j", "{"), ("k", '"lines": [')):
            await pilot.press(key)
            assert under_cursor(document) == words
        await pilot.press("space")
        assert under_cursor(document) == '"lines": [… 3 items]'
        assert not any("A-1" in line for line in seen(document))
        assert any("Lovelace" in line for line in seen(document))
        await pilot.press("k", "enter")
        assert under_cursor(document) == '"customer": {… 3 keys},'
        await pilot.press("enter")
        assert any("Lovelace" in line for line in seen(document))
        await pilot.press("v")
        assert any('"password": "hunter2"' in line for line in seen(document))
        assert any('"lines": [… 3 items]' in line for line in seen(document)), "folded still"
        assert under_cursor(document) == '"customer": {'
        await pilot.press("v", "h")
        assert not any("hunter2" in line for line in seen(document))


async def test_the_keys_of_all_levels_go_over_what_was_folded_by_hand() -> None:
    console = console_with(INVOICE)
    async with console.run_test(size=(100, 60)) as pilot:
        document = await opened(pilot, INVOICE)
        await pilot.press("j", "j", "space", *["h"] * 9)
        assert any(line.strip() == '"lines": [… 3 items]' for line in seen(document))
        await pilot.press(*["l"] * 9)
        assert any("12 St James" in line for line in seen(document)), "what was folded by hand too"


async def test_what_is_told_again_leaves_folds_and_cursor_where_they_are() -> None:
    console = console_with(INVOICE)
    async with console.run_test(size=(100, 60)) as pilot:
        document = await opened(pilot, INVOICE)
        await pilot.press("j", "j", "space", "j")
        before, at = seen(document), under_cursor(document)
        assert at == '"lines": ['
        again = json.loads(json.dumps(INVOICE))
        record = replace(results()[-1], job_id=JOB, status="COMPLETED", error=None, value=again)
        console.take((ResultsChanged((replace(record, logs=(), revision=99_999),), total=10),))
        await pilot.pause()
        assert (seen(document), under_cursor(document)) == (before, at)
        changed = {**INVOICE, "paid": 1}  # equal, and not the same
        console.take((ResultsChanged((replace(record, logs=(), revision=100_000, value=changed),), total=10),))
        await pilot.pause()
        assert any('"paid": 1' in line for line in seen(document))


async def test_a_hundred_thousand_parts_are_read_from_the_first_to_the_last_while_they_are_made() -> None:
    note = "as many words as are too long for one row"
    what = [{"id": n, "name": f"name of {n}", "note": note} for n in range(20_000)]
    what.append({"id": "the very last", "note": "as many words as are too long for one row, and the end of it"})
    console, go_on = console_with(what), asyncio.Event()
    async with console.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        console.keys_first = go_on.wait  # the keys always have something to do
        document = await opened(pilot, what)
        assert len(document._laid_out) < 2 * FIRST_ROWS, "nobody waited for more"
        await pilot.press("pagedown")
        assert any("name of 7" in line for line in seen(document))
        await pilot.press("G")
        assert any("reading on" in line for line in seen(document))
        go_on.set()
        while not document._laid_out.is_whole:
            await pilot.pause()
        assert any("the very last" in line for line in seen(document)), "the end was waited for"
        await pilot.press("g")
        assert seen(document)[0].startswith("✓ done")
        await pilot.press("j", "j", "space")
        assert len(document._laid_out) < 60
        await pilot.press("space", "G")
        while not document._laid_out.is_whole:
            await pilot.pause()
        assert len(document._laid_out) > 100_000


async def test_rows_are_made_as_far_as_somebody_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a value takes of memory is a hundred times its bytes, where all of its rows are made."""
    monkeypatch.setattr(document_module, "ROWS_AHEAD", 1_000)
    monkeypatch.setattr(document_module, "ROWS_TO_THE_END", 5_000)
    console = console_with(list(range(60_000)))
    async with console.run_test(size=(100, 40)) as pilot:
        document = await opened(pilot, None)

        async def rows() -> int:
            while document._laying is not None and not document._laying.is_finished:
                await pilot.pause()
            return len(document._laid_out)

        seen_at_first = await rows()
        assert 1_000 <= seen_at_first < 4_000
        await pilot.press("pagedown")
        assert seen_at_first <= await rows() < 4_000, "what is ahead is enough"
        await pilot.press("G")
        to_the_end = await rows()
        assert 6_000 <= to_the_end < 12_000
        assert any("reading on" in line for line in seen(document))
        await pilot.press("G")
        assert await rows() > to_the_end + 4_000


async def test_what_is_still_made_is_folded_away_without_a_trace() -> None:
    what = {"first": list(range(60_000)), "second": {"note": "as many words as are too long for one row of text"}}
    console = console_with(what)
    async with console.run_test(size=(100, 60)) as pilot:
        document = await opened(pilot, what)
        await pilot.press("j", "j")
        assert under_cursor(document) == '"first": ['
        await pilot.press("space")
        shown = seen(document)
        at = next(place for place, line in enumerate(shown) if "60,000 items" in line)
        assert '"second": {' in shown[at + 1]


async def test_a_field_is_copied_as_it_is_however_it_is_folded() -> None:
    console = console_with(INVOICE)
    async with console.run_test(size=(100, 60)) as pilot:
        await opened(pilot, INVOICE)
        await pilot.press(*["h"] * 9, "y", "r")
        await pilot.pause()
        copied = json.loads(console.clipboard)
        assert copied == {**INVOICE, "password": masking.MASK}


async def test_without_colours_every_kind_is_told_by_its_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = console_with(INVOICE)
    async with console.run_test(size=(100, 60)) as pilot:
        document = await opened(pilot, INVOICE)
        await pilot.press("j", "j")
        shown = seen(document)
        assert any('"number": 4711,' in line for line in shown)
        assert any('"paid": true,' in line for line in shown)
        assert any('"vat": null' in line for line in shown)
        assert under_cursor(document) == '"customer": {', "the cursor is a ground, not a hue"


async def test_a_traceback_is_whole_however_long() -> None:
    frame = '  File "/srv/shop/reports.py", line {}, in build\n    return self.render(chart, token="s3cret")\n'
    text = (
        "Traceback (most recent call last):\n" + "".join(frame.format(n) for n in range(6_000)) + "ValueError: the end"
    )
    error = JobError(type="ValueError", message="no", traceback=text)
    record = replace(results()[-1], job_id=JOB, status="FAILED", error=error, value=None, logs=())
    console = fake_console(first_batch(), (ResultsChanged((record,), total=10),))
    async with console.run_test(size=(100, 40)) as pilot:
        document = await opened(pilot, None)
        assert any("reports.py:5999" in line for line in seen(document)), "the innermost frame first"
        assert len(document._laid_out) < 2 * FIRST_ROWS or document._laying is not None
        await pilot.press("G")
        while not document._laid_out.is_whole:
            await pilot.pause()
        assert len(document._laid_out) > 12_000
        assert any("ValueError: the end" in line for line in seen(document))
        rows = ["".join(text for text, _ in row) for row in document._laid_out]
        assert sum("line 3000, in build" in row for row in rows) == 1
        assert not any("s3cret" in row for row in rows)
        await pilot.press("k", "space", "enter")  # nothing in it folds
        assert len(document._laid_out) > 12_000
