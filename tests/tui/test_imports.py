"""Who may import whom, proved in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(package, "__path__", ()), package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
found = sorted(name for name in sys.modules if name.startswith(tuple(sys.argv[2].split(","))))
print(" ".join(found))
"""


def imported_by(package: str, *forbidden: str) -> str:
    """The forbidden modules that importing all of `package` brings in."""
    command = [sys.executable, "-c", PROBE, package, ",".join(forbidden)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("package", ["naq_tui.store", "naq_tui.views"])
def test_store_and_views_know_neither_textual_nor_nats(package: str) -> None:
    assert imported_by(package, "textual", "nats.", "naq.connection", "naq_tui.feed.nats") == ""


@pytest.mark.parametrize("package", ["naq_tui.widgets", "naq_tui.screens", "naq_tui.app"])
def test_screens_know_no_nats(package: str) -> None:
    assert imported_by(package, "nats.", "naq.connection", "naq_tui.feed.nats") == ""


def test_the_first_paint_needs_no_slow_library() -> None:
    assert imported_by("naq_tui.app", "nats.", "croniter", "psutil") == ""


AS_IT_PAINTS = """
import asyncio, contextlib, sys
import naq.connection, naq.topology  # by which a server is looked for before the terminal is taken over
from naq_tui import app, cli, opening

@contextlib.asynccontextmanager
async def target_of(settings):
    yield opening.Target(settings, "here", None)

async def run_async(self, **options):
    print("paints with", *(name for name in sorted(sys.modules) if name.startswith(tuple(sys.argv[1].split(",")))))

opening.target_of, app.NaqConsole.run_async = target_of, run_async
asyncio.run(cli._run(cli._parser().parse_args([])))
"""


def test_the_command_loads_what_is_behind_the_feed_only_once_it_has_painted(tmp_path: Path) -> None:
    late = ("naq.client", "naq.calls", "naq.queue", "naq.deadletter", "naq.dependencies", "naq.results", "naq.doctor")
    names = ",".join((*late, "naq_tui.feed.nats", "naq_tui.demo", "naq.examples", "croniter", "psutil"))
    folders = {name: str(tmp_path) for name in ("NAQ_STATE_DIR", "NAQ_CONFIG_DIR", "NAQ_DATA_DIR")}
    command = [sys.executable, "-c", AS_IT_PAINTS, names]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **folders}).stdout
    assert told.splitlines()[0] == "paints with"


def test_naq_knows_no_console() -> None:
    assert imported_by("naq", "naq_tui", "textual") == ""
