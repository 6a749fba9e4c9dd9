"""Drive a full-screen program in a private tmux server, and read the screen as a person would."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_HIDDEN = ("NO_COLOR", "COLORTERM", "TMUX", "TEXTUAL_THEME", "PYTHONDONTWRITEBYTECODE", "COLUMNS", "LINES")
"""The last two are set where tests run in several processes: the console would believe them."""


class Tmux:
    """One terminal of a given size running one command; `EXIT=<code>` is printed when it ends."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        cols: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._socket = f"naq-{uuid.uuid4().hex[:8]}"
        self._outer = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
        self._outer["TMUX_TMPDIR"] = str(folder)
        inner_env = {"TERM": "screen-256color", **(env or {})}
        settings = " ".join(shlex.quote(f"{name}={value}") for name, value in inner_env.items())
        line = f'env {settings} {shlex.join(command)}; echo "EXIT=$?"; exec sleep 600'
        self._tmux("-f", "/dev/null", "-u", "new-session", "-d", "-x", str(cols), "-y", str(rows), line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server", check=False)

    def screen(self) -> str:
        """The text on the screen now."""
        return self._tmux("capture-pane", "-p")

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names: "Enter", "Escape", "C-c", "w"."""
        self._tmux("send-keys", *names)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def click(self, x: int, y: int, times: int = 1) -> None:
        """The left button, pressed and released on a cell (from 0), as terminals tell it (SGR 1006)."""
        self._bytes(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m" * times)

    def wheel(self, x: int, y: int) -> None:
        """One notch down over a cell (from 0)."""
        self._bytes(f"\x1b[<65;{x + 1};{y + 1}M")

    def _bytes(self, text: str) -> None:
        self._tmux("send-keys", "-H", *(f"{byte:02x}" for byte in text.encode()))

    def resize(self, cols: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(cols), "-y", str(rows))

    def record(self, file: Path) -> None:
        """From now on write all bytes that the program sends to the terminal into this file too."""
        file.touch()
        self._tmux("pipe-pane", f"cat > {shlex.quote(str(file))}")

    def flags(self) -> str:
        """Alternate screen, mouse and cursor: "001" is a terminal as a shell wants it."""
        return self._tmux("display", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}").strip()

    def pid(self) -> int:
        """The process at the bottom of the terminal."""
        return int(self._tmux("display", "-p", "#{pane_pid}").strip())

    def wait(self, wanted: str | Callable[[str], bool], timeout: float = 15.0) -> str:
        """The screen once it shows what is wanted. Fails with the screen as it stands after `timeout` seconds."""
        end = time.monotonic() + timeout
        while True:
            screen = self.screen()
            if wanted(screen) if callable(wanted) else wanted in screen:
                return screen
            if time.monotonic() > end:
                raise AssertionError(f"{wanted!r} did not show within {timeout:g} s; the screen:\n{screen}")
            time.sleep(0.03)

    def _tmux(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *arguments], capture_output=True, text=True, check=check, env=self._outer
        )
        return done.stdout
