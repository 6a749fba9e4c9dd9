"""The records that an action is about, frozen when it is asked for, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from naq.models.result import JobResult
from naq_tui.format import count
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import ResultRow, result_row
from naq_tui.text import width

SAMPLE = 3


class Target(NamedTuple):
    """One record, as it was when the action was asked for. All text but the key is safe; empty is what it has not."""

    key: str
    """What the action is given: its id, of a queue its name."""
    name: str
    status: str = ""
    function: str = ""
    queue: str = ""
    error: str = ""
    """Type of the exception; empty where it has not failed."""
    text: str = ""


def targets_of(items: Iterable[JobRow | ResultRow | JobResult]) -> tuple[Target, ...]:
    """Jobs as targets."""
    return tuple(_target(item) for item in items)


def _target(item: JobRow | ResultRow | JobResult) -> Target:
    if isinstance(item, JobRow):
        return Target(item.job_id, item.job, item.status, item.function, item.queue, item.error_type, item.text)
    row = result_row(item) if isinstance(item, JobResult) else item
    kind = row.text.partition(":")[0] if row.record.error is not None else ""
    return Target(row.job_id, row.job, row.status, row.function, row.queue, kind, row.text)


def breakdown(targets: Sequence[Target], room: int = 47) -> list[tuple[str, str]]:
    """`("queues", "reports 400 · mail 12")` and so on, for what they differ in or what is worth knowing.

    The most frequent ones are named, as many as there is room for.
    """
    lines: list[tuple[str, str]] = []
    for title, values in (
        ("queues", Counter(target.queue for target in targets)),
        ("functions", Counter(target.function for target in targets)),
        ("errors", Counter(target.error for target in targets if target.error)),
        ("states", Counter(target.status.lower() for target in targets)),
    ):
        if any(values) and not (title == "states" and len(values) == 1):
            lines.append((title, _counted(values, room)))
    return lines


def _counted(values: Counter[str], room: int) -> str:
    text = ""
    for named in range(min(3, len(values)), 0, -1):
        text = " · ".join(f"{name or '-'} {count(number)}" for name, number in values.most_common(named))
        if named < len(values):
            text += f" · {count(len(values) - named)} more"
        if width(text) <= room:
            break
    return text


def sample(targets: Sequence[Target]) -> list[str]:
    """A few of them, one line each."""
    lines = ["  ".join(filter(None, (each.name, each.function, each.text))) for each in targets[:SAMPLE]]
    more = len(targets) - SAMPLE
    return [*lines, f"and {more:,} more"] if more > 0 else lines
