"""`python -m tests.fuzz --inputs 1000000`: every target, a table at the end, exit code 1 where anything failed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.harness import Tally, run, shares
from tests.fuzz.targets import TARGETS

LEAST = 20_000
"""Inputs of each target in the long form."""
SHOWN = 2_000
"""Characters shown of an input that failed; the file given with --save has it whole."""


def table(tallies: Sequence[Tally]) -> str:
    size = max(len(tally.target) for tally in tallies)
    lines = [f"{'target':<{size}}  {'inputs':>9}  {'refused':>9}  {'seconds':>8}  {'slowest':>9}  {'failures':>8}"]
    whole = Tally("in all")
    for tally in (*tallies, whole):
        if tally is not whole:
            whole.inputs += tally.inputs
            whole.refused += tally.refused
            whole.seconds += tally.seconds
            whole.failed += tally.failed
            whole.slowest_s = max(whole.slowest_s, tally.slowest_s)
        lines.append(
            f"{tally.target:<{size}}  {tally.inputs:>9,}  {tally.refused:>9,}  {tally.seconds:>8.1f}"
            f"  {tally.slowest_s * 1000:>6.0f} ms  {tally.failed:>8,}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all, or a few more (1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same inputs (1)")
    parser.add_argument("--only", default="", metavar="NAME", help="targets whose name begins so")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with input number N of each target")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write what failed, whole")
    args = parser.parse_args()
    targets = [target for target in TARGETS if target.name.startswith(args.only)]
    if not targets:
        parser.error(f"no target begins with {args.only!r}: {', '.join(target.name for target in TARGETS)}")
    least = LEAST if args.inputs >= 1_000_000 else 0
    planned = shares(targets, args.inputs, least)
    tallies: list[Tally] = []
    begun = time.monotonic()
    saved: list[str] = []
    for target in targets:
        tally = run(target, planned[target.name], seed=args.seed, first=args.first)
        tallies.append(tally)
        print(f"{target.name}: {tally.inputs:,} inputs, {tally.failed:,} failures", file=sys.stderr, flush=True)
        for failure in tally.failures:
            told = f"{failure.target}: {failure.what}\n{failure.trace}"
            again = f"again: python -m tests.fuzz --only {failure.target!r} --seed {args.seed} --first {failure.number}"
            print(f"\n{told}{again} --inputs 1\ninput: {failure.shown[:SHOWN]}\n", flush=True)
            saved.append(f"{told}{again} --inputs 1\ninput: {failure.shown}\n")
    print(table(tallies))
    print(f"seed {args.seed}, {time.monotonic() - begun:.0f} s")
    if args.save is not None and saved:
        args.save.write_text("\n".join(saved), encoding="utf-8", errors="backslashreplace")
    return 1 if any(tally.failed for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
