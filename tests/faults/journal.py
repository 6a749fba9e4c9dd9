"""What really ran, by the journal that the jobs themselves write (`tests.faults.tasks`)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Ran:
    """One run of a function."""

    job_id: str
    attempt: int
    pid: int
    began: float
    """Seconds of this machine's monotonic clock, as `ended`."""
    ended: float | None = None
    """None where its process died in it."""


def read(path: Path) -> dict[str, list[Ran]]:
    """Runs by job id, in the order in which they began."""
    found: dict[str, list[Ran]] = defaultdict(list)
    if not path.exists():
        return found
    with path.open() as lines:
        for line in lines:
            what, job_id, attempt, pid, at = line.split()
            if what == "begin":
                found[job_id].append(Ran(job_id, int(attempt), int(pid), float(at)))
                continue
            own = (int(pid), int(attempt), None)
            next(ran for ran in reversed(found[job_id]) if (ran.pid, ran.attempt, ran.ended) == own).ended = float(at)
    return found


def overlaps(runs: list[Ran], limit: int) -> list[list[Ran]]:
    """The sets of more than `limit` runs that went on at one time, each as it was when its last one began."""
    found: list[list[Ran]] = []
    going: list[Ran] = []
    for ran in sorted((ran for ran in runs if ran.ended is not None), key=lambda ran: ran.began):
        going = [other for other in going if (other.ended or 0) > ran.began] + [ran]
        if len(going) > limit:
            found.append(list(going))
    return found
