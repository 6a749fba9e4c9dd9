"""What the filter line means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needle:
    """Words that must all occur in a row, those with `!` in front must not; upper and lower case are the same."""

    text: str

    def __bool__(self) -> bool:
        return bool(self.text.strip())

    def matches(self, row_text: str) -> bool:
        row_text = row_text.casefold()
        for word in self.text.casefold().split():
            if word.startswith("!") and len(word) > 1:
                if word[1:] in row_text:
                    return False
            elif word not in row_text:
                return False
        return True
