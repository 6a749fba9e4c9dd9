"""The terminal's bell, for who looks elsewhere: tmux marks the window, most terminals the tab."""

from __future__ import annotations

from collections.abc import Callable


class Bell:
    """Rings when something breaks. What is broken already as the console opens is seen by who opens it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._known: frozenset[str] | None = None

    def heed(self, broken: frozenset[str] | None) -> None:
        """Take note of what is `broken` now; None while that is not known, as at the start. Rings once for all new."""
        is_new = broken is not None and self._known is not None and bool(broken - self._known)
        self._known = broken
        if is_new:
            self._ring()
