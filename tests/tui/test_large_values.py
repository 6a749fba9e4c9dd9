"""Results that lie in the object store: read while their report is open, bounded, written whole, and told when gone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import JobNotFoundError, NaqConnectionError, SerializationError
from naq.models.event import StoredEvent
from naq.models.result import ValueRef
from naq_tui import masking
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.large import decoded
from naq_tui.feed.sample import link, results
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.export import ExportScreen
from naq_tui.store.updates import ResultsChanged
from naq_tui.views.extra import LARGEST_SHOWN
from tests.tui.conftest import fake_console, gone, settle, shown, text_on
from tests.tui.test_values import INVOICE, JOB

SIZE = 3_800_000
BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def console_aside(bytes_of_it: int = SIZE, **options: Any) -> tuple[NaqConsole, FakeFeed]:
    """A console with a job whose result lies in the object store."""
    ref = ValueRef(bucket="naq_objects", name=JOB, size=bytes_of_it, sha256="0" * 64)
    record = replace(results()[-1], job_id=JOB, status="COMPLETED", error=None, value=None, value_ref=ref, logs=())
    console = fake_console(first_batch(), (ResultsChanged((record,), total=10),), **options)
    feed = console.feed
    assert isinstance(feed, FakeFeed)
    feed.values[JOB] = INVOICE
    return console, feed


async def open_report(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("7", "g", "enter")
    await shown(pilot, DetailScreen)
    await pilot.pause()


async def told(pilot: Pilot[Any], words: str) -> None:
    async with asyncio.timeout(10):
        while words not in text_on(pilot):
            await pilot.pause(0.02)


async def test_it_is_read_when_its_report_opens_and_shown_as_any_other() -> None:
    console, feed = console_aside()
    feed.value_stalls_at = 0
    async with console.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.press("7", "g")
        await told(pilot, "3.6 MiB, in the object store")
        await open_report(pilot)
        await told(pilot, "reading 3.6 MiB…")
        await pilot.press("escape")
        feed.value_stalls_at = None
        await pilot.press("enter")
        await told(pilot, '"customer": {')
        assert "hunter2" not in text_on(pilot)
        await pilot.press("v")
        await told(pilot, '"password": "hunter2"')
        await pilot.press("v", "j", "j", "j", "space")
        await told(pilot, '"customer": {… 3 keys},')
        await pilot.press("y", "r")
        await pilot.pause()
        assert json.loads(console.clipboard) == {**INVOICE, "password": masking.MASK}


async def test_what_was_not_read_is_told_and_read_once_the_connection_is_back() -> None:
    console, feed = console_aside()
    feed.value_fails = NaqConnectionError("no answer from the server within 5 s")
    async with console.run_test(size=(120, 60)) as pilot:
        await open_report(pilot)
        await told(pilot, "3.6 MiB, not read: no answer from the server within 5 s")
        console.take((replace(link(), state="lost", message="gone"),))
        await pilot.pause()
        feed.value_fails = None
        assert '"customer": {' not in text_on(pilot)
        console.take((link(),))
        await told(pilot, '"customer": {')


async def test_it_stays_where_the_rest_of_the_report_is_longer_in_coming() -> None:
    console, feed = console_aside()
    come, job_events = asyncio.Event(), feed.job_events

    async def late(job_id: str) -> tuple[StoredEvent, ...]:
        await come.wait()
        return await job_events(job_id)

    feed.job_events = late  # type: ignore[method-assign]
    async with console.run_test(size=(120, 60)) as pilot:
        await open_report(pilot)
        await told(pilot, '"customer": {')
        come.set()
        report = console.screen
        assert isinstance(report, DetailScreen)
        async with asyncio.timeout(10):
            while not report._extra.is_read:
                await pilot.pause(0.02)
        await told(pilot, '"customer": {')


async def test_a_larger_one_is_not_read_but_written_to_a_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    console, feed = console_aside(LARGEST_SHOWN + 2**20)
    feed.value_fails = SerializationError("nobody is to read it")
    async with console.run_test(size=(120, 60)) as pilot:
        await open_report(pilot)
        await told(pilot, "17 MiB; up to 16 MiB are shown here: x writes it to a file")
        await pilot.press("x")
        await pilot.pause()
        assert "Nothing exported: nobody is to read it" in [note.message for note in console._notifications]
        feed.value_fails = None
        for name in ("whole.json", "whole.csv"):
            await pilot.press("x")
            await shown(pilot, ExportScreen)
            await pilot.press("ctrl+u", *name, "enter")
            await gone(pilot, ExportScreen)
    assert_whole(tmp_path)


def assert_whole(folder: Path) -> None:
    written = json.loads((folder / "whole.json").read_text())
    assert (written["job_id"], written["value"]) == (JOB, {**INVOICE, "password": masking.MASK})
    assert "value_ref" not in written
    assert "value.customer.address.city,London" in (folder / "whole.csv").read_text()


def test_what_is_no_value_is_refused() -> None:
    whole = {"a": [1, 2.5, None, True, "é\u0000"], "b": {}, "c": [[]]}
    assert decoded(json.dumps(whole).encode()) == whole
    deep = b"[" * 250 + b"]" * 250
    assert decoded(deep) == json.loads(deep)
    for raw in (b"", b"{", b"\xff", b"[" * 100_000, b"1 2", b'{"a":' * 5_000):
        with pytest.raises(SerializationError):
            decoded(raw)


@BOTH
@pytest.mark.parametrize("state", ["reading", "gone", "larger", "read"])
def test_large(snap_compare: Any, size: tuple[int, int], state: str) -> None:
    console, feed = console_aside(31 * 2**20 if state == "larger" else SIZE)
    if state == "reading":
        feed.value_stalls_at = 2**21
    elif state == "gone":
        feed.value_fails = JobNotFoundError(
            f"the value of job {JOB} is gone from naq_objects: removed, or past its age"
        )

    async def run(pilot: Pilot[Any]) -> None:
        await open_report(pilot)
        await pilot.press(*(["pagedown"] if size[1] < 40 else []))
        await pilot.pause()

    assert snap_compare(console, terminal_size=size, run_before=run)
