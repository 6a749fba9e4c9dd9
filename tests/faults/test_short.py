"""The fault run in short: some jobs, one fault of several kinds, and nothing found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.kinds import FLOOD, KINDS, plan_of
from tests.faults.run import FaultRun, Plan

pytestmark = [pytest.mark.nats, pytest.mark.faults]

FAULTS = (
    "worker killed (SIGKILL)",
    "worker stopped past its lease (SIGSTOP)",
    "leading scheduler killed (SIGKILL)",
    "log full (its stream takes no more)",
    "server killed (SIGKILL)",
    "worker cut off",
    FLOOD,
)


async def test_nothing_is_lost_doubled_or_untold(tmp_path: Path) -> None:
    plan = Plan(jobs=400, faults=FAULTS, rate=25, flood=500, seed=7, within_s=120)
    report = await FaultRun(plan, tmp_path).run()
    assert report.troubles() == ""
    assert report.is_clean
    assert report.total == len(FAULTS)
    assert report.jobs + report.duplicates + report.in_doubt == 400
    assert sum(report.by_status.values()) == report.jobs
    assert set(report.by_status) == {"CANCELLED", "COMPLETED", "FAILED"}
    assert report.malformed == 500
    assert report.fired > 50
    assert "| server killed (SIGKILL)" in report.table()


def test_a_plan_has_every_kind() -> None:
    plan = plan_of(200, random.Random(1))
    assert len(plan) == 200
    assert set(plan) == set(KINDS)
    assert len(plan_of(5, random.Random(1))) == 5
