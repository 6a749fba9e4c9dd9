"""Tracebacks, the frames of the user's own code first."""

from __future__ import annotations

import re
from typing import NamedTuple

from naq_tui.text import safe

_FRAME = re.compile(r'^\s*File "([^"\n]{1,500})", line (\d{1,9}), in (.{1,200})$')
_FOREIGN = re.compile(r"site-packages|dist-packages|/lib/python\d|/naq/(?:worker|ext|middleware)\b|<frozen |<string>")

_LINES = 5_000
"""Lines that are looked through, from the end: the innermost frames are the last."""
_CHARACTERS = 400_000
"""The same, of a text that has many in no lines."""


class Frame(NamedTuple):
    place: str
    """`reports.py:88`."""
    function: str
    code: str


def own_frames(text: str, limit: int = 12) -> list[Frame]:
    """The frames that are not of Python, of installed packages or of naq, innermost first; safe text."""
    lines = text[-_CHARACTERS:].splitlines()
    found: list[Frame] = []
    for number in range(len(lines) - 1, max(-1, len(lines) - 1 - _LINES), -1):
        match = _FRAME.match(lines[number])
        if match is None or _FOREIGN.search(match[1]):
            continue
        code = lines[number + 1].strip() if number + 1 < len(lines) and lines[number + 1].startswith("    ") else ""
        name = match[1].replace("\\", "/").rpartition("/")[2]
        found.append(Frame(safe(f"{name}:{match[2]}", 100), safe(match[3], 100), safe(code, 200)))
        if len(found) == limit:
            break
    return found
