"""`naq schedules`: every verb, as people and scripts see it."""

from __future__ import annotations

import json

import pytest

from naq.client import AsyncClient
from naq.examples import tasks
from naq.models.schedule import ScheduleStatus
from naq.models.times import parse_time
from naq.settings import Settings
from tests.conftest import run_naq
from tests.integration.schedulers import record_when, running_scheduler, told

pytestmark = pytest.mark.nats
ADD = "naq.examples.tasks:add"


async def test_a_schedule_is_added_with_bounds_and_shown(client: AsyncClient, settings: Settings) -> None:
    code, out, err = await run_naq(
        settings,
        *("schedules", "add", ADD, "1", "2", "--id", "nightly", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin"),
        *("--start", "2099-03-28T12:00", "--end", "2099-03-30T12:00:00+02:00", "--jitter", "5m", "--overlap", "skip"),
        *("--misfire", "run_all", "--misfire-grace", "60", "--misfire-cap", "7", "--max-retries", "2", "--tag", "ops"),
    )
    assert (code, out, err) == (0, "nightly\n", "")
    held = await client.schedules.get("nightly")
    assert held.start_at == parse_time("2099-03-28T11:00:00Z"), "read in the schedule's time zone"
    assert (held.jitter_s, held.overlap, held.misfire_grace_s, held.misfire_cap) == (300.0, "skip", 60.0, 7)
    code, out, _ = await run_naq(settings, "schedules", "show", "nightly")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "ACTIVE nightly"
    for line in (
        "function naq.examples.tasks:add",
        "arguments 1, 2",
        "when every day at 02:30 Berlin (30 2 * * *)",
        "timezone Europe/Berlin",
        "start Sat 2099-03-28 12:00:00 CET",
        "jitter up to 300 s",
        "misfire run_all, after 60 s, at most 7",
        "overlap skip",
        "runs 0, 0 missed, 0 skipped, 0 failures",
        "last run none yet",
    ):
        assert line in lines
    assert [line.partition(" in ")[0] for line in lines[-2:]] == [
        "next Sun 2099-03-29 03:00:00 CEST",
        "Mon 2099-03-30 02:30:00 CEST",
    ], "the skipped time runs when the clocks have jumped"
    code, out, _ = await run_naq(settings, "schedules", "show", "nightly", "--json")
    shown = json.loads(out)
    assert shown["next_runs"] == ["2099-03-29T01:00:00.000000Z", "2099-03-30T00:30:00.000000Z"]
    assert (shown["in_words"], shown["options"]["tags"]) == ("every day at 02:30 Berlin", ["ops"])


async def test_a_dry_run_shows_the_next_runs_and_stores_nothing(client: AsyncClient, settings: Settings) -> None:
    arguments = ("schedules", "add", ADD, "1", "2", "--every", "1h", "--start", "2099-01-01", "--repeat", "2", "--dry-run")  # noqa: E501  # fmt: skip
    code, out, _ = await run_naq(settings, *arguments)
    assert code == 0
    assert "Thu 2099-01-01 00:00:00 UTC" in out
    assert "Thu 2099-01-01 01:00:00 UTC" in out
    assert "02:00:00" not in out
    code, out, _ = await run_naq(settings, *arguments, "--json")
    assert len(json.loads(out)["next_runs"]) == 2
    assert await client.list_schedules() == []
    code, out, err = await run_naq(settings, *arguments, "--end", "2098-01-01")
    assert (code, out) == (2, "")
    assert "end_at" in err


async def test_a_schedule_is_edited_in_place(client: AsyncClient, settings: Settings) -> None:
    await client.schedule(tasks.add, 1, 2, cron="0 2 * * *", schedule_id="nightly", timeout=30, end_at=parse_time("2099-01-01"))  # noqa: E501  # fmt: skip
    code, out, err = await run_naq(
        settings,
        *("schedules", "edit", "nightly", "--cron", "0 3 * * *", "--args", "[5]", "--kwargs", '{"b": 6}'),
        *("--timeout", "none", "--end", "none", "--queue", "mail", "--reason", "later"),
    )
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("schedule 'nightly' is active (action ")
    for line in ("cron 0 2 * * * -> 0 3 * * *", "timeout 30.0 -> none", "args [1, 2] -> [5]", "queue_name default -> mail"):  # noqa: E501  # fmt: skip
        assert line in [text.replace('"', "") for text in lines]
    held = await client.schedules.get("nightly")
    assert (held.cron, held.end_at, held.queue, held.job["args"], held.job["kwargs"]) == (
        "0 3 * * *",
        None,
        "mail",
        [5],
        {"b": 6},
    )
    [event] = await told(client, "nightly", "SCHEDULE_MODIFIED")
    assert event.reason == "later"
    code, out, _ = await run_naq(settings, "schedules", "edit", "nightly", "--repeat", "3", "--dry-run", "--json")
    assert json.loads(out)["changed"] == {"before": {}, "after": {"repeat": 3}}
    assert (await client.schedules.get("nightly")).repeat is None
    for arguments, says in (
        (("edit", "nightly"), "can't modify nothing"),
        (("edit", "nightly", "--cron", "0 99 * * *"), "column 3"),
        (("edit", "nightly", "--args", "{}"), "a JSON list was expected"),
        (("edit", "nightly", "--start", "soon"), "--start 'soon' is no ISO time"),
        (("edit", "nightly", "--jitter", "2d"), "shorter than the time between two runs"),
    ):
        code, out, err = await run_naq(settings, "schedules", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert says in err


async def test_every_verb_speaks_json(client: AsyncClient, settings: Settings) -> None:
    async def said(*words: str) -> dict[str, object]:
        code, out, err = await run_naq(settings, "schedules", *words, "--json")
        assert (code, err) == (0, "")
        record: dict[str, object] = json.loads(out)
        return record

    assert (await said("add", ADD, "1", "2", "--every", "1h", "--id", "beat"))["interval_s"] == 3600.0
    assert (await said("list"))["schedule_id"] == "beat"
    assert (await said("show", "beat"))["status"] == "ACTIVE"
    assert (await said("edit", "beat", "--every", "2h"))["interval_s"] == 7200.0
    assert (await said("pause", "beat"))["status"] == "PAUSED"
    assert (await said("resume", "beat"))["status"] == "ACTIVE"
    assert str((await said("trigger", "beat"))["job_id"]).startswith("beat.now.")
    assert (await said("cancel", "beat"))["status"] == "CANCELLED"
    code, _, err = await run_naq(settings, "schedules", "show", "nobody", "--json")
    assert (code, err.count("\n")) == (1, 1)


async def test_what_ran_is_shown(client: AsyncClient, settings: Settings) -> None:
    await client.schedule(tasks.add, 1, 2, interval=0.1, repeat=2, schedule_id="beat")
    async with running_scheduler(settings):
        over = await record_when(client, "beat", lambda record: record.status == ScheduleStatus.COMPLETED)
    code, out, _ = await run_naq(settings, "schedules", "show", "beat")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "COMPLETED beat"
    assert f"last jobs {' '.join(over.recent_job_ids)}" in lines
    assert any(line.startswith("runs 2 of 2,") for line in lines)
    assert lines[-1] == "no further run"
