"""The launcher's screens as pictures: processes, form, output, details, the question at quitting."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.sample import T0, process
from naq_tui.launcher import LaunchSpec, ProcessStatus, Recipe
from naq_tui.launcher.crashes import Run
from naq_tui.launcher.view import ProcessView
from tests.tui.conftest import after, fake_console

SMALL, MEDIUM, LARGE = (80, 24), (120, 40), (200, 60)
BOTH = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=["80x24", "120x40"])
THREE = pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE], ids=["80x24", "120x40", "200x60"])

MAIL = Recipe(
    "mail",
    LaunchSpec(
        recipe="mail",
        modules=("shop.tasks",),
        queues=("mail:3", "default"),
        env={"LANG": "C.UTF-8", "SMTP_PASSWORD": "hunter2"},
        cwd=Path("/tmp"),
        restart="on-failure",
        hangup="keep",
    ),
    2,
)
REPORTS = Recipe("reports", LaunchSpec(recipe="reports", modules=("shop.reports",), queues=("reports",)), 4)
RECIPES = {"mail": MAIL, "reports": REPORTS}
LOG = (
    *("2026-11-24T14:05:02Z INFO    worker w-3 serves mail, default: 10 jobs at once",),
    *(f"2026-11-24T14:05:{second:02d}Z INFO    send_invoice 9f{second:02d} done in 228 ms" for second in range(3, 30)),
    "2026-11-24T14:05:31Z DEBUG   the pull of queue mail was renewed",
    "2026-11-24T14:05:33Z WARNING slow upstream: smtp.example.com answered after 4.2 s",
    "2026-11-24T14:05:40Z ERROR   send_invoice 9fa7 failed on attempt 1, it is retried in 8 s",
    "Traceback (most recent call last):",
    '  File "/srv/shop/tasks.py", line 41, in send_invoice',
    "    smtp.send(message, timeout=30)",
    "TimeoutError: smtp.example.com took longer than 30 s",
    "\x1b[31mcolours of a program\x1b[0m and \x1b]2;titles\x07 are taken out",
    "2026-11-24T14:05:48Z INFO    " + "a very long line that goes on and on " * 8,
    *(f"2026-11-24T14:06:{second:02d}Z INFO    send_invoice a0{second:02d} done in 228 ms" for second in range(20)),
    "2026-11-24T14:06:31Z CRITICAL the disk is full",
)


def views() -> list[ProcessView]:
    """A recipe of which one waits for its next start, one that runs well, one in a crash loop, one not launched."""
    mail = {"recipe": "mail", "recipe_running": 2, "recipe_wanted": 3, "restart": "on-failure", "host": "web-1"}
    runs = tuple(
        Run(T0 - timedelta(minutes=9 - n), T0 - timedelta(minutes=8 - n, seconds=20), code, asked)
        for n, (code, asked) in enumerate(((0, True), (1, False), (-9, False)))
    )
    crashed = {"status": ProcessStatus.EXITED, "status_text": "exited 1", "exit_code": 1}
    return [
        process("nats-server", "server", 4102, "[4102] 2026/11/24 14:02:10 [INF] Server is ready", rss_bytes=2**25),
        process(
            "mail-1",
            "worker",
            4103,
            "14:07:12 send_invoice 9f3c done in 228 ms",
            cpu_percent=31.2,
            rss_bytes=96 * 2**20,
            runs=runs,
            restarts=3,
            environment={"LANG": "C.UTF-8", "SMTP_PASSWORD": "hunter2"},
            folder="/srv/shop",
            command="naq worker --name=mail-1 -m shop.tasks --concurrency=10 mail:3 default",
            **mail,
        ),
        process(
            "mail-2", "worker", 4104, "14:07:11 resize_image 02aa done in 1.2 s",
            cpu_percent=4.0, rss_bytes=88 * 2**20, **mail,
        ),
        process(
            "mail-3",
            "worker",
            4140,
            "MemoryError",
            restart_at=T0 + timedelta(seconds=8),
            uptime=41.0,
            restarts=2,
            **{**crashed, "status": ProcessStatus.WAITING, "status_text": "waiting"},
            **mail,
        ),
        process("scheduler-1", "scheduler", 4130, "14:07:00 fired minutely", host="web-1", hangup="drain"),
        process(
            "worker-1", "worker", 4121, "ModuleNotFoundError: No module named 'shop'", failed=True, crash_looping=True,
            uptime=1.2, restarts=4, restart="always", **crashed,
        ),
        process(
            "reports", "worker", 0, "", status=ProcessStatus.READY, status_text="ready", recipe="reports",
            recipe_wanted=4, command=REPORTS.spec.display(), process_id="recipe:reports",
        ),
    ]  # fmt: skip


def console(**options: Any) -> Any:
    processes = FakeProcesses(*views(), recipes=RECIPES)
    processes.lines = list(LOG)
    return fake_console(processes=processes, **options)


@THREE
def test_processes(snap_compare: Any, size: tuple[int, int]) -> None:
    """Those of one recipe together with their scale; what waits, and what is left alone, said by glyph and words."""
    assert snap_compare(console(), terminal_size=size, run_before=after("8", "j"))


def test_processes_ascii(snap_compare: Any) -> None:
    assert snap_compare(console(ascii_only=True), terminal_size=MEDIUM, run_before=after("8", "j"))


@BOTH
def test_details(snap_compare: Any, size: tuple[int, int]) -> None:
    """Command, folder, variables with the secret masked, load, earlier runs, and the jobs its worker runs."""
    assert snap_compare(console(), terminal_size=size, run_before=after("8", "j", "i"))


@BOTH
def test_output(snap_compare: Any, size: tuple[int, int]) -> None:
    """Following: times muted, levels in their colours, the traceback told, no escape in sight."""
    assert snap_compare(console(), terminal_size=size, run_before=after("8", "j", "enter"))


@BOTH
def test_output_first_error(snap_compare: Any, size: tuple[int, int]) -> None:
    """The first error under the cursor, long lines wrapped under their message."""
    assert snap_compare(console(), terminal_size=size, run_before=after("8", "j", "enter", "l", "e"))


@BOTH
def test_output_searched(snap_compare: Any, size: tuple[int, int]) -> None:
    """While a text is searched: the newest line with it under the cursor, each occurrence standing out."""
    assert snap_compare(console(), terminal_size=size, run_before=after("8", "j", "enter", "slash", *"invoice"))


@BOTH
def test_form_with_recipe(snap_compare: Any, size: tuple[int, int]) -> None:
    """Filled from the recipe chosen; its secret is not shown."""
    assert snap_compare(console(), terminal_size=size, run_before=after("w", "right"))


def test_form_mistakes(snap_compare: Any) -> None:
    """Each mistake is named under its field, and nothing else moves."""
    keys = ("w", "tab", "a", "space", "b", "tab", "tab", "0", "tab", "tab", "L", "tab", "x")
    assert snap_compare(console(), terminal_size=SMALL, run_before=after(*keys))


def test_form_of_a_scheduler(snap_compare: Any) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=after("s"))


@BOTH
def test_confirm_fewer(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=after("8", "j", "minus"))


@BOTH
def test_confirm_restart_of_marked(snap_compare: Any, size: tuple[int, int]) -> None:
    """How many, which, and what becomes of each kind."""
    keys = ("8", "j", "space", "space", "j", "space", "R")
    assert snap_compare(console(), terminal_size=size, run_before=after(*keys))


@BOTH
def test_quit(snap_compare: Any, size: tuple[int, int]) -> None:
    """What a hang-up would do and to which; staying has the focus."""
    shown = console()
    shown.supervisor.views[2] = replace(shown.supervisor.views[2], hangup="kill")
    assert snap_compare(shown, terminal_size=size, run_before=after("q"))


def test_quit_all_the_same(snap_compare: Any) -> None:
    """Where all are kept there is nothing to tell apart."""
    shown = console()
    shown.supervisor.views = shown.supervisor.views[:4]
    assert snap_compare(shown, terminal_size=SMALL, run_before=after("q"))
