"""What a picture shows, written into the picture itself as it is taken: it can't be said of a picture that isn't so."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from textual.app import App

from naq_tui.app import NaqConsole
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.main import MainScreen
from tests.conftest import ROOT

SNAPSHOTS = ROOT / "snapshots"
NO_COLOR = "no-color"
OTHER_LOOKS = ("naq-light", NO_COLOR)
_NOTE = re.compile(r"<!-- (size=.*) -->\s*\Z")
_HEADED = ("event", "job", "worker", "schedule", "process")
"""Reports that begin with a status."""


@dataclass(frozen=True)
class Picture:
    """One picture in words; an empty one does not apply."""

    size: str = ""
    """Columns and rows: `80x24`."""
    look: str = ""
    """The theme, or `no-color`."""
    screen: str = ""
    """Class of what is in front."""
    about: str = ""
    """Kind of the report, or name of the list."""
    state: str = ""
    """Status at the head of the report; of a list what there is to see: `rows`, `empty`, `reading`, and so on."""

    def __str__(self) -> str:
        return "; ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))


def note(app: App[Any]) -> str:
    """For the end of a picture of this console, as it is now."""
    screen, about, state = app.screen, "", ""
    if isinstance(screen, DetailScreen):
        about = screen.kind
        line = screen.document._lines[0]
        state = line[0][0].partition(" ")[2] if about in _HEADED and isinstance(line, tuple) and line else ""
    elif isinstance(screen, MainScreen):
        about = screen.current
        state = _to_see(screen)
    look = NO_COLOR if app.no_color else app.theme
    size = f"{app.size.width}x{app.size.height}"
    return f"<!-- {Picture(size, look, type(screen).__name__, about, state.replace('--', '—'))} -->\n"


def _to_see(screen: MainScreen) -> str:
    app = screen.app
    assert isinstance(app, NaqConsole)
    name = "events" if screen.current == "overview" else screen.current
    count = len(app.state.events) if name == "events" else screen.tables[name].row_count
    if app.state.as_of is not None:
        return "past"
    if app.state.link.state != "live":
        return app.state.link.state
    if screen.panes[name].chips:
        return "filtered"
    figures = app.state.figures
    if name == "figures" and (figures is None or figures.progress is not None):
        return "reading"
    if count or name == "figures":
        return "rows" if count else "empty"
    return "empty" if name in app.state.loaded else "reading"


@cache
def pictures() -> tuple[tuple[str, Picture], ...]:
    """All there are, each with its name."""
    found = []
    for path in sorted(SNAPSHOTS.rglob("*.svg")):
        match = _NOTE.search(path.read_text(encoding="utf-8"))
        told = dict(part.split("=", 1) for part in match[1].split("; ")) if match else {}
        found.append((str(path.relative_to(SNAPSHOTS)), Picture(**told)))
    return tuple(found)
