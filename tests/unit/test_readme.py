"""What the README promises is there: each row of its feature table names calls that exist and a test that runs them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import naq
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "naq" / "examples").glob("*.py"))
"""The functions that the tests run."""
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in README.split("### What else a job can have")[1].split("\n\n")[1].splitlines()[2:]
]


def test_the_table_is_found() -> None:
    assert len(ROWS) >= 14


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_what_exists(row: list[str]) -> None:
    _, call, shown_by = row
    file = shown_by.strip("` |")
    assert (ROOT / "tests" / "integration" / file).is_file(), f"{file} does not exist"
    text = (ROOT / "tests" / "integration" / file).read_text(encoding="utf-8") + EXAMPLES
    for code in re.findall(r"`([^`]+)`", call):
        for name in re.findall(r"naq\.(\w+)", code):
            assert hasattr(naq, name), f"naq.{name} does not exist"
            assert name in text, f"{file} does not use naq.{name}"
        called = re.match(r"(\w+)\(", code)
        if called and called[1] != "enqueue":
            assert hasattr(naq, called[1]), f"naq.{called[1]} does not exist"
            assert hasattr(naq, f"{called[1]}_sync"), f"naq.{called[1]}_sync does not exist"
        for option in re.findall(r"[(,] ?(\w+)=", code):
            assert option in text, f"{file} does not use {option}="


COMMANDS = sorted(set(re.findall(r"`naq ((?:job|queues|workers|worker) ?\w*)", " ".join(row[1] for row in ROWS))))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_table_has_help_with_an_example(command: str) -> None:
    words = command.split()
    words = words if words[0] != "worker" else words[:1]
    done = subprocess.run([sys.executable, "-m", "naq", *words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "example" in done.stdout
