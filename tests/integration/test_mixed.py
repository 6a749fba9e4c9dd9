"""Mixed jobs while workers are killed: nothing is lost, nothing ends twice, and the log tells all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from naq.settings import Settings
from tests.faults.mixed import MixedRun

pytestmark = pytest.mark.nats


async def test_mixed_jobs_survive_the_deaths_of_their_workers(settings: Settings, tmp_path: Path) -> None:
    run = MixedRun(settings, jobs=600, rate=60, kill_every_s=2.0)
    report = await run.run(tmp_path / "workers.log", within_s=30)
    assert report.kills >= 2, "how many there is time for is the machine's business"
    assert report.missing == []
    assert report.unexpected == []
    assert report.jobs + report.duplicates == 600
    assert report.duplicates > 0
    assert set(report.ended.values()) == {"COMPLETED", "FAILED", "CANCELLED"}
    for verdict in (report.while_running, report.verdict):
        assert verdict is not None
        assert verdict.findings == ()
        assert verdict.jobs == report.by_status, "every job is final, by its record and by the log"
        assert verdict.results == report.jobs, "one result each"
