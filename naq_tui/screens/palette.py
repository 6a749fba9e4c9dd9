"""The palette's commands: every action of the registry that works here, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.actions import parse
from textual.command import DiscoveryHit, Hit, Hits, Provider

from naq_tui import keys
from naq_tui.screens.saved_views import MOST
from naq_tui.text import fit, safe

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

_WORDS, _KEYS = 54, 10
"""Cells: a command is one line, at 80 columns too."""


class NaqCommands(Provider):
    """All of it comes from `naq_tui.keys`."""

    async def discover(self) -> Hits:
        for words, keys_of, run in self._commands():
            yield DiscoveryHit(_line(words, keys_of), run)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for words, keys_of, run in self._commands():
            score = matcher.match(f"{words} {keys_of}")
            if score > 0:
                yield Hit(score, matcher.highlight(_line(words, keys_of)), run)

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app = cast("NaqConsole", self.app)
        place = getattr(self.screen, "place", "dialog")
        for action in keys.palette(place, app.actions):
            if action.owner == "main" and (self.screen is not app.main or not _works(app, action)):
                continue
            target = {"app": app, "list": self.focused}.get(action.owner, self.screen)
            if not hasattr(target, f"action_{action.call.partition('(')[0]}"):
                continue  # no list has the keys
            yield action.help, action.all_key_labels, partial(app.run_action, action.call, target)
        if self.screen is app.main and place != "overview":
            for name in app.remembered.saved_views(place):
                yield f"View {safe(name, MOST)}", "", partial(app.main.show_view, place, name)
        for theme in sorted(app.available_themes):
            yield f"Theme {theme}", "", partial(setattr, app, "theme", theme)


def _works(app: NaqConsole, action: keys.Action) -> bool:
    _, name, parameters = parse(action.call)
    return app.main.check_action(name, parameters) is not False


def _line(words: str, keys_of: str) -> str:
    """One command; all of it is searched, also what is cut off here."""
    return f"{fit(words, _WORDS)}{keys_of:>{_KEYS}}"
