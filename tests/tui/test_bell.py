"""The bell rings once for what breaks while somebody may look elsewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from naq_tui.app import NaqConsole
from naq_tui.config import Config
from naq_tui.feed.fake import FakeProcesses, FixedClock
from naq_tui.feed.sample import T0, link, process, schedules, workers
from naq_tui.launcher import ProcessStatus
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import ProcessesChanged, SchedulesChanged, WorkersChanged
from naq_tui.views.alarm import broken
from naq_tui.views.table import Lens
from tests.tui.conftest import NOTHING, fake_console, settle

pytestmark = pytest.mark.usefixtures("_rings")
FINE = workers()[:2]
SILENT = timedelta(minutes=5)


@pytest.fixture
def _rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NaqConsole, "bell", lambda console: rung.append(console))
    rung.clear()


rung: list[NaqConsole] = []


def test_what_is_broken_is_known_thing_by_thing() -> None:
    lens = Lens(T0, T0)
    assert broken(apply(EMPTY, [link()]), lens) is None
    state = apply(EMPTY, NOTHING)
    assert broken(state, lens) == frozenset()
    crashed = process("worker-1", "worker", 1, "boom", failed=True, status=ProcessStatus.EXITED)
    dead = next(record for record in workers() if record.is_dead(T0))
    failed = next(schedule for schedule in schedules() if schedule.status == "FAILED")
    state = apply(state, [WorkersChanged((dead,)), ProcessesChanged((crashed,)), SchedulesChanged((failed,))])
    found = {f"worker {dead.worker_id}", f"process {crashed.process_id}", f"schedule {failed.schedule_id}"}
    assert broken(state, lens) == found
    state = apply(state, [link(state="lost", at=T0, message="connection refused")])
    assert broken(state, lens) == {"connection", *found}


async def test_it_rings_once_for_each_thing_that_breaks() -> None:
    clock = FixedClock()
    console = fake_console((*NOTHING, WorkersChanged(FINE)), config=Config(bell=True), clock=clock)
    async with console.run_test() as pilot:
        await settle(pilot)
        console._tick()
        assert not rung, "what is broken as it opens is seen"
        clock.moment += SILENT
        console._tick()
        assert len(rung) == 1, "both workers died between two looks"
        console._tick()
        assert len(rung) == 1
        console.take([link(state="lost", at=clock.moment, message="connection refused")])
        console._tick()
        assert len(rung) == 2
        console.take([link(at=clock.moment)])
        console._tick()
        assert len(rung) == 2, "what is well again is no news for a bell"


async def test_it_is_silent_unless_asked_for(tmp_path: Path) -> None:
    clock = FixedClock()
    console = fake_console((*NOTHING, WorkersChanged(FINE)), clock=clock, processes=FakeProcesses())
    async with console.run_test() as pilot:
        await settle(pilot)
        console._tick()
        clock.moment += SILENT
        console._tick()
    assert not rung
