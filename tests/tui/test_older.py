"""Results from before those that are followed: nothing twice, nothing left out, and no more of them than is kept."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from naq.errors import NaqConnectionError
from naq.models.result import JobResult
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed
from naq_tui.feed.sample import RESULTS_STORED
from naq_tui.screens import results_reading
from naq_tui.store import fold, older
from naq_tui.store.fold import apply
from naq_tui.store.rows import ResultRow
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import OlderLeft, OlderRead, OlderWanted, ResultsChanged, ResultsFollowed, Update
from naq_tui.views.results import ResultsView
from tests.tui.conftest import fake_console, settle, text_on

SIZE = (80, 24)
VIEW = ResultsView()


class Bucket:
    """What a bucket of results does with its sequences, and a console that follows it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.stored: dict[str, JobResult] = {}
        """Oldest first."""
        self._seq = 0
        self.state = EMPTY

    def write(self, number: int) -> None:
        """A new result, an old one anew, or one deleted, seen at once where the bucket is followed."""
        for _ in range(number):
            self._seq += 1
            job_id = f"job-{self._chance.randrange(200):03}"
            self.stored.pop(job_id, None)
            if self._chance.random() < 0.1:
                self.take(ResultsChanged(removed=(job_id,)))
                continue
            status = self._chance.choice(("COMPLETED", "COMPLETED", "FAILED"))
            self.stored[job_id] = JobResult(job_id=job_id, status=status, revision=self._seq, size=100)
            self.take(ResultsChanged((self.stored[job_id],), total=len(self.stored)))

    def follow(self, newest: int) -> None:
        first = max(1, self._seq - newest + 1)
        found = tuple(each for each in self.stored.values() if each.revision >= first)
        self.take(ResultsFollowed(first), ResultsChanged(found, total=len(self.stored)))

    def take(self, *updates: Update) -> None:
        if self.state.results_from or isinstance(updates[0], ResultsFollowed):
            self.state = apply(self.state, updates)

    def read(self, step: int, number: int) -> None:
        """What a page brings: everything within so many sequences below (-1) or above what is held."""
        held = self.state.older
        assert held is not None
        low, high = (held.from_seq - number, held.from_seq - 1) if step < 0 else (held.to_seq + 1, held.to_seq + number)
        self.take(self.page(max(1, low), high))

    def page(self, low: int, high: int, *, is_jump: bool = False) -> OlderRead:
        found = [each for each in self.stored.values() if low <= each.revision <= high]
        wanted = self.state.older.wanted if self.state.older is not None else None
        rows = [each for each in found if wanted is None or wanted(older.result_row(each))]
        return OlderRead(tuple(rows), low, high, len(found), is_jump=is_jump)

    def shown(self) -> list[str]:
        lens: Any = None
        return [row.job_id for row in reversed(VIEW.items(self.state, lens))]

    def expected(self) -> list[str]:
        """What is stored in the part that the list is said to show."""
        held, begin = self.state.older, self.state.results_from
        low = begin if held is None else held.from_seq
        high = self._seq if held is None or held.joins(begin) else held.to_seq
        wanted = held.wanted if held is not None else None
        within = [each for each in self.stored.values() if low <= each.revision <= high]
        return [
            each.job_id for each in within if wanted is None or each.revision >= begin or wanted(older.result_row(each))
        ]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_shown_is_what_is_stored_there_whatever_is_written(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    for module, name, number in ((older, "OLDER_KEPT", 40), (fold, "RESULTS_KEPT", 30)):
        monkeypatch.setattr(module, name, number)
    bucket = Bucket(chance)
    bucket.write(150)
    bucket.follow(20)
    assert bucket.shown() == bucket.expected()
    failed = seed % 3 == 0
    for _ in range(300):
        match chance.randrange(6):
            case 0 if chance.random() < 0.2:
                bucket.take(OlderLeft())
            case 1 if not failed and bucket.state.older is not None:
                bucket.take(bucket.page(1, min(30, bucket.state.results_from - 1), is_jump=True))
            case 2 | 3:
                bucket.take(OlderWanted((lambda row: row.status == "FAILED") if failed else None))
                bucket.read(-1, chance.randrange(1, 30))
            case 4 if bucket.state.older is not None and not bucket.state.older.joins(bucket.state.results_from):
                bucket.read(1, chance.randrange(1, 30))
            case _:
                bucket.write(chance.randrange(4))
        assert bucket.shown() == bucket.expected()
        held = bucket.state.older
        assert held is None or len(held.rows) <= 40 + 30
        assert len(bucket.state.results) <= 30


def test_a_bucket_made_anew_is_followed_from_its_beginning() -> None:
    record = JobResult(job_id="old", status="COMPLETED", revision=900)
    state = apply(EMPTY, (ResultsFollowed(900), ResultsChanged((record,), total=900), OlderWanted()))
    state = apply(state, (ResultsChanged((replace(record, job_id="new", revision=3),), total=1),))
    assert list(state.results) == ["new"]
    assert state.older is None
    assert state.has_all_results


def test_records_too_large_are_let_go_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older, "OLDER_BYTES", 10_000)
    state = apply(EMPTY, (ResultsFollowed(500), OlderWanted()))
    for low in range(450, 0, -50):
        found = tuple(
            JobResult(job_id=f"job-{seq}", status="COMPLETED", revision=seq, size=1_000) for seq in range(low, low + 50)
        )
        state = apply(state, (OlderRead(found, low, low + 49, 50),))
        assert state.older is not None
        assert len(state.older.rows) <= 50
        assert state.older.from_seq == low, "what was read last is what is looked at"
    state = apply(state, (OlderRead(found, 70, 119, 50),))
    assert state.older is not None
    assert state.older.to_seq < 119, "what does not go on from there is not taken"


# on the screen


def footing(console: NaqConsole) -> str:
    return "".join(cell.text for cell in console.main.panes["results"].footing)


def headline(console: NaqConsole) -> str:
    return " ".join(cell.text.strip() for cell in console.main.panes["results"].headline)


def feed_of(console: NaqConsole) -> FakeFeed:
    assert isinstance(console.feed, FakeFeed)
    return console.feed


async def test_a_page_is_read_where_somebody_comes_near_the_end() -> None:
    console = fake_console()
    table = console.main.tables["results"]
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        held = len(console.state.results)
        await pilot.press("7", "pagedown")
        await pilot.pause()
        assert feed_of(console).results_read == [], "nothing before it is needed"
        for _ in range(held // table._height - 1):
            await pilot.press("pagedown")
        row = table.selected_key
        await pilot.pause()
        assert feed_of(console).results_read == [(RESULTS_STORED - held, -1)]
        assert headline(console) == f"{held + results_reading.PAGE} newest 12,480 stored"
        assert table.selected_key == row
        times = [item.at for item in table.items]
        assert times == sorted(times, reverse=True)


async def test_all_of_them_can_be_paged_through_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older, "OLDER_KEPT", 500)
    monkeypatch.setattr(results_reading, "PAGE", 400)
    console = fake_console()
    table = console.main.tables["results"]
    async with console.run_test(size=(80, 200)) as pilot:
        await settle(pilot)
        await pilot.press("7", "G")
        await pilot.pause()
        assert headline(console) == "400 oldest 12,480 stored g to the newest"
        oldest = table.selected_key
        for _ in range(3):
            await pilot.press("pageup")
            await pilot.pause()
        assert headline(console).startswith("500 older 12,480"), "the oldest have been let go"
        await pilot.press("end")
        await pilot.pause()
        assert table.selected_key == oldest
        await pilot.press("home")
        await pilot.pause()
        shown = len(console.state.results) + results_reading.PAGE
        assert headline(console) == f"{shown} newest 12,480 stored", "as many more as fill the screen"


async def test_a_filter_reads_on_when_it_is_asked_to_and_says_how_far() -> None:
    console = fake_console()
    table = console.main.tables["results"]
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        held = len(console.state.results)
        await pilot.press("7", "slash", *"status:failed", "enter", "down")
        await pilot.pause()
        assert feed_of(console).results_read == [], "not by itself"
        assert footing(console) == f"4 found in the newest {held} · j searches on · G all"
        await pilot.press("pagedown", "down")
        await pilot.pause(0.1)
        searched = held + results_reading.SEARCHED_AT_ONCE
        assert f"found in the newest {searched:,}" in footing(console)
        found = table.row_count
        assert found > 4
        assert all(isinstance(row, ResultRow) and row.status == "FAILED" for row in table.items)
        await pilot.press("G")
        async with asyncio.timeout(20):
            while not console.state.has_all_results:
                await pilot.pause(0.02)
        await pilot.pause()
        assert footing(console) == f"{table.row_count} found in all of them"
        assert headline(console) == "12,480 stored"
        assert console.state.older is not None
        assert len(console.state.older.rows) == table.row_count - 4, "no more is held than what matches"
        await pilot.press("escape")
        await pilot.pause()
        assert console.state.older is None
        assert headline(console) == f"{held} newest 12,480 stored"


async def test_a_filter_that_finds_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(older, "OLDER_KEPT", 300)
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "slash", *"status:done", "enter", "G")
        await pilot.pause(0.1)
        assert "found, no more are kept" in footing(console)
        await pilot.press("G")
        await pilot.pause()
        assert len(feed_of(console).results_read) == 1


async def test_reading_is_given_up_with_a_key_and_begins_again_with_one() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        feed_of(console).results_stall = True
        await pilot.press("7", "G")
        await pilot.pause()
        assert footing(console) == "reading oldest ones … · esc stops"
        await pilot.press("escape")
        await pilot.pause()
        assert footing(console) == ""
        feed_of(console).results_stall = False
        await pilot.press("G")
        await pilot.pause()
        assert headline(console).split()[1] == "oldest"


async def test_what_fails_is_told_and_tried_again() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        feed_of(console).results_fail = NaqConnectionError("no answer from local to a read of KV_naq_results")
        await pilot.press("7", "G")
        await pilot.pause()
        assert footing(console) == "no answer from local to a read of KV_naq_results · j tries again"
        feed_of(console).results_fail = None
        await pilot.press("j")
        await pilot.pause()
        assert footing(console) == ""
        assert headline(console).split()[1] == "newest"


async def test_marks_are_not_left_behind_silently() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("7", "space", "G")
        await pilot.pause()
        assert headline(console).split()[1] == "newest", "what is marked stays"
        await pilot.press("escape", "G")
        await pilot.pause()
        await pilot.press("space", "g")
        async with asyncio.timeout(5):
            while "1 mark taken off" not in text_on(pilot):
                await pilot.pause(0.02)


async def test_a_list_that_the_newest_do_not_fill_reads_on_by_itself() -> None:
    """Those may be marks of deleted ones alone."""
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        every = tuple(console.state.results)
        await pilot.press("7")
        console.take([ResultsChanged(removed=every)])
        await pilot.pause(0.1)
        assert console.main.tables["results"].row_count >= results_reading.PAGE
        assert "12,480 at most" in headline(console)


async def test_the_past_has_no_older_ones() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "comma")
        async with asyncio.timeout(20):
            while not console.is_past:
                await pilot.pause(0.02)
        await pilot.press("G")
        await pilot.pause()
        assert feed_of(console).results_read == []
