"""The console's own themes, and its colour names for themes of others."""

from __future__ import annotations

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

DARK = "naq-dark"
LIGHT = "naq-light"
HIGH_CONTRAST = "naq-high-contrast"
ANSI = "naq-ansi"

_SIXTEEN = {
    "naq-muted": "ansi_bright_black",
    "naq-faint": "ansi_bright_black",
    "naq-off": "ansi_bright_black",
    "naq-strong": "ansi_default",
    "naq-cursor": "ansi_bright_black",
    "naq-bar": "ansi_default",
    "naq-alarm": "ansi_default",
    "naq-caution": "ansi_default",
    "naq-production": "ansi_magenta",
    "naq-production-bar": "ansi_default",
    "naq-string": "ansi_cyan",
    "naq-number": "ansi_magenta",
    "naq-word": "ansi_magenta",
}
"""Our colour names out of the terminal's own sixteen, which can't be mixed."""
_PLUM = Color.parse("#8b5fd0")
_SAGE = Color.parse("#5f9f78")
_TEAL = Color.parse("#3f9fb0")

THEMES = (
    Theme(
        name=DARK,
        dark=True,
        primary="#7aa2f7",
        secondary="#56688f",
        accent="#7aa2f7",
        success="#86c48e",
        warning="#e0b066",
        error="#f0717c",
        foreground="#cfd6e4",
        background="#12151c",
        surface="#12151c",
        panel="#1b202b",
        variables={
            "naq-muted": "#8791a5",
            "naq-faint": "#343c4d",
            "naq-off": "#566074",
            "naq-strong": "#f2f5fa",
            "naq-cursor": "#263149",
            "naq-bar": "#1b202b",
            "naq-alarm": "#3b1d25",
            "naq-caution": "#352b1a",
            "naq-production": "#c2a5f0",
            "naq-production-bar": "#29213d",
            "naq-string": "#a3bfae",
            "naq-number": "#c3a9dd",
            "naq-word": "#86b7c0",
        },
    ),
    Theme(
        name=LIGHT,
        dark=False,
        primary="#1f56b0",
        secondary="#8aa0c4",
        accent="#1f56b0",
        success="#1c7536",
        warning="#8a5a00",
        error="#c01f2e",
        foreground="#262c36",
        background="#fbfbfc",
        surface="#fbfbfc",
        panel="#eceff4",
        variables={
            "naq-muted": "#626c7c",
            "naq-faint": "#c9d0db",
            "naq-off": "#9ba5b4",
            "naq-strong": "#05070a",
            "naq-cursor": "#d8e4f8",
            "naq-bar": "#eceff4",
            "naq-alarm": "#fbe0e2",
            "naq-caution": "#f8ecd2",
            "naq-production": "#6a3fae",
            "naq-production-bar": "#e9e0f7",
            "naq-string": "#3d6650",
            "naq-number": "#74479c",
            "naq-word": "#12687a",
        },
    ),
    # every text has at least 7:1 against its ground (WCAG AAA)
    Theme(
        name=HIGH_CONTRAST,
        dark=True,
        primary="#7fd4ff",
        secondary="#ffffff",
        accent="#7fd4ff",
        success="#5cff8f",
        warning="#ffd24d",
        error="#ff8f8f",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1a1a1a",
        variables={
            "naq-muted": "#d0d0d0",
            "naq-faint": "#8c8c8c",
            "naq-off": "#8c8c8c",
            "naq-strong": "#ffffff",
            "naq-cursor": "#003a5c",
            "naq-bar": "#1a1a1a",
            "naq-alarm": "#4d0000",
            "naq-caution": "#3d2f00",
            "naq-production": "#e0b3ff",
            "naq-production-bar": "#33004d",
            "naq-string": "#c4ecd0",
            "naq-number": "#e0c4ff",
            "naq-word": "#93e4ee",
        },
    ),
    # the terminal's own sixteen colours, on its own ground
    Theme(
        name=ANSI,
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_blue",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            **BUILTIN_THEMES["ansi-dark"].variables,
            **_SIXTEEN,
        },
    ),
)


def variable_defaults(theme: Theme) -> dict[str, str]:
    """Our colour names for a theme that doesn't define them, mixed from the colours it has."""
    if theme.ansi:
        return dict(_SIXTEEN)
    colors = theme.to_color_system().generate()
    background, foreground = Color.parse(colors["background"]), Color.parse(colors["foreground"])
    primary, error, warning = (Color.parse(colors[name]) for name in ("primary", "error", "warning"))
    return {
        "naq-muted": foreground.blend(background, 0.35, 1.0).hex,
        "naq-faint": foreground.blend(background, 0.75, 1.0).hex,
        "naq-off": foreground.blend(background, 0.6, 1.0).hex,
        "naq-strong": foreground.hex,
        "naq-cursor": background.blend(primary, 0.28, 1.0).hex,
        "naq-bar": colors.get("panel", background.hex),
        "naq-alarm": background.blend(error, 0.25, 1.0).hex,
        "naq-caution": background.blend(warning, 0.2, 1.0).hex,
        "naq-production": foreground.blend(_PLUM, 0.55, 1.0).hex,
        "naq-production-bar": background.blend(_PLUM, 0.3, 1.0).hex,
        "naq-string": foreground.blend(_SAGE, 0.5, 1.0).hex,
        "naq-number": foreground.blend(_PLUM, 0.4, 1.0).hex,
        "naq-word": foreground.blend(_TEAL, 0.5, 1.0).hex,
    }
