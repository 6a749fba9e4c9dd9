"""Jobs of every kind while everything breaks: `python -m tests.faults --jobs 100000 --faults 200`.

Ends with a table, and with exit code 1 where the checker, `naq doctor --verify` or a program that ended by itself says
that something was lost, ran twice without a reason, or does not agree with the log. Never hangs: past its deadline it
reports what is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.kinds import plan_of
from tests.faults.run import FaultRun, Plan

FAULT_TAKES_S = 6.5
"""Seconds a fault takes on the average, the pause behind it included."""
FASTEST = 100.0
"""Jobs a second that three workers keep up with on two cores while faults hit them."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=(__doc__ or "").partition("\n")[0],
        epilog="example:\n  python -m tests.faults --jobs 3000 --faults 20 --flood 2000 --seed 7",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--jobs", type=int, default=100_000, metavar="N")
    parser.add_argument("--faults", type=int, default=200, metavar="N")
    parser.add_argument("--flood", type=int, default=100_000, metavar="N", help="malformed messages (100000)")
    parser.add_argument("--rate", type=float, metavar="N", help="jobs enqueued a second (as fits jobs and faults)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, metavar="S", help="seconds until it is given up")
    parser.add_argument("--folder", type=Path, metavar="PATH", help="for logs and report (build/faults/<time>)")
    args = parser.parse_args()
    seconds = max(args.jobs / (args.rate or FASTEST), args.faults * FAULT_TAKES_S)
    rate = args.rate or args.jobs / seconds
    plan = Plan(
        jobs=args.jobs,
        faults=plan_of(args.faults, random.Random(args.seed)),
        rate=rate,
        flood=args.flood,
        seed=args.seed,
        within_s=args.within or 2 * seconds + 300,
    )
    folder = args.folder or ROOT / "build" / "faults" / time.strftime("%Y%m%d-%H%M%S")
    print(f"{plan.jobs:,} jobs at {rate:.0f}/s, {len(plan.faults)} faults; logs and report in {folder}", flush=True)
    report = asyncio.run(FaultRun(plan, folder, lambda line: print(line, flush=True)).run())
    print(report.table())
    if not report.is_clean:
        print(report.troubles(), file=sys.stderr)
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith("NAQ_") and name != "NAQ_SERVER_BINARY"]:
        del os.environ[name]
    sys.exit(main())
