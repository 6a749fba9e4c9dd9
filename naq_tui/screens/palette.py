"""The palette's commands: every action of the registry that works here, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from naq_tui import keys

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole


class NaqCommands(Provider):
    """All of it comes from `naq_tui.keys`."""

    async def discover(self) -> Hits:
        for name, run in self._commands():
            yield DiscoveryHit(name, run)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, run in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run)

    def _commands(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        app = cast("NaqConsole", self.app)
        place = getattr(self.screen, "place", "dialog")
        for action in keys.palette(place, app.actions):
            if action.owner == "main" and self.screen is not app.main:
                continue
            target = app if action.owner == "app" else self.screen
            yield f"{action.help:<54}{action.all_key_labels:>10}", partial(app.run_action, action.call, target)
        for theme in sorted(app.available_themes):
            yield f"Theme {theme}", partial(setattr, app, "theme", theme)
