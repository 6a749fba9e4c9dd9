"""The mouse: rows, tabs, heads, wheel; and `--no-mouse`, which leaves all of it to the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from naq.sync import SyncClient
from tests.terminal.conftest import CONSOLE
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.nats, pytest.mark.terminal]

MOUSE_ON = re.compile(rb"\x1b\[\?(?:9|1000|1001|1002|1003|1005|1006|1015|1016)h")


@pytest.mark.parametrize("options", [(), ("--no-mouse",)], ids=["mouse", "no-mouse"])
def test_the_terminal_is_asked_for_the_mouse_only_where_it_is_wanted(
    console_env: dict[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Before it starts its bytes are being recorded: it waits for a key until then."""
    record = tmp_path / "bytes"
    command = ("sh", "-c", 'read -r line; exec "$@"', "sh", *CONSOLE, *options)
    with Tmux(command, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.record(record)
        terminal.keys("Enter")
        terminal.wait("LIVE")
        assert terminal.flags()[1] == ("0" if options else "1")
        terminal.keys("q")
        assert "EXIT=0" in terminal.wait("EXIT=")
        assert terminal.flags() == "001"
    sent = record.read_bytes()
    assert b"\x1b[?1049h" in sent, "the record has the beginning"
    assert bool(MOUSE_ON.search(sent)) is not bool(options)


def test_click_and_wheel(console_env: dict[str, str], outside: SyncClient, tmp_path: Path) -> None:
    """As the bytes that terminals send: a tab, the wheel, a row and that row opened."""
    jobs = [outside.enqueue("naq.examples.tasks:echo", number, queue_name="mail") for number in range(60)]
    by_short = {job.job_id[-6:]: job.job_id for job in jobs}
    with Tmux(CONSOLE, tmp_path, cols=120, rows=24, env=console_env) as terminal:
        lines = terminal.wait(lambda s: "LIVE" in s and "echo" in s).splitlines()
        y = next(y for y, line in enumerate(lines) if "3 Jobs" in line)
        terminal.click(lines[y].index("3 Jobs"), y)
        lines = terminal.wait(lambda s: "─ Jobs" in s and "echo" in s).splitlines()
        first = rows_of(lines, by_short)[0][0]
        terminal.wheel(40, 12)
        lines = terminal.wait(lambda s: "─ Jobs" in s and first not in s).splitlines()
        short, y = rows_of(lines, by_short)[5]
        terminal.click(20, y, times=2)
        terminal.wait(lambda s: by_short[short] in s and "Arguments" in s)


def rows_of(lines: list[str], shorts: Iterable[str]) -> list[tuple[str, int]]:
    """The jobs in sight and the line that each is on."""
    return [(short, y) for y, line in enumerate(lines) for short in shorts if short in line]
