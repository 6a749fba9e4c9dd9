"""The console on a large log, as rows: what `tests.benchmarks.log` measures, with the bounds it has to keep."""

from __future__ import annotations

from tests.benchmarks import log
from tests.benchmarks.stage import Stage
from tests.benchmarks.table import Bound, Row

JUMPS = ("go to a sequence", "go to a time", "to the first event", "page down at the beginning")
INSTANTS = ("the console as it was", "one event earlier")
SEARCHES = ("next failure", "rare type (worker lost): first row", "common type (completed): first row")


async def rows(stage: Stage) -> list[Row]:
    report = await log.run(stage.size(10_000_000, 200_000), stage.size(8, 3))
    small, large = report["small log"], report["large log"]
    events = f"{report['events']:,} events"

    def row(what: str, figure: float, unit: str, limit: float | None = None) -> Row:
        bound = None if limit is None else Bound(limit, at_least=False)
        return Row(what=what, unit=unit, values=[figure], bound=bound)

    newest = large["start to newest page"] - large["start to first paint"]
    grown = large["console memory, MB"] - small["console memory, MB"]
    key = "key to paint meanwhile, p95 ms"
    return [
        row(f"log of {events}: newest page after paint", newest, "s", 0.5),
        *(row(f"log: {what}", large[what], "s", 0.3) for what in JUMPS),
        *(row(f"log: {what}", large[what], "s", 10.0) for what in INSTANTS),
        *(row(f"log: {what}", large[what], "s") for what in SEARCHES),
        row(f"log: console RSS over that of {report['small']:,}", grown, "MB", 20),
        row(f"log: key to paint, p95, {log.ARRIVING_PER_S:,} events/s", large[key], "ms", 50),
        row("log: events/s that arrived meanwhile", large["events/s that arrived meanwhile"], "events/s"),
        row("log: events missing of those", large["events missing from the console"], "events", 0),
    ]
