"""The same targets, led by what they reach: `pip install atheris`, then `python -m tests.fuzz.guided`.

An input is a string of bytes that stands for all that a target's maker draws. libFuzzer keeps those that reach code no
other has reached, and changes them further. Each target runs in a process of its own, which libFuzzer ends.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

LONGEST = 4096
"""Bytes of an input; what is drawn beyond them follows from them."""
SLOWED = 10
"""How many times longer code may take that tells where it has been."""
TOLD = re.compile(r"#\d+\s+DONE\s+cov: (\d+) ft: \d+ corp: (\d+)")


class Choices(random.Random):
    """Draws what given bytes say, in order, and once they are used up what follows from them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        super().__init__(zlib.crc32(data))

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        if self._at + size > len(self._data):
            return super().getrandbits(k)
        piece = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "little") >> (size * 8 - k)

    def random(self) -> float:
        return self.getrandbits(53) / (1 << 53)


def lead(name: str, options: list[str]) -> None:
    """Give one target inputs until libFuzzer ends this process: 0, or another code after a failure that it prints."""
    import atheris

    with atheris.instrument_imports(include=["naq", "naq_tui"]):
        from tests.fuzz import harness
        from tests.fuzz.targets import TARGETS
    harness.LONGEST_S *= SLOWED
    (target,) = (target for target in TARGETS if target.name == name)

    def give(data: bytes) -> None:
        try:
            harness.attempt(target, target.make(Choices(data)))
        except harness.TooSlowError as exc:
            raise AssertionError(str(exc)) from exc  # what is no Exception libFuzzer takes for an exit

    atheris.Setup([sys.argv[0], *options], give)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="of each target (20,000)")
    parser.add_argument("--seed", type=int, default=1, help="where libFuzzer begins (1)")
    parser.add_argument("--only", default="", metavar="NAME", help="targets whose name begins so")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where inputs that failed are put")
    parser.add_argument("--target", help=argparse.SUPPRESS)
    args, options = parser.parse_known_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed here: pip install atheris", file=sys.stderr)
        return 2
    if args.target is not None:
        lead(args.target, options)
    from tests.fuzz.targets import TARGETS

    names = [target.name for target in TARGETS if target.name.startswith(args.only)]
    if not names:
        parser.error(f"no target begins with {args.only!r}: {', '.join(target.name for target in TARGETS)}")
    args.keep.mkdir(parents=True, exist_ok=True)
    failed = sum(not _one(name, args.inputs, args.seed, args.keep) for name in names)
    print(f"{len(names)} targets, {args.inputs:,} inputs each, seed {args.seed}: {failed} failed")
    return 1 if failed else 0


def _one(name: str, inputs: int, seed: int, keep: Path) -> bool:
    """Whether a target withstood; tells what it reached, or how it failed."""
    place = keep / re.sub(r"\W+", "-", name)
    options = [f"-runs={inputs}", f"-seed={seed}", f"-max_len={LONGEST}", f"-artifact_prefix={place}-"]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="naq-fuzz-") as corpus:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", "--target", name, *options, corpus],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    reached = TOLD.search(done.stderr)
    told = f"{reached[1]} edges by {reached[2]} inputs kept" if reached else "FAILED"
    print(f"{name:<44}  {time.monotonic() - begun:>6.1f} s  {told}", flush=True)
    if done.returncode or reached is None:
        print((done.stdout + done.stderr)[-4000:], flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
