"""Rows chosen to be acted on together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Marks:
    """Keys of marked rows. They outlive refreshes and filters; keys of rows that are gone are dropped."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._last: str | None = None
        """The one marked last: where a range begins."""

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def toggle(self, key: str) -> None:
        self._keys ^= {key}
        self._last = key

    def range(self, keys: Sequence[str], cursor: int) -> None:
        """Mark everything between the one marked last and the cursor, both included."""
        here = keys[cursor]
        start = keys.index(self._last) if self._last in keys else cursor
        low, high = sorted((start, cursor))
        self._keys.update(keys[low : high + 1])
        self._last = here

    def all(self, keys: Iterable[str]) -> None:
        """Mark all of `keys`; where they are marked already, unmark them."""
        every = set(keys)
        self._keys = self._keys - every if every <= self._keys else self._keys | every

    def clear(self) -> None:
        self._keys.clear()
        self._last = None

    def keep(self, keys: Iterable[str]) -> None:
        """Forget the marks of rows that no longer exist."""
        if self._keys:
            self._keys.intersection_update(keys)
