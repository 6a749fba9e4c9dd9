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
        for name, help_text, run in self._commands():
            yield DiscoveryHit(name, run, help=help_text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, help_text, run in self._commands():
            score = max(matcher.match(name), 0.7 * matcher.match(help_text))
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=help_text)

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app = cast("NaqConsole", self.app)
        place = getattr(self.screen, "place", "dialog")
        for action in keys.palette(place):
            if action.owner == "main" and self.screen is not app.main:
                continue
            target = app if action.owner == "app" else self.screen
            yield (
                f"{action.group}: {action.label}",
                f"{action.help}  ({action.all_key_labels})",
                partial(app.run_action, action.call, target),
            )
        for theme in sorted(app.available_themes):
            yield f"Theme: {theme}", "Colours, remembered for the next time", partial(setattr, app, "theme", theme)
