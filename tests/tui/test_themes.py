"""Our colour names in themes that are not ours."""

from __future__ import annotations

import pytest
from textual.theme import BUILTIN_THEMES

from naq_tui.themes import variable_defaults


@pytest.mark.parametrize("name", sorted(name for name, theme in BUILTIN_THEMES.items() if theme.ansi))
def test_a_theme_of_the_terminals_own_colours_gets_no_other(name: str) -> None:
    """The ground is not known: a mixed colour may be dark on dark."""
    colors = variable_defaults(BUILTIN_THEMES[name])
    assert [color for color in colors.values() if not color.startswith("ansi_")] == []
    assert colors["naq-muted"] != colors["naq-strong"]
