"""The tones of values: each part by what it is, a name, a text, a number or a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from naq_tui import masking
from naq_tui.jsontext import TAG, Span

COLON: Span = (": ", "muted")
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*+"?|[^\s"\[\]{}(),]+?(?=: |[\s"\[\]{}(),]|$))(: )?|[\s\[\]{}(),]+')
_NUMBER = re.compile(r"-?\d[\d.]*(?:[eE][+-]?\d+)?")
_WORDS = frozenset({"null", "true", "false"})


def tone_of(value: Any) -> str:
    """Of what stands alone: a text, a number, a word, or a tagged one of these in packed form."""
    if isinstance(value, str):
        return "string"
    if value is None or isinstance(value, bool):
        return "word"
    is_number = isinstance(value, int | float) or value.get(TAG) in ("int", "float", "decimal")
    return "number" if is_number else ""


def toned(text: str) -> Iterator[Span]:
    """What stands on one row, each part in its own tone."""
    for found in _TOKEN.finditer(text):
        word, colon = found.groups()
        if word is None:
            yield found.group(), "muted"
        elif colon:
            yield word, "accent"
            yield COLON
        else:
            yield word, _word_tone(word)


def _word_tone(word: str) -> str:
    if word in _WORDS:
        return "word"
    if word == masking.MASK:
        return "muted"
    return "string" if word.startswith('"') else "number" if _NUMBER.fullmatch(word) else ""
