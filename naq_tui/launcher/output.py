"""The output file of a process, read as it grows and kept within bounds however fast that is."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MAX_LINES = 100_000
MAX_TEXT = 32 * 2**20
"""Characters of all lines together; the oldest go first, whatever is reached first."""
MAX_LINE_BYTES = 4096
CHUNK_BYTES = 64 * 1024
POLL_BYTES = 2**20
"""Most that one look reads; what is left waits for the next one."""
BACKLOG_BYTES = 16 * 2**20
"""With more than this waiting, all but the newest of it is skipped, and a line says so."""
MAX_FILE_BYTES = 32 * 2**20
"""A file that has grown beyond this is set aside and emptied: its writer appends, so it goes on from zero."""


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
        self._lines: deque[str] = deque()
        self._length = 0
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
        end = min(len(self._lines), start + max(0, count))
        # by index and not by islice: that would walk there from the first line
        return OutputPage(first, tuple(self._lines[place] for place in range(start, end)), oldest, self.total)

    def find(self, is_wanted: Callable[[str], bool], start: int, step: int = 1) -> int | None:
        """Number of the first wanted line from number `start` on, downwards, or with `step` -1 upwards; None: none."""
        oldest = self.total - len(self._lines)
        if step > 0:
            places = range(max(0, start - oldest), len(self._lines))
        else:
            places = range(min(start - oldest, len(self._lines) - 1), -1, -1)
        lines = self._lines
        return next((oldest + place for place in places if is_wanted(lines[place])), None)

    def poll(self, most: int = POLL_BYTES) -> bool:
        """Read what is new, at most `most` bytes of it; whether there was something. A missing file is empty."""
        try:
            stat = os.stat(self.path)  # noqa: PTH116  (four times a second for each process: half the cost of Path.stat)
        except OSError:
            return False
        if stat.st_ino != self._inode:
            self._inode = stat.st_ino
            self._position = 0
        elif stat.st_size < self._position:
            self._position = 0
            self.note("the output file was set aside")
        if stat.st_size == self._position:
            return False
        try:
            self._read(stat.st_size, most)
        except OSError as exc:
            self._position = stat.st_size
            self.note(f"the output can't be read: {exc.strerror or exc}")
        return True

    @property
    def is_oversized(self) -> bool:
        """Whether the file is to be set aside by `trim`."""
        return self._position > MAX_FILE_BYTES

    def trim(self) -> None:
        """Copy the file to `rotated` and empty it. Takes a tenth of a second and more: not on the loop's thread.

        What its writer adds between the two is lost; dying there leaves the copy and the whole file.
        """
        with contextlib.suppress(OSError):
            shutil.copyfile(self.path, self.rotated)
            self.rotated.chmod(0o600)
            os.truncate(self.path, 0)

    @property
    def rotated(self) -> Path:
        """Where the part before the current one lies, if there is one."""
        return self.path.with_name(self.path.name + ".1")

    def catch_up(self) -> None:
        """Take in all that waits, up to the backlog that is read at all."""
        self.poll(BACKLOG_BYTES)

    def note(self, text: str) -> None:
        """Add a line that the process did not write."""
        self._append(f"… {text} …")

    def finish(self) -> None:
        """Take in all the rest once the process has ended, its last line being perhaps without an end."""
        self.catch_up()
        if self._partial:
            self._end_line()
        self._is_overlong = False

    def _read(self, size: int, most: int) -> None:
        waiting = size - self._position
        with self.path.open("rb", buffering=0) as file:
            if waiting > BACKLOG_BYTES:
                self._position = size - BACKLOG_BYTES // 2
                # what was skipped ends somewhere within a line: that line is dropped as well
                self._partial, self._is_overlong = b"", True
                self.note(f"{_size(waiting - BACKLOG_BYTES // 2)} of output skipped")
            size = min(size, self._position + most)
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
        for line in whole:
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
        self._length += len(line)
        self.total += 1
        while len(self._lines) > MAX_LINES or self._length > MAX_TEXT:
            self._length -= len(self._lines.popleft())


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
