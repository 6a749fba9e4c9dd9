"""One field of a report on the clipboard, or all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from textual.pilot import Pilot

from naq_tui.feed.fake import first_batch
from naq_tui.feed.sample import results
from naq_tui.messages import Open
from naq_tui.screens.copying import CopyScreen
from naq_tui.screens.detail import DetailScreen
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY
from naq_tui.views.parts import KEYS, parts_of
from tests.tui.conftest import after, fake_console, gone, settle, shown

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
FAILED = next(result for result in results() if result.error is not None and result.error.traceback)


async def copied(pilot: Pilot[Any], *keys: str) -> str:
    """What is on the clipboard after `y` and these keys."""
    await pilot.press("y")
    await shown(pilot, CopyScreen)
    await pilot.press(*keys)
    await gone(pilot, CopyScreen)
    await pilot.pause()
    return pilot.app.clipboard


async def test_a_field_of_a_report_is_copied_by_its_key_and_the_whole_by_y_y() -> None:
    console = fake_console()
    async with console.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        console.post_message(Open("job", FAILED.job_id))
        await shown(pilot, DetailScreen)
        report = console.screen
        assert isinstance(report, DetailScreen)
        while not report._extra.is_read:
            await pilot.pause(0.02)
        assert report._extra.result is not None
        error = report._extra.result.error
        assert error is not None
        assert await copied(pilot, "i") == FAILED.job_id
        assert await copied(pilot, "t") == error.traceback
        assert await copied(pilot, "e") == f"{error.type}: {error.message}"
        assert json.loads(await copied(pilot, "y"))["job_id"] == FAILED.job_id
        assert json.loads(await copied(pilot, "a")).keys() == {"args", "kwargs"}
        place = [part.label for part in report.parts_to_copy()].index("function")
        assert await copied(pilot, *["down"] * place, "enter") == FAILED.function
        assert await copied(pilot, "z", "escape") == FAILED.function, "esc copies nothing"


def test_every_record_has_fields_and_no_key_stands_for_two_of_them() -> None:
    state = apply(EMPTY, first_batch())
    records: list[Any] = [
        *state.events,
        *state.workers.values(),
        *state.queues,
        *state.schedules.values(),
        *state.results.values(),
        *state.jobs.values(),
    ]
    assert records
    for record in records:
        parts = parts_of(record)
        keys = [part.key for part in parts]
        assert parts[0].label == "whole record"
        assert len(parts) > 1, record
        assert len(keys) == len(set(keys)), keys
    assert not set(KEYS.values()) & {"j", "k", "g", "q"}, "those move and leave"


@BOTH
def test_copy(snap_compare: Any, size: tuple[int, int]) -> None:
    """Each field with its key and how it begins; the whole record is under the cursor."""

    async def run(pilot: Pilot[Any]) -> None:
        await after("3", "left", "enter")(pilot)
        report = pilot.app.screen
        assert isinstance(report, DetailScreen)
        while not report._extra.is_read:  # the fields are those of what has been read
            await pilot.pause(0.02)
        await pilot.press("y")
        await shown(pilot, CopyScreen)
        await pilot.pause()

    assert snap_compare(fake_console(), terminal_size=size, run_before=run)
