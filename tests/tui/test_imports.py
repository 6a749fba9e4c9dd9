"""Who may import whom, proved in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

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


def test_naq_knows_no_console() -> None:
    assert imported_by("naq", "naq_tui", "textual") == ""
