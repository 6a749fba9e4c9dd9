"""A program in a terminal of our own: what it writes, how much, and how soon a key is answered on the screen."""

from __future__ import annotations

import asyncio
import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import psutil

_PIECE = re.compile(
    r"\x1b\[([0-9;:?<>=]*)[ -/]*([@-~])"  # what moves and colours
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_].*?\x1b\\|\x1b[^\[\]PX^_]"
    r"|[^\x1b]+"
)
STOP_S = 10.0


class Screen:
    """Characters and their grounds, as far as a Textual program needs a terminal: it places each run of text."""

    def __init__(self, columns: int, rows: int) -> None:
        self._text = [[" "] * columns for _ in range(rows)]
        self._grounds = [[""] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._ground = ""
        self._left = ""

    def feed(self, text: str) -> None:
        text, at = self._left + text, 0
        while at < len(text):
            piece = _PIECE.match(text, at)
            if piece is None:
                break  # half a sequence: the rest comes
            if piece[2] == "H":
                row, _, column = (piece[1] or "1;1").partition(";")
                self._y, self._x = int(row or 1) - 1, int(column or 1) - 1
            elif piece[2] == "m":
                self._colour(piece[1])
            elif not piece[0].startswith("\x1b"):
                self._write(piece[0])
            at = piece.end()
        self._left = text[at:]

    def lines(self) -> list[str]:
        return ["".join(line) for line in self._text]

    def ground(self, row: int, column: int) -> str:
        """The ground there as the terminal was told it: "48;2;38;49;73"."""
        return self._grounds[row][column]

    def _colour(self, codes: str) -> None:
        numbers = iter(codes.split(";"))
        for number in numbers:
            if number in ("38", "48"):
                kind = next(numbers, "")
                values = [next(numbers, "") for _ in range(3 if kind == "2" else 1)]
                if number == "48":
                    self._ground = ";".join((number, kind, *values))
            elif number in ("", "0", "49"):
                self._ground = ""
            elif number.isdecimal() and (40 <= int(number) <= 47 or 100 <= int(number) <= 107):
                self._ground = number

    def _write(self, text: str) -> None:
        for place, line in enumerate(text.split("\n")):
            if place:
                self._y, self._x = self._y + 1, 0
            line = line.replace("\r", "")
            if self._y < len(self._text):
                end = min(self._x + len(line), len(self._text[0]))
                kept = end - self._x
                if kept > 0:
                    self._text[self._y][self._x : end] = line[:kept]
                    self._grounds[self._y][self._x : end] = [self._ground] * kept
            self._x += len(line)


class Terminal:
    """One command in a pseudo-terminal, read by the loop of whoever watches."""

    def __init__(self, command: Sequence[str], columns: int, rows: int, env: Mapping[str, str]) -> None:
        self.screen = Screen(columns, rows)
        self.written = 0
        """Bytes so far."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._news = asyncio.Event()
        self.answered_at = 0.0
        """When bytes were read last, by `time.perf_counter`."""
        self.painted_at = 0.0
        """When the first line of text stood there."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        hidden = ("NO_COLOR", "COLUMNS", "LINES", "TEXTUAL", "TEXTUAL_THEME")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
            start_new_session=True,
        )
        os.close(theirs)
        self._fd = ours
        os.set_blocking(ours, False)
        asyncio.get_running_loop().add_reader(ours, self._read)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def press(self, key: str) -> None:
        os.write(self._fd, key.encode())

    async def until(self, is_so: Callable[[], object], patience_s: float = 30.0) -> float:
        """Seconds (by `time.perf_counter`) at which the bytes were read after which `is_so`.

        Raises:
            TimeoutError: with the screen as it is.
        """
        try:
            async with asyncio.timeout(patience_s):
                while not is_so():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError("the screen never showed it:\n" + "\n".join(self.screen.lines())) from None
        return self.answered_at

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        self.answered_at = time.perf_counter()
        self.written += len(data)
        self.screen.feed(self._decoder.decode(data))
        if not self.painted_at and any(line.strip() for line in self.screen.lines()):
            self.painted_at = self.answered_at
        self._news.set()
