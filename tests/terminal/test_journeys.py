"""What an operator comes to the console for, from the first key to the state of the system: jobs and the log."""

from __future__ import annotations

import getpass
import json
import time
from datetime import UTC
from pathlib import Path

import pytest

from naq.errors import JobNotFoundError
from naq.models.job import JobStatus
from naq.queue import Call
from naq.settings import Settings
from naq.sync import SyncClient
from tests.terminal import shop
from tests.terminal.conftest import CONSOLE, ReadLog, StartWorker, of_type
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.nats, pytest.mark.terminal]


def status_becomes(client: SyncClient, job_id: str, status: JobStatus, timeout: float = 15) -> None:
    end = time.monotonic() + timeout
    while (now := client.get_job_status(job_id)) is not status:
        assert time.monotonic() < end, f"{job_id} is {now}, not {status}"
        time.sleep(0.05)


def test_why_a_job_failed_and_retry_it(
    console_env: dict[str, str],
    outside: SyncClient,
    start_worker: StartWorker,
    read_log: ReadLog,
    tmp_path: Path,
) -> None:
    """At 80x24: from the list of jobs to its own code, and done once the cause is mended."""
    start_worker("-m", "tests.terminal.shop", "billing")
    job = outside.enqueue(shop.bill, str(tmp_path), 7, queue_name="billing", max_retries=1, retry_delay=0.1)
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("3")
        terminal.wait(lambda s: "✗ failed" in s and job.job_id[-6:] in s and "bill" in s)
        terminal.keys("Enter")
        terminal.wait(lambda s: "✗ failed" in s and "attempt       2" in s and "waits" in s)
        terminal.keys("PageDown")
        screen = terminal.wait("In your code")
        assert "FileNotFoundError" in screen
        terminal.keys("G")
        screen = terminal.wait("The job's events")
        assert "retry" in screen
        (tmp_path / "prices.json").write_text('{"day": 42}')
        terminal.keys("R")
        screen = terminal.wait("Are you sure?")
        assert f"Retry job {job.job_id[-6:]} (bill)?" in screen
        terminal.keys("Enter")  # the answer it offers is no
        terminal.wait(lambda s: "Are you sure?" not in s)
        assert outside.get_job_status(job.job_id) is JobStatus.FAILED
        terminal.keys("R")
        terminal.wait("Are you sure?")
        terminal.keys("Right", "Enter")
        terminal.wait(f"Job {job.job_id[-6:]} put back into the queue.")  # the note: by then the form is gone
        terminal.keys("g")
        terminal.wait(lambda s: "✓ done" in s and "attempt" in s)
    assert outside.fetch_job_result(job.job_id, timeout=5) == 42
    (action,) = [event for event in of_type(read_log(), "OPERATOR_ACTION") if (event.details or {}).get("jobs")]
    assert (action.actor or {})["program"] == "naq-console"
    assert (action.details or {})["job_ids"] == [job.job_id]


def test_retry_all_jobs_of_one_error(
    console_env: dict[str, str],
    outside: SyncClient,
    start_worker: StartWorker,
    read_log: ReadLog,
    tmp_path: Path,
) -> None:
    """At 80x24: one group of two, its number typed, and who did it stands in the log."""
    start_worker("-m", "tests.terminal.shop", "billing")
    jobs = [outside.enqueue(shop.bill, str(tmp_path), number, queue_name="billing") for number in range(12)]
    other = outside.enqueue("naq.examples.tasks:fail", "another matter", queue_name="billing")
    for job in (*jobs, other):
        status_becomes(outside, job.job_id, JobStatus.FAILED)
    (tmp_path / "prices.json").write_text('{"day": 42}')
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("9")
        screen = terminal.wait(lambda s: "FileNotFoundError" in s and "13 failed" in s)
        assert "RuntimeError" in screen
        terminal.keys("/")
        terminal.type("notfound")
        terminal.keys("Enter")
        terminal.wait("1 shown")
        terminal.keys("R")
        terminal.wait("Retry 12 jobs?")
        terminal.type("11")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait("Type 12, the number of jobs, to go on.")
        assert outside.get_job_status(jobs[0].job_id) is JobStatus.FAILED
        terminal.keys("C-u")
        terminal.type("12")
        terminal.keys("Up")
        terminal.type("the price list is there")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait("12 jobs put back into the queue")
        for job in jobs:
            status_becomes(outside, job.job_id, JobStatus.COMPLETED)
        terminal.keys("2")
        terminal.wait("Events")
        terminal.keys("/")
        terminal.type("type:OPERATOR_ACTION")
        terminal.keys("Enter")
        terminal.wait(lambda s: "retry jobs, 12 by" in s and "retry jobs, done 12" in s)
    assert outside.get_job_status(other.job_id) is JobStatus.FAILED, "the other error was not touched"
    begun, ended = of_type(read_log(), "OPERATOR_ACTION")
    assert begun.reason == "the price list is there"
    assert (begun.actor or {})["user"] == getpass.getuser()
    assert (begun.details or {})["jobs"] == 12
    assert (ended.details or {})["done"] == 12
    assert begun.action_id == ended.action_id


def test_delete_all_jobs_of_one_error(
    console_env: dict[str, str],
    outside: SyncClient,
    start_worker: StartWorker,
    read_log: ReadLog,
    tmp_path: Path,
) -> None:
    """One group of two, from its report: its records go, the log keeps what they said and who deleted them."""
    start_worker("-m", "tests.terminal.shop", "billing")
    jobs = [outside.enqueue(shop.bill, str(tmp_path), number, queue_name="billing") for number in range(12)]
    other = outside.enqueue("naq.examples.tasks:fail", "another matter", queue_name="billing")
    for job in (*jobs, other):
        status_becomes(outside, job.job_id, JobStatus.FAILED)
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("9")
        terminal.wait(lambda s: "FileNotFoundError" in s and "13 failed" in s)
        terminal.keys("/")
        terminal.type("notfound")
        terminal.keys("Enter")
        terminal.wait("1 shown")
        terminal.keys("Enter")
        terminal.wait(lambda s: "FileNotFoundError" in s and "esc back" in s)
        terminal.keys("D")
        screen = terminal.wait("Delete 12 jobs?")
        assert "billing 12" in screen
        assert "FileNotFoundError 12" in screen
        terminal.type("12")
        terminal.keys("Up")
        terminal.type("the order was a test")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait("12 jobs deleted")
        terminal.keys("2", "/")
        terminal.type("type:OPERATOR_ACTION")
        terminal.keys("Enter")
        terminal.wait(lambda s: "delete jobs, 12 by" in s and "delete jobs, done 12" in s)
    for job in jobs:
        with pytest.raises(JobNotFoundError):
            outside.delete_job(job.job_id)
    assert outside.get_job_status(other.job_id) is JobStatus.FAILED, "the other error was not touched"
    begun, *each, ended = of_type(read_log(), "OPERATOR_ACTION")
    assert (begun.details or {})["jobs"] == 12
    assert (ended.details or {})["done"] == 12
    assert {event.job_id for event in each} == {job.job_id for job in jobs}
    assert {event.action_id for event in each} == {begun.action_id} == {ended.action_id}
    assert {event.reason for event in each} == {"the order was a test"}


def test_what_happened_around_a_time(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, read_log: ReadLog, tmp_path: Path
) -> None:
    """The incident lies far above what the log shows at first; `t` and the time of day lead to it."""
    start_worker("default")
    incident = outside.enqueue("naq.examples.tasks:fail", "disk full", queue_name="default")
    status_becomes(outside, incident.job_id, JobStatus.FAILED)
    (failed,) = [stored for stored in read_log() if stored.event is not None and stored.event.type == "FAILED"]
    moment = failed.stored_at.astimezone(UTC)
    time.sleep(1)  # what came later must be later by the second, as people name times
    outside.enqueue_many([Call("naq.examples.tasks:echo", (number,)) for number in range(300)], queue_name="later")
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("2")
        screen = terminal.wait(lambda s: "echo" in s and "following" in s)
        assert "disk full" not in screen
        terminal.keys("t")
        terminal.wait("14:03")
        terminal.type(f"{moment:%H:%M:%S}")
        terminal.keys("Enter")
        screen = terminal.wait(lambda s: "disk full" in s and "not following" in s)
        terminal.keys("e")
        terminal.keys("Enter")
        screen = terminal.wait(lambda s: f"Event #{failed.seq}" in s and "disk full" in s)
        assert incident.job_id in screen
        assert f"{moment:%H:%M:%S}" in screen
    assert len(read_log()) > 300


def test_purge_a_queue_with_a_reason_and_find_who_did(
    console_env: dict[str, str], outside: SyncClient, read_log: ReadLog, tmp_path: Path
) -> None:
    """From the question to the log's answer in one console: nobody but the person at the keys acts."""
    for number in range(5):
        outside.enqueue("naq.examples.tasks:echo", number, queue_name="mail")
    outside.enqueue("naq.examples.tasks:echo", 0, queue_name="other")
    with Tmux(CONSOLE, tmp_path, cols=80, rows=24, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("4")
        terminal.wait(lambda s: "mail" in s and "other" in s)
        terminal.keys("/")
        terminal.type("queue:mail")
        terminal.keys("Enter")
        terminal.wait("1 shown")
        terminal.keys("D")
        terminal.wait("reason")
        assert all(stats.waiting for stats in outside.list_queues()), "asking does nothing"
        terminal.keys("Up")
        terminal.type("sent to the wrong list")
        terminal.keys("Enter", "Right", "Enter")
        terminal.wait(lambda s: "Are you sure?" not in s and "5 jobs" in s)
        terminal.keys("2")
        terminal.wait("─ Events")
        terminal.keys("/")
        terminal.type("type:purged queue:mail")
        terminal.keys("Enter")
        terminal.wait(lambda s: "purged" in s and "1 found" in s)
        terminal.keys("Enter")
        screen = terminal.wait(lambda s: "Who" in s and "sent to the wrong list" in s)
        assert all(part in screen for part in ("naq-console", getpass.getuser()))
    assert {stats.queue: stats.waiting for stats in outside.list_queues()} == {"other": 1}
    (purged,) = of_type(read_log(), "QUEUE_PURGED")
    assert (purged.queue, purged.reason) == ("mail", "sent to the wrong list")
    assert (purged.actor or {})["program"] == "naq-console"
    assert (purged.actor or {})["user"] == getpass.getuser()


def test_who_purged_the_queue(
    console_env: dict[str, str], outside: SyncClient, settings: Settings, read_log: ReadLog, tmp_path: Path
) -> None:
    for number in range(5):
        outside.enqueue("naq.examples.tasks:echo", number, queue_name="mail")
    with SyncClient(settings, program="spring-cleaning") as somebody:
        somebody.purge_queue("mail", reason="too old")
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("2")
        terminal.wait("enqueued")
        terminal.keys("/")
        terminal.type("type:purged queue:mail")
        terminal.keys("Enter")
        terminal.wait(lambda s: f"5 jobs by {getpass.getuser()}: too old"[:24] in s and "enqueued" not in s)
        terminal.keys("Enter")
        screen = terminal.wait("Who")
        assert all(part in screen for part in ("spring-cleaning", getpass.getuser(), "too old", "mail"))
    assert all(stats.waiting == 0 for stats in outside.list_queues())
    (purged,) = of_type(read_log(), "QUEUE_PURGED")
    assert (purged.actor or {})["program"] == "spring-cleaning"


def test_clone_a_job_with_other_arguments(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, read_log: ReadLog, tmp_path: Path
) -> None:
    start_worker("default")
    job = outside.enqueue("naq.examples.tasks:add", 2, 3)
    assert outside.fetch_job_result(job.job_id, timeout=15) == 5
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("3")
        terminal.wait(lambda s: "✓ done" in s and job.job_id[-6:] in s)
        terminal.keys("C")
        terminal.wait("Clone job")
        terminal.keys("Down", "Down", "End", "BSpace", "BSpace")
        terminal.type("40,")
        terminal.wait("40,")
        terminal.keys("Tab")
        terminal.type("the first sum was wrong")
        terminal.keys("C-s")
        terminal.wait(lambda s: "Enqueued as a new job" in s and "43" in s)
    (clone,) = {event.job_id for event in of_type(read_log(), "COMPLETED")} - {job.job_id}
    assert clone is not None
    assert outside.fetch_job_result(clone, timeout=5) == 43
    assert outside.fetch_job_result(job.job_id, timeout=5) == 5, "the first one stays as it was"
    (enqueued,) = [event for event in of_type(read_log(), "ENQUEUED") if event.job_id == clone]
    assert enqueued.reason == "the first sum was wrong"
    assert (enqueued.actor or {})["user"] == getpass.getuser()


def test_export_the_failures_of_the_last_hour(
    console_env: dict[str, str], outside: SyncClient, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker("default")
    failing = [outside.enqueue("naq.examples.tasks:fail", f"reason {number}") for number in range(3)]
    fine = outside.enqueue("naq.examples.tasks:add", 1, 1)
    for job in failing:
        status_becomes(outside, job.job_id, JobStatus.FAILED)
    assert outside.fetch_job_result(fine.job_id, timeout=15) == 2
    report = tmp_path / "failures.json"
    with Tmux(CONSOLE, tmp_path, cols=120, rows=40, env=console_env) as terminal:
        terminal.wait("LIVE")
        terminal.keys("2")
        terminal.wait("✗ failed")
        terminal.keys("/")
        terminal.type("type:failed since:-1h")
        terminal.keys("Enter")
        terminal.wait(lambda s: "3 found" in s)
        terminal.keys("x")
        terminal.wait("Export 3 rows of Events")
        terminal.keys("C-u")
        terminal.type(str(report))
        terminal.keys("Enter")
        terminal.wait("Written to")
    written = json.loads(report.read_text())
    assert {record["job_id"] for record in written} == {job.job_id for job in failing}
    assert all(record["error"]["type"] == "RuntimeError" for record in written)
