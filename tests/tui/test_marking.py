"""`a` marks what is held, and tells how much there is beyond that; once more it takes that as well."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from naq_tui.feed.fake import FakeFeed
from naq_tui.feed.sample import T0, queues, results
from naq_tui.store.updates import JobsFound, QueuesSampled, ResultsChanged
from tests.tui.conftest import NOTHING, fake_console, settle, text_on

HELD = 30


def held_results() -> tuple[Any, ...]:
    record = replace(results()[-1], status="COMPLETED", error=None)
    return tuple(replace(record, job_id=f"job-{n:03}", saved_at=T0 + timedelta(seconds=n)) for n in range(HELD))


def footing(console: Any, name: str) -> str:
    return "".join(cell.text for cell in console.main.panes[name].footing)


@pytest.mark.parametrize("stored", [HELD, 100_000])
async def test_all_results_that_are_held_are_marked_and_those_that_are_not_are_told(stored: int) -> None:
    console = fake_console(NOTHING, (ResultsChanged(held_results(), total=stored),))
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "a")
        await pilot.pause()
        more = stored - HELD
        told = "30 marked · up to 99,970 more are not held · a takes them too"
        assert footing(console, "results") == (told if more else "30 marked")
        await pilot.press("space")
        await pilot.pause()
        assert footing(console, "results") == "29 marked", "who takes one mark off does not ask for all"
        await pilot.press("a", "a")
        await pilot.pause()
        assert footing(console, "results") == ("all that match · up to 99,970 beside those shown" if more else "")
        await pilot.press("space")
        await pilot.pause()
        assert footing(console, "results").startswith("29 marked" if more else "1 marked"), "a choice of one's own"
        await pilot.press(*("a", "a", "a") if more else ("a", "a"))
        await pilot.pause()
        assert footing(console, "results") == "", "none is marked"


async def test_of_all_that_match_none_are_told_beside_those_shown_once_all_were_read() -> None:
    console = fake_console(NOTHING, (ResultsChanged(held_results(), total=HELD + 1),))
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("7", "a", "a")
        await pilot.pause()
        assert footing(console, "results") == "all that match · up to 1 beside those shown"
        assert isinstance(console.feed, FakeFeed)
        console.feed.push(ResultsChanged((replace(held_results()[0], job_id="the-last"),), total=HELD + 1))
        async with asyncio.timeout(10):
            while console.main.tables["results"].row_count <= HELD:
                await pilot.pause(0.02)
        await pilot.pause()
        assert footing(console, "results") == "all that match"


async def test_jobs_of_a_state_are_told_by_what_is_stored_of_them() -> None:
    stats = replace(queues()[0], waiting=7_000)
    console = fake_console(
        NOTHING, (ResultsChanged(held_results(), total=90_000), QueuesSampled((stats,), T0), JobsFound(()))
    )
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "a")
        await pilot.pause()
        assert footing(console, "jobs") == "30 marked · up to 96,970 more are not held · a takes them too"
        await pilot.press("right")
        await pilot.pause()
        assert "up to 89,970 more are not held" in footing(console, "jobs")


async def test_the_question_tells_what_is_left_alone() -> None:
    console = fake_console(NOTHING, (ResultsChanged(held_results(), total=100_000),))
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7", "a", "D")
        await pilot.pause()
        assert "Delete 30 jobs?" in text_on(pilot)
        assert "up to 99,970 more, which stay as they are" in text_on(pilot)
        await pilot.press("escape", "space", "D")
        await pilot.pause()
        assert "Delete 29 jobs?" in text_on(pilot)
        assert "not held" not in text_on(pilot), "a choice of one's own leaves out what it leaves out"
