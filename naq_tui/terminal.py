"""Living with terminals that are slow, that hang up, or that are told to go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from rich.cells import cell_len
from rich.console import RenderableType
from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.screen import Screen

from naq_tui.text import REPLACEMENT, safe

Result = TypeVar("Result")
FRAMES_WAITING = 4
"""Frames that may lie in the writer's queue (it holds 30 and then blocks the event loop)."""
CHARACTERS_WAITING = 2_000
"""And of those frames: over a slow line the answer to a key stands behind all that waits."""
CATCH_UP_S = 0.1
HANGUP_STATUS = 129
"""What the shell calls an end by SIGHUP."""


class InertLines(LineFilter):
    """Takes out of every line what could act on the terminal: the last guard, for what is pasted into a field.

    All else is made harmless where it comes in (`naq_tui.text.safe`). Lines stay as wide as they were.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [Segment(_inert(text), style, control) for text, style, control in segments]


def _inert(text: str) -> str:
    if text.isprintable():
        return text
    kept = (safe(char) if cell_len(safe(char)) == cell_len(char) else REPLACEMENT * cell_len(char) for char in text)
    return "".join(kept)


_INERT = InertLines()


class PatientApp(App[Result]):
    """Drops frames while the terminal can't take them, instead of blocking everything else.

    Uses private names of Textual 8.2 (`_display`, `_writer_thread`, `_queue`); a test stalls a terminal to prove it.
    """

    _has_dropped = False

    def get_line_filters(self) -> Sequence[LineFilter]:
        return (*super().get_line_filters(), _INERT)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        waiting = self._frames_waiting()
        if len(waiting) >= FRAMES_WAITING or sum(map(len, waiting)) >= CHARACTERS_WAITING:
            if not self._has_dropped:
                self._has_dropped = True
                self.set_timer(CATCH_UP_S, self._catch_up)
            return
        super()._display(screen, renderable)

    def _catch_up(self) -> None:
        if self._frames_waiting():
            self.set_timer(CATCH_UP_S, self._catch_up)
            return
        self._has_dropped = False
        # what was dropped were parts of a picture: only a whole one mends it
        self.screen.refresh()

    def _frames_waiting(self) -> list[str]:
        writer = getattr(self._driver, "_writer_thread", None)
        return [] if writer is None else [text for text in tuple(writer._queue.queue) if text]


def has_shell_behind() -> bool:
    """Whether a shell with job control waits for this program: nothing else brings it back once it is stopped.

    `ssh host naq-console` has none, nor has a window of tmux that was opened with the program.
    """
    import psutil

    group, session = os.getpgrp(), os.getsid(0)
    for parent in psutil.Process().parents():
        try:
            if os.getsid(parent.pid) != session:
                return False
            if os.getpgid(parent.pid) != group:
                return True
        except OSError:
            return False
    return False


def leave_on_signals(app: App[Any], loop: asyncio.AbstractEventLoop) -> None:
    """End in good order, with the terminal restored, on SIGTERM and SIGHUP."""
    for signum in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(signum, partial(app.exit, return_code=128 + signum))


def leave_on_hangup(app: App[Any], loop: asyncio.AbstractEventLoop, grace_s: float = 5.0) -> None:
    """End when the terminal goes away, even where SIGHUP is ignored or the event loop is stuck."""
    if not sys.__stdin__ or not os.isatty(0):
        return

    def watch() -> None:
        poll = select.poll()
        poll.register(0, 0)  # no events asked for: only a hang-up wakes it
        while not poll.poll():
            pass
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(partial(app.exit, return_code=HANGUP_STATUS))
        threading.Event().wait(grace_s)
        os._exit(HANGUP_STATUS)

    threading.Thread(target=watch, name="tty-watch", daemon=True).start()


def give_title(app: App[Any], title: str) -> None:
    """Name the terminal's window; the title it had is kept aside once (where the terminal can)."""
    driver = app._driver
    if driver is None or app.is_headless:
        return
    if not getattr(app, "_has_title", False):
        app._has_title = True  # type: ignore[attr-defined]
        driver.write("\x1b[22;2t")
    driver.write(f"\x1b]2;{title}\x07")
    driver.flush()


def take_title_back(app: App[Any]) -> None:
    """Give the window the title that it had."""
    if app._driver is not None and getattr(app, "_has_title", False):
        app._driver.write("\x1b[23;2t")
        app._driver.flush()
