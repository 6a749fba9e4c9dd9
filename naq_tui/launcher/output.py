"""The output file of a process, read as it grows and kept within bounds however fast that is."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

MAX_LINES = 5000
MAX_LINE_BYTES = 4096
CHUNK_BYTES = 64 * 1024
POLL_BYTES = 256 * 1024
"""Most that one look reads; with more waiting, all but the newest of it is skipped, and a line says so."""
MAX_FILE_BYTES = 64 * 2**20
"""A file that has grown beyond this is to be emptied: its writer appends, so it goes on from zero."""


@dataclass(frozen=True, slots=True)
class OutputPage:
    """Some lines of an output. Lines are numbered from 0 for ever; the oldest are dropped.

    The text is as the process wrote it, control characters included: not yet fit for a terminal.
    """

    first: int
    """Number of the first line of `lines`."""
    lines: tuple[str, ...]
    oldest: int
    """Number of the oldest line still kept."""
    total: int
    """How many lines there ever were, which is the number of the next one."""


class OutputTail:
    """The newest lines of a file that another process appends to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = 0
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._position = 0
        self._inode = 0
        self._partial = b""
        self._is_overlong = False

    @property
    def last_line(self) -> str:
        """The newest line that isn't blank, or an empty text."""
        return next((line for line in reversed(self._lines) if line.strip()), "")

    def page(self, first: int, count: int) -> OutputPage:
        """At most `count` lines from number `first` on, or from the oldest kept where that one is gone."""
        oldest = self.total - len(self._lines)
        first = min(max(first, oldest), self.total)
        start = first - oldest
        return OutputPage(first, tuple(islice(self._lines, start, start + max(0, count))), oldest, self.total)

    def poll(self) -> bool:
        """Read what is new, in bounded time; whether there was something. A missing file is an empty one."""
        try:
            stat = os.stat(self.path)  # noqa: PTH116  (four times a second for each process: half the cost of Path.stat)
        except OSError:
            return False
        if stat.st_ino != self._inode:
            self._inode = stat.st_ino
            self._position = 0
        elif stat.st_size < self._position:
            self._position = 0
            self._append("… the output file was emptied …")
        if stat.st_size == self._position:
            return False
        try:
            self._read(stat.st_size)
        except OSError as exc:
            self._position = stat.st_size
            self._append(f"… the output can't be read: {exc.strerror or exc} …")
        return True

    @property
    def is_oversized(self) -> bool:
        """Whether the file should be emptied by `trim`."""
        return self._position > MAX_FILE_BYTES

    def trim(self) -> None:
        """Empty the file. Takes a tenth of a second where a fast writer is at it: not on the event loop's thread.

        What was written since the last `poll` is lost.
        """
        with contextlib.suppress(OSError):
            os.truncate(self.path, 0)

    def finish(self) -> None:
        """Take in all the rest once the process has ended, its last line being perhaps without an end."""
        self.poll()
        if self._partial:
            self._end_line()
        self._is_overlong = False

    def _read(self, size: int) -> None:
        waiting = size - self._position
        with self.path.open("rb", buffering=0) as file:
            if waiting > POLL_BYTES:
                self._position = size - POLL_BYTES // 2
                # what was skipped ends somewhere within a line: that line is dropped as well
                self._partial, self._is_overlong = b"", True
                self._append(f"… {_size(waiting - POLL_BYTES // 2)} of output skipped …")
            file.seek(self._position)
            while self._position < size:
                chunk = file.read(min(CHUNK_BYTES, size - self._position))
                if not chunk:
                    break
                self._position += len(chunk)
                self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        first, *rest = chunk.split(b"\n")
        self._grow(first)
        if not rest:
            return
        self._end_line()
        *whole, last = rest
        dropped = max(0, len(whole) - MAX_LINES)  # these would leave at the other end at once
        self.total += dropped
        for line in whole[dropped:]:
            self._append(_text(line))
        self._grow(last)

    def _grow(self, part: bytes) -> None:
        """Add to the line that has no end yet; past the limit it is shown as it is and its rest is dropped."""
        if self._is_overlong:
            return
        self._partial += part
        if len(self._partial) > MAX_LINE_BYTES:
            # a progress display rewrites its line for ever: only what it wrote last counts
            self._partial = _last_rewrite(self._partial)
        if len(self._partial) > MAX_LINE_BYTES:
            self._append(_text(self._partial))
            self._partial, self._is_overlong = b"", True

    def _end_line(self) -> None:
        if not self._is_overlong:
            self._append(_text(self._partial))
        self._partial, self._is_overlong = b"", False

    def _append(self, line: str) -> None:
        self._lines.append(line)
        self.total += 1


def _last_rewrite(line: bytes) -> bytes:
    """What a carriage return left of a line: the part after the last one that isn't at its end."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _text(line: bytes) -> str:
    line = _last_rewrite(line)
    if len(line) > MAX_LINE_BYTES:
        return line[:MAX_LINE_BYTES].decode("utf-8", "replace") + "…"
    return line.decode("utf-8", "replace")


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
