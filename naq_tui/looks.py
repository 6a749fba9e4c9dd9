"""How this console looks: theme, times, glyphs, title, and where the operator was the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.theme import Theme

from naq_tui import themes, times
from naq_tui.config import Config
from naq_tui.contexts import Context
from naq_tui.remembered import Remembered
from naq_tui.screens.remembering import arrangement, restore
from naq_tui.switching import SwitchingApp
from naq_tui.terminal import give_title, take_title_back
from naq_tui.text import safe

if TYPE_CHECKING:
    from naq_tui.feed.protocol import Commands

_TOLD = {
    "": "Each column tells its times as suits it.",
    "relative": "Times are told as ages.",
    "absolute": "Times are told as times of day.",
}


class LooksApp(SwitchingApp):
    """What the user wrote goes before what was chosen in an earlier run; what is chosen by key is remembered."""

    def __init__(
        self, config: Config, remembered: Remembered, commands: Commands | None, *, ascii_only: bool, **system: Any
    ) -> None:
        super().__init__(config, commands, **system)
        self.remembered = remembered
        self.ascii_only = ascii_only or config.ascii
        self.set_class(self.ascii_only, "-ascii")
        for theme in themes.THEMES:
            self.register_theme(theme)
        chosen = (config.theme, remembered.theme)
        self.theme = next((name for name in chosen if name in self.available_themes), themes.DARK)
        zone = config.timezone or remembered.zone
        self._zones = list(dict.fromkeys(("UTC", "local", *([zone] if zone else []))))
        self.zone = zone or "UTC"
        """"UTC", "local" or an IANA name."""
        mode = config.times or remembered.times
        self._mode: times.Mode = next((known for known in times.MODES if known == mode), "")
        times.use(times.Style(times.zone_of(self.zone), self._mode))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.variable_defaults(self.current_theme)

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.app_resume_signal.subscribe(self, lambda _: self._resumed())
        self._tell_title()
        self.call_after_refresh(self._restore)

    def _resumed(self) -> None:
        self._tell_title()
        self.screen.refresh()  # the terminal shows nothing of it any more, whatever has not changed meanwhile

    async def _shutdown(self) -> None:
        self.remember()
        take_title_back(self)
        await super()._shutdown()

    # where the operator was

    def remember(self) -> None:
        """Keep the screen, order, filters and columns of this context."""
        if self.main.is_mounted:
            self.remembered.remember_view(self._context_key, arrangement(self.main))

    def _restore(self) -> None:
        restore(self.main, self.remembered.view(self._context_key))

    @property
    def _context_key(self) -> str:
        return self.context.name if self.context is not None else ""

    async def switch(self, context: Context) -> None:
        self.remember()
        before = self.context
        await super().switch(context)
        if self.context is not before:
            self._tell_title()
            self._restore()

    # times

    def action_next_times(self) -> None:
        """Ages, times of day, or each column as suits it: on every screen."""
        self._mode = times.MODES[(times.MODES.index(self._mode) + 1) % len(times.MODES)]
        self.remembered.times = self._mode
        self._tell_times(_TOLD[self._mode])

    def action_next_zone(self) -> None:
        """UTC, this machine's zone, or the one that was chosen."""
        self.zone = self._zones[(self._zones.index(self.zone) + 1) % len(self._zones)]
        self.remembered.zone = self.zone
        self._tell_times(
            "Times are told by this machine's clock." if self.zone == "local" else f"Times are told in {self.zone}."
        )

    def _tell_times(self, words: str) -> None:
        times.use(times.Style(times.zone_of(self.zone), self._mode))
        for table in self.main.tables.values():
            table.again()
        self.main.log_view.again()
        self.mutate_reactive(type(self).state)
        self.say(words)

    # theme and title

    def _theme_changed(self, theme: Theme) -> None:
        self.remembered.theme = theme.name

    def _tell_title(self) -> None:
        name = self.context.name if self.context is not None else ""
        give_title(self, safe(f"naq · {name}" if name else "naq", 80))
