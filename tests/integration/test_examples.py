"""Each example is run by the commands its docstring gives, and prints what the docstring says."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
import textwrap
from contextlib import AsyncExitStack

import pytest

from naq.settings import Settings
from tests.conftest import ROOT, child, environment_of

pytestmark = pytest.mark.nats

FOLDER = ROOT / "naq" / "examples"
FUNCTIONS_ONLY = {"__init__", "tasks", "context"}
"""Modules of functions to try naq with, used all over the tests."""
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in FUNCTIONS_ONLY)


def documented(name: str) -> tuple[list[list[str]], list[str]]:
    """The commands in the docstring (`$ …`), and the lines that the last of them prints."""
    _, *body = (FOLDER / f"{name}.py").read_text(encoding="utf-8").split('"""')[1].split("\n\n")
    lines = textwrap.dedent(body[-1]).rstrip().splitlines()
    commands = [shlex.split(line[2:]) for line in lines if line.startswith("$ ")]
    return commands, lines[len(commands) :]


def test_every_example_says_how_it_is_run() -> None:
    assert len(EXAMPLES) >= 9
    for name in EXAMPLES:
        commands, printed = documented(name)
        assert commands[-1] == ["python", "-m", f"naq.examples.{name}"]
        assert printed


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_does_what_it_says(name: str, settings: Settings) -> None:
    (*services, program), printed = documented(name)
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        for program_name, *arguments in services:
            assert program_name == "naq"
            await stack.enter_async_context(child(settings, *arguments))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program[1:],
            env=environment_of(settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert (out.decode().splitlines(), err.decode(), process.returncode) == (printed, "", 0)


def test_examples_are_short() -> None:
    for name in EXAMPLES:
        code = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        assert len(re.findall(r"\n", code)) < 100, f"{name} is no short example any more"
