"""Text from outside, made inert, and text cut to cell widths.

Every string that did not come from this program passes `safe` (one line) or `safe_lines` (many) once, where it
enters the store or a report. After that it can't move a cursor, change a colour, open a link or reorder a line.
"""

from __future__ import annotations

import re
from typing import Final

from rich.cells import cell_len, set_cell_size

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
LINE_LIMIT: Final = 2000
"""Characters of one line that are kept."""

_BIDI = (0x61C, 0x180E, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2061, 0x2070), *range(0xFFF9, 0xFFFC))
_INVISIBLE = (
    0xAD,
    0x200B,
    0x200C,
    0x200D,
    0x2060,
    0xFEFF,
    # variation selectors and skin tones: terminals and libraries disagree about their width
    *range(0xFE00, 0xFE10),
    *range(0x1F3FB, 0x1F400),
    *range(0xE0000, 0xE0080),
    *range(0xE0100, 0xE01F0),
)
_TABLE: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20)}
_TABLE[0x09] = "    "
_TABLE[0x7F] = "\N{SYMBOL FOR DELETE}"
_TABLE |= dict.fromkeys(range(0x80, 0xA0), REPLACEMENT)
_TABLE |= dict.fromkeys(_BIDI, REPLACEMENT)
_TABLE |= dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT)
_TABLE |= dict.fromkeys(_INVISIBLE, None)
_COMBINING = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILES = re.compile(f"([{_COMBINING}]{{2}})[{_COMBINING}]+")
_ANSI = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def safe(text: str, limit: int = LINE_LIMIT) -> str:
    """One line of `text` that is harmless in any terminal.

    Control characters become their pictures (ESC is shown as ␛), C1, bidi marks and lone surrogates become U+FFFD,
    zero-width characters go, and piles of combining marks are cut to two.
    """
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isascii() and text.isprintable():
        return text
    return _PILES.sub(r"\1", text.translate(_TABLE))


def safe_lines(text: str, limit: int = 5000) -> tuple[str, ...]:
    """The lines of `text`, each harmless; at most `limit` of them, the last one then says how many are left out."""
    lines = text.replace("\r\n", "\n").split("\n")
    kept = tuple(safe(line) for line in lines[:limit])
    return kept if len(lines) <= limit else (*kept, f"… {len(lines) - limit:,} more lines")


def without_ansi(text: str) -> str:
    """`text` without colour and title sequences, for the output of programs; still to be passed to `safe`."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def width(text: str) -> int:
    """Cells that `text` takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, cells: int) -> str:
    """`text` in at most `cells` cells, its end replaced by `…` where it doesn't fit; never half a wide character."""
    if cells <= 0:
        return ""
    if width(text) <= cells:
        return text
    if text.isascii():
        return text[: cells - 1] + "…"
    return set_cell_size(text, cells - 1).rstrip(" ") + "…"


def cut_id(text: str, cells: int) -> str:
    """An id in at most `cells` cells: ids differ at their ends, so that stays; of the beginning what there is room for.

    `order-2026-11-24-000123` is `order…000123` in 12 cells and `…00123` in 6.
    """
    if width(text) <= cells or cells < 4:
        return cut(text, cells)
    before = cells // 2 - 1 if cells >= 10 else 0
    # the end is the beginning of the text turned around
    return cut(text, before + 1)[:-1] + cut(text[::-1], cells - before)[::-1]


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """`text` in exactly `cells` cells, cut or padded; `right` aligns it to the right."""
    text = cut(text, cells)
    padding = " " * (cells - width(text))
    return padding + text if right else text + padding


def wrap(text: str, cells: int) -> list[str]:
    """`text` (one line) in pieces of at most `cells` cells; breaks after a space where one is near."""
    if width(text) <= cells or cells < 4:
        return [text]
    if text.isascii():
        return _wrap_ascii(text, cells)
    pieces: list[str] = []
    piece, used, last_space = "", 0, -1
    for character in text:
        cell = width(character)
        if used + cell > cells:
            cut_at = last_space + 1 if last_space > len(piece) // 2 else len(piece)
            pieces.append(piece[:cut_at])
            piece = piece[cut_at:]
            used, last_space = width(piece), -1
        if character == " ":
            last_space = len(piece)
        piece += character
        used += cell
    pieces.append(piece)
    return pieces


def _wrap_ascii(text: str, cells: int) -> list[str]:
    """The same by slices, for texts of megabytes: nearly all that is long is ASCII."""
    pieces, start = [], 0
    while len(text) - start > cells:
        space = text.rfind(" ", start, start + cells) - start
        end = start + (space + 1 if space > cells // 2 else cells)
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]
