"""The rows of the Processes screen: processes, those of one recipe together, and recipes that none runs of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from naq.models.times import utcnow
from naq_tui.launcher.process import WatchedProcess
from naq_tui.launcher.recipe import Recipe
from naq_tui.launcher.view import ProcessStatus, ProcessView


def recipe_id(name: str) -> str:
    """Id of the row of a recipe that nothing runs of."""
    return f"recipe:{name}"


def listed(processes: Iterable[WatchedProcess], recipes: Mapping[str, Recipe], folder: Path) -> tuple[ProcessView, ...]:
    """All rows, in the order their recipe or they themselves came."""
    groups: dict[str, list[ProcessView]] = {}
    for process in processes:
        view = process.view()
        is_running = process.is_alive and not process.is_stop_asked
        view = replace(view, recipe_running=int(is_running), recipe_wanted=int(process.is_wanted))
        groups.setdefault(recipe_id(view.recipe) if view.recipe else view.process_id, []).append(view)
    rows: list[ProcessView] = []
    for group in groups.values():
        running = sum(view.recipe_running for view in group)
        wanted = sum(view.recipe_wanted for view in group)
        rows += [replace(view, recipe_running=running, recipe_wanted=wanted) for view in group]
    rows += [_ready(recipe, folder) for name, recipe in recipes.items() if recipe_id(name) not in groups]
    return tuple(rows)


def _ready(recipe: Recipe, folder: Path) -> ProcessView:
    spec = recipe.spec
    return ProcessView(
        process_id=recipe_id(recipe.name),
        name=recipe.name,
        kind=spec.kind,
        pid=0,
        status=ProcessStatus.READY,
        status_text="ready",
        exit_code=None,
        failed=False,
        started_at=utcnow(),
        uptime=0.0,
        command=spec.display(),
        last_line="",
        output_lines=0,
        crash_looping=False,
        log_path=folder,
        owned=True,
        recipe=recipe.name,
        recipe_running=0,
        recipe_wanted=recipe.processes,
        restart=spec.restart,
        hangup=spec.hangup,
        environment=dict(spec.env),
        folder="" if spec.cwd is None else str(spec.cwd),
    )
