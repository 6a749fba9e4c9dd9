"""One frame of the console as text or SVG, with no terminal: for scripts and bug reports. It changes nothing."""

from __future__ import annotations

import asyncio
from typing import Literal

from naq.errors import ConfigurationError, NaqConnectionError
from naq_tui import keys
from naq_tui.app import NaqConsole

Format = Literal["text", "svg"]
KINDS = frozenset({"events", "workers", "schedules", "results", "queues", "processes"})
"""What has to have been heard of until a frame is complete."""
MORE_KINDS = {"jobs": {"jobs"}, "errors": {"failures"}}
"""What has to on top of it, by screen."""
WAIT_S = 10.0


def checked_size(text: str) -> tuple[int, int]:
    """`120x40` as columns and lines. Raises ConfigurationError."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 40 <= int(width) <= 500 and 10 <= int(height) <= 200):
        raise ConfigurationError(f"size {text!r}: columns and lines were expected, 40x10 to 500x200, like 120x40")
    return int(width), int(height)


def checked_screen(name: str) -> str:
    """The screen of this name or digit. Raises ConfigurationError, which lists them."""
    for screen, (digit, _) in keys.SCREENS.items():
        if name.strip().lower() in (screen, digit):
            return screen
    raise ConfigurationError(f"screen {name!r} does not exist: {', '.join(keys.SCREENS)}")


async def snapshot(app: NaqConsole, screen: str, format: Format, size: tuple[int, int]) -> str:
    """Run the console unseen until all it shows has come in, and return the frame.

    Raises:
        NaqConnectionError: there is no connection, or not everything came within ten seconds.
    """
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.main.go(screen)  # figures are read while they are looked at
        newest: int | None = None
        try:
            async with asyncio.timeout(WAIT_S):
                while _missing(app, screen, newest):
                    if newest is None and "events" in app.state.loaded:
                        newest = app.state.last_seq
                    if app.state.link.state == "failed":
                        raise NaqConnectionError(app.state.link.message or "the server can't be used")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            missing = ", ".join(_missing(app, screen, newest))
            raise NaqConnectionError(f"not everything came within {WAIT_S:.0f} s; missing: {missing}") from None
        await pilot.pause()
        await pilot.pause()
        if format == "svg":
            return app.export_screenshot(title=f"naq {screen}")
        strips = app.screen._compositor.render_strips(app.size)
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


def _missing(app: NaqConsole, screen: str, newest: int | None) -> list[str]:
    """What the screen shows and has not got; `newest` is the last event there was when the log was first seen."""
    state = app.state
    missing = (KINDS | MORE_KINDS.get(screen, frozenset())) - state.loaded
    is_empty = state.last_seq < state.first_seq
    if newest is None or (not is_empty and (not state.events or state.events[-1].seq < newest)):
        missing |= {"events"}
    if screen == "figures" and (state.figures is None or state.figures.progress is not None):
        missing |= {"figures"}
    return sorted(missing)
