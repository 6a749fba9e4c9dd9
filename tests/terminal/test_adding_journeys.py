"""Jobs and schedules made at the console, on a real server: what runs, what is stored, and what the log tells."""

from __future__ import annotations

import base64
import getpass
from pathlib import Path

import pytest

from naq.models.schedule import Schedule
from naq.sync import SyncClient
from tests.terminal.conftest import CONSOLE, ReadLog, StartWorker, of_type
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.nats, pytest.mark.terminal]
HOSTILE = "\x1b[2J[red]x[/] \u202e\u65e5"


def fill(terminal: Tmux, *texts: str) -> None:
    """Type one text after the other into the fields that follow, in place of what stands there."""
    for place, text in enumerate(texts):
        if place:
            terminal.keys("Tab")
        if text:
            terminal.keys("C-u")
            terminal.type(text)


def test_enqueue_a_job_from_scratch(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, read_log: ReadLog, tmp_path: Path
) -> None:
    """At 80x24: a mistake is told, put right, and the number comes back as long as it was typed."""
    start_worker("sums")
    first = outside.enqueue("naq.examples.tasks:add", 1, 1, queue_name="sums")
    assert outside.fetch_job_result(first.job_id, timeout=15) == 2
    big = 2**70
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("3")
        terminal.wait("\u2713 done")
        terminal.keys("A")
        terminal.wait("naq.examples.tasks:add")
        terminal.type("add")
        terminal.keys("Right")
        terminal.wait("naq.examples.tasks:add()")
        terminal.keys("Tab")
        terminal.type(f"[{big}, 1")
        terminal.wait("args: no JSON")
        terminal.type("]")
        screen = terminal.wait(f"naq.examples.tasks:add({big}, 1)")
        assert "into queue sums at once" in screen
        terminal.keys("Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab")
        terminal.type("by hand")
        terminal.wait("by hand")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait("Enqueued as job")
        terminal.wait(str(big + 1))
        terminal.keys("2", "/")
        terminal.type("type:OPERATOR_ACTION")
        terminal.keys("Enter")
        terminal.wait(lambda s: "enqueue job by" in s and "1 found" in s)
    (action,) = of_type(read_log(), "OPERATOR_ACTION")
    (enqueued,) = [event for event in of_type(read_log(), "ENQUEUED") if event.job_id != first.job_id]
    assert action.job_id is not None
    assert outside.fetch_job_result(action.job_id, timeout=15) == big + 1
    assert (enqueued.job_id, enqueued.action_id, enqueued.reason) == (action.job_id, action.action_id, "by hand")
    assert (action.function, action.queue) == ("naq.examples.tasks:add", "sums")
    for event in (action, enqueued):
        assert (event.actor or {})["program"] == "naq-console"
        assert (event.actor or {})["user"] == getpass.getuser()


def test_a_job_for_later_with_hostile_arguments(
    console_env: dict[str, str], outside: SyncClient, read_log: ReadLog, tmp_path: Path
) -> None:
    """Escapes that are pasted, and those that JSON spells out, reach the function and never the terminal."""
    record = tmp_path / "bytes"
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("4")
        terminal.wait("A enqueues a first job")
        terminal.keys("A")
        terminal.wait("Enqueue a job")
        terminal.record(record)
        fill(terminal, "naq.examples.tasks:echo", r'["\u001b[2J[red]x[/] \u202e\u65e5"]', "", "quiet", "in 1h")
        terminal.wait(lambda s: "into queue quiet in" in s and "no living worker takes jobs from queue quiet" in s)
        terminal.keys("Escape")
        terminal.wait(lambda s: "Enqueue a job" not in s)
        assert outside.list_schedules() == [], "esc sends nothing"
        terminal.keys("A")
        terminal.wait("Enqueue a job")
        fill(terminal, "naq.examples.tasks:echo", r'["\u001b[2J[red]x[/] \u202e\u65e5"]', "", "quiet", "in 1h")
        terminal.wait("into queue quiet in")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait("To be enqueued as job")
    (schedule,) = outside.list_schedules()
    assert schedule.run_at is not None
    assert (schedule.queue, schedule.job["args"]) == ("quiet", [HOSTILE])
    assert b"\x1b[2J[red]" not in record.read_bytes()
    (action,) = of_type(read_log(), "OPERATOR_ACTION")
    assert (action.job_id, (action.details or {})["action"]) == (schedule.schedule_id, "enqueue job")


def test_make_a_schedule_that_fires(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, read_log: ReadLog, tmp_path: Path
) -> None:
    """At 80x24: an id that exists is refused, even where schedules were still being read, and the new one fires."""
    start_worker("default")
    outside.schedule("naq.examples.tasks:echo", "old", cron="0 2 * * *", schedule_id="nightly")
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("6")
        terminal.wait("nightly")
        terminal.keys("A")
        terminal.wait("New schedule")
        fill(terminal, "naq.examples.tasks:echo", '["tick"]', "", "every 90m", "Europe/Berlin", "nightly")
        terminal.wait("schedule nightly exists")
        fill(terminal, "beat")
        screen = terminal.wait("every 90 minutes, in 1 h 30 min")
        assert 'naq.examples.tasks:echo("tick")' in screen
        terminal.keys("Tab", "Tab", "Tab", "Right")
        terminal.wait("skip")
        terminal.keys("Enter")
        terminal.keys("Tab", "Tab", "Tab")
        terminal.type("a pulse")
        terminal.wait("a pulse")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait(lambda s: "Schedule beat made" in s and "every 90 minutes" in s)
    made: Schedule = next(each for each in outside.list_schedules() if each.schedule_id == "beat")
    assert (made.interval_s, made.overlap, made.job["args"]) == (5400.0, "skip", ["tick"])
    job = outside.trigger_scheduled_job("beat")
    assert outside.fetch_job_result(job.job_id, timeout=15) == "tick"
    (action,) = of_type(read_log(), "OPERATOR_ACTION")
    scheduled = next(event for event in of_type(read_log(), "SCHEDULED") if event.schedule_id == "beat")
    assert (action.schedule_id, action.reason) == ("beat", "a pulse")
    assert (scheduled.action_id, scheduled.reason) == (action.action_id, "a pulse")
    assert (scheduled.actor or {})["program"] == "naq-console"


def test_a_field_is_copied(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, tmp_path: Path
) -> None:
    """What reaches the terminal's clipboard is the field alone."""
    start_worker("default")
    job = outside.enqueue("naq.examples.tasks:fail", HOSTILE)
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("3")
        terminal.wait("\u2717 failed")
        terminal.keys("Enter")
        terminal.wait(lambda s: job.job_id in s and "reading" not in s)
        terminal.keys("y")
        terminal.wait(lambda s: "whole record" in s and "traceback" in s)
        record = tmp_path / "bytes"
        terminal.record(record)
        terminal.keys("i")
        terminal.wait("Copied the id")
    assert b"\x1b]52;c;" + base64.b64encode(job.job_id.encode()) in record.read_bytes()
    assert b"\x1b[2J[red]" not in record.read_bytes()
