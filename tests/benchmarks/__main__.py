"""All measurements in one go: `python -m tests.benchmarks [--quick] [--only NAME] [--json FILE]`.

What is compared runs in turn, round by round, on a server that the benchmark starts and removes, and the ratio is the
median of the ratios of the rounds: figures of a machine that does other work too are then still worth something.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from naq.server.binary import find_binary
from tests.benchmarks import (
    console,
    draining,
    election,
    enqueueing,
    footprint,
    growth,
    latency,
    log_bounds,
    processes,
    schedules,
    server_memory,
)
from tests.benchmarks.stage import Measure, Stage
from tests.benchmarks.table import Row, table

GROUPS: dict[str, Measure] = {
    "enqueue": enqueueing.rows,
    "drain": draining.rows,
    "latency": latency.rows,
    "footprint": footprint.rows,
    "processes": processes.rows,
    "schedules": schedules.rows,
    "console": console.rows,
    "screens": console.rows_of_full_screens,
    "log": log_bounds.rows,
    "growth": growth.rows,
    "million": growth.rows_of_a_million,
    "server-memory": server_memory.rows,
    "election": election.rows,
}
LONG = frozenset({"million"})
"""Left out by `--quick` unless named: too long, and of one size only."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure naq beside a bare nats-py client, and print a table with the bounds it has to keep. "
        "Exit code 1 says that one is not kept.",
        epilog="example:\n  python -m tests.benchmarks --quick --only drain --json drain.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few rounds: 2 minutes, and figures to match"
    )
    parser.add_argument(
        "--only", action="append", choices=GROUPS, metavar="NAME", help=f"one group, repeatable: {', '.join(GROUPS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all rounds of all rows")
    arguments = parser.parse_args()
    names = arguments.only or [name for name in GROUPS if name not in LONG or not arguments.quick]
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    measured: dict[str, list[Row]] = {}
    failed: dict[str, str] = {}
    try:
        asyncio.run(measure(names, Stage(quick=arguments.quick), measured, failed))
    except KeyboardInterrupt:  # what is measured by then still counts
        failed.update({name: "interrupted" for name in names if name not in measured | failed})
    print(table(row for rows in measured.values() for row in rows))
    for name, why in failed.items():
        print(f"{name} was not measured: {why}")
    records = [row.to_record(name) for name, rows in measured.items() for row in rows]
    if arguments.json is not None:
        report = {"machine": about, "quick": arguments.quick, "rows": records, "failed": failed}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return int(bool(failed) or any(record.get("is_met") is False for record in records))


async def measure(names: Iterable[str], stage: Stage, measured: dict[str, list[Row]], failed: dict[str, str]) -> None:
    """Put the rows of each group into `measured`, or the reason why there are none into `failed`."""
    for name in names:
        print(name, file=sys.stderr, flush=True)
        begun = time.monotonic()
        try:
            measured[name] = await GROUPS[name](stage)
        except Exception as exc:  # the figures of the other groups still count
            failed[name] = f"{type(exc).__name__}: {exc}"
        stage.tell(f"{time.monotonic() - begun:.0f} s, load {os.getloadavg()[0]:.1f}")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    version = subprocess.run([find_binary(), "--version"], check=True, capture_output=True, text=True).stdout
    return {
        "cores": os.cpu_count(),
        "load": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "nats-server": version.split()[-1],
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True
        ).stdout.strip(),
    }


if __name__ == "__main__":
    sys.exit(main())
