"""Counts over time in a ring of fixed length."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """How much happened in each of the newest `len(values)` steps of time.

    A step is a whole number (seconds or minutes since 1970, by the server's clock), so two series line up.
    """

    newest: int = 0
    """The step of the last value."""
    values: tuple[int, ...] = (0,) * 120

    def add(self, counts: dict[int, int]) -> Series:
        """With `counts` by step added; steps older than the ring are left out."""
        newest = max(self.newest, max(counts, default=0))
        size = len(self.values)
        shift = newest - self.newest
        values = [0] * size if shift >= size else [*self.values[shift:], *([0] * shift)]
        for step, number in counts.items():
            place = size - 1 - (newest - step)
            if place >= 0:
                values[place] += number
        return Series(newest, tuple(values))

    def window(self, now: int, length: int) -> tuple[int, ...]:
        """The values of the `length` steps that end with step `now`, oldest first; 0 where nothing is known."""
        size = len(self.values)
        first = size - 1 - (self.newest - (now - length + 1))
        return tuple(self.values[i] if 0 <= i < size else 0 for i in range(first, first + length))

    def total(self, now: int, length: int) -> int:
        return sum(self.window(now, length))

    def buckets(self, now: int, width: int, count: int) -> tuple[int, ...]:
        """`count` sums of `width` steps each. Buckets start at multiples of `width`, so they don't wander."""
        end = now - now % width + width - 1
        values = self.window(end, width * count)
        return tuple(sum(values[i : i + width]) for i in range(0, width * count, width))


PER_SECOND = Series()
PER_MINUTE = Series(values=(0,) * 60)
