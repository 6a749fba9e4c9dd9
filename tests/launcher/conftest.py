"""A supervisor for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from naq_tui.launcher import crashes
from tests.launcher.watched import Watched


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "state")
    yield watched
    await watched.supervisor.close("kill")


@pytest.fixture
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crashes, "FIRST_DELAY_S", 0.01)
