"""What a check comes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from naq.errors import NaqException


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """It can't be told from here; no reason to worry by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    level: Level
    found: str
    advice: str = ""
    """What to do next; empty where there is nothing to do."""

    def to_record(self) -> dict[str, str]:
        record = {"check": self.name, "level": str(self.level), "found": self.found}
        return {**record, "advice": self.advice} if self.advice else record


def ok(name: str, found: str) -> Check:
    return Check(name=name, level=Level.OK, found=found)


def warning(name: str, found: str, advice: str) -> Check:
    return Check(name=name, level=Level.WARNING, found=found, advice=advice)


def problem(name: str, found: str, advice: str) -> Check:
    return Check(name=name, level=Level.PROBLEM, found=found, advice=advice)


async def guarded(name: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    """What `look` finds; that it could not look is a finding too."""
    try:
        return await look()
    except NaqException as exc:
        return [problem(name, f"can't be checked: {exc}", "mend what stands above first")]


def size(count: float) -> str:
    """`1.2 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
