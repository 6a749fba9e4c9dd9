"""Recipes scaled up and down; what a process costs, and the server it stays with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naq_tui.launcher import (
    LaunchError,
    Recipe,
)
from naq_tui.launcher import supervisor as supervisor_module
from tests.launcher.watched import SLEEPER, Watched, script


def recipe(name: str, code: str, processes: int = 2, **fields: Any) -> dict[str, Recipe]:
    return {name: Recipe(name, script(code, recipe=name, **fields), processes)}


async def test_a_recipe_is_scaled_up_and_down(tmp_path: Path) -> None:
    watched = Watched(tmp_path, recipes=recipe("mail", SLEEPER))
    supervisor = watched.supervisor
    (ready,) = supervisor.snapshot()
    assert (ready.is_recipe, ready.name, ready.recipe_running, ready.recipe_wanted) == (True, "mail", 0, 2)
    supervisor.launch_many(supervisor.recipes["mail"].spec, 2)
    other = supervisor.launch(script(SLEEPER))
    assert supervisor.more(supervisor.snapshot()[0].process_id) == "mail-3"
    assert [row.name for row in supervisor.snapshot()] == ["mail-1", "mail-2", "mail-3", "worker-1"]
    assert {(row.recipe_running, row.recipe_wanted) for row in supervisor.snapshot() if row.recipe} == {(3, 3)}
    first, _, newest, _ = (row.process_id for row in supervisor.snapshot())
    await watched.until_said(newest, "up")
    assert supervisor.fewer(first) == "mail-3"
    row = await watched.until_ended(newest)
    assert (row.recipe_running, row.recipe_wanted, row.failed) == (2, 2, False)
    assert supervisor.more(first) == "mail-3", "the row of the drained one is taken again"
    assert watched.row(newest).recipe_wanted == 3
    assert supervisor.more(other) == "worker-2"
    assert supervisor.fewer(other) == "worker-1"
    await watched.until_ended(other)
    with pytest.raises(LaunchError, match="nothing of worker-1 runs"):
        supervisor.fewer(other)
    await supervisor.close("kill")


async def test_the_row_of_a_recipe_starts_its_first(tmp_path: Path) -> None:
    watched = Watched(tmp_path, recipes=recipe("mail", SLEEPER))
    with pytest.raises(LaunchError, match="nothing of mail runs"):
        watched.supervisor.fewer("recipe:mail")
    assert watched.supervisor.more("recipe:mail") == "mail-1"
    assert [row.name for row in watched.supervisor.snapshot()] == ["mail-1"]
    await watched.supervisor.close("kill")


@pytest.mark.usefixtures("quick_restarts")
async def test_a_crashed_one_is_missing_from_its_recipe(tmp_path: Path) -> None:
    watched = Watched(tmp_path, recipes=recipe("mail", "raise SystemExit(1)", restart="on-failure"))
    watched.supervisor.more("recipe:mail")
    (row,) = watched.supervisor.snapshot()
    row = await watched.until(row.process_id, lambda row: row.crash_looping)
    assert (row.recipe_running, row.recipe_wanted) == (0, 1)
    await watched.supervisor.close("kill")


async def test_cpu_and_memory_are_measured(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "MEASURE_S", 0.1)
    process_id = watched.supervisor.launch(script("while True: pass"))
    row = await watched.until(process_id, lambda row: bool(row.cpu_percent))
    assert row.rss_bytes is not None
    assert row.rss_bytes > 2**20


async def test_a_process_stays_with_its_server_when_the_console_turns_to_another(tmp_path: Path) -> None:
    watched = Watched(tmp_path, environment={"NAQ_NATS_URL": "nats://first:1"})
    code = "import os, time; print(os.environ['NAQ_NATS_URL'], flush=True); time.sleep(600)"
    process_id = watched.supervisor.launch(script(code))
    await watched.until_said(process_id, "nats://first:1")
    watched.supervisor.environment = {"NAQ_NATS_URL": "nats://other:1"}
    await watched.supervisor.restart(process_id)
    row = await watched.until(process_id, lambda row: row.output_lines == 3)
    assert row.last_line == "nats://first:1"
    watched.supervisor.more(process_id)
    like_it = watched.supervisor.snapshot()[-1].process_id
    await watched.until_said(like_it, "nats://first:1")
    await watched.until_said(watched.supervisor.launch(script(code)), "nats://other:1")
    await watched.supervisor.close("kill")
