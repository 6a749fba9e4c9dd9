"""When schedules are due, through clock changes too."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naq.errors import ScheduleSpecError
from naq.scheduler import cron

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def local_runs(text: str, zone: str, start: str, count: int) -> list[str]:
    """The next runs after a local time, as local times with their offset: `29 03:00 +2`."""
    moment = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    shown = []
    for _ in range(count):
        later = cron.next_run(text, zone, moment)
        assert later > moment
        assert later.tzinfo is UTC
        moment = later
        there = moment.astimezone(ZoneInfo(zone))
        offset = there.utcoffset()
        assert offset is not None
        shown.append(f"{there:%d %H:%M} {offset.total_seconds() / 3600:+g}")
    return shown


@pytest.mark.parametrize(
    ("text", "zone", "start", "runs"),
    [
        # the gap: 2026-03-29 02:00 to 03:00 in Berlin
        ("30 2 * * *", BERLIN, "2026-03-27T12:00", ["28 02:30 +1", "29 03:00 +2", "30 02:30 +2"]),
        ("0 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00 +2", "30 02:00 +2"]),
        ("0 3 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00 +2", "30 03:00 +2"]),
        ("0 2,3 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00 +2", "30 02:00 +2"]),
        ("*/20 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00 +2", "30 02:00 +2", "30 02:20 +2"]),
        ("*/15 * * * *", BERLIN, "2026-03-29T01:30", ["29 01:45 +1", "29 03:00 +2", "29 03:15 +2"]),
        ("30 * * * *", BERLIN, "2026-03-29T01:00", ["29 01:30 +1", "29 03:30 +2"]),
        ("30 */1 * * *", BERLIN, "2026-03-29T01:00", ["29 01:30 +1", "29 03:30 +2"]),
        ("30 */2 * * *", BERLIN, "2026-03-29T00:00", ["29 00:30 +1", "29 03:00 +2", "29 04:30 +2"]),
        ("0 0 * * *", BERLIN, "2026-03-28T12:00", ["29 00:00 +1", "30 00:00 +2"]),
        ("30 2 29 3 *", BERLIN, "2026-01-01T00:00", ["29 03:00 +2", "29 02:30 +2"]),
        # the repeat: 2026-10-25 02:00 to 03:00 in Berlin, twice
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 02:30 +2", "26 02:30 +1"]),
        ("0 2,3 * * *", BERLIN, "2026-10-24T12:00", ["25 02:00 +2", "25 03:00 +1", "26 02:00 +1"]),
        ("*/30 1-3 * * *", BERLIN, "2026-10-25T01:45", ["25 02:00 +2", "25 02:30 +2", "25 03:00 +1"]),
        (
            "*/15 * * * *",
            BERLIN,
            "2026-10-25T02:20",
            ["25 02:30 +2", "25 02:45 +2", "25 02:00 +1", "25 02:15 +1", "25 02:30 +1", "25 02:45 +1", "25 03:00 +1"],
        ),
        ("30 * * * sun", BERLIN, "2026-10-25T02:00", ["25 02:30 +2", "25 02:30 +1", "25 03:30 +1"]),
        ("0 */2 * * *", BERLIN, "2026-10-25T00:30", ["25 02:00 +2", "25 02:00 +1", "25 04:00 +1"]),
        ("0 0 * * *", BERLIN, "2026-10-24T12:00", ["25 00:00 +2", "26 00:00 +1"]),
        # New York: gap 2026-03-08 02:00 to 03:00, repeat 2026-11-01 01:00 to 02:00
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["08 03:00 -4", "09 02:30 -4"]),
        ("*/15 * * * *", NEW_YORK, "2026-03-08T01:40", ["08 01:45 -5", "08 03:00 -4", "08 03:15 -4"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["01 01:30 -4", "02 01:30 -5"]),
        ("*/30 * * * *", NEW_YORK, "2026-11-01T01:10", ["01 01:30 -4", "01 01:00 -5", "01 01:30 -5", "01 02:00 -5"]),
        ("0 0 * * *", NEW_YORK, "2026-10-31T12:00", ["01 00:00 -4", "02 00:00 -5"]),
        # others: half an hour, midnight itself, a whole day
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["04 02:30 +11", "05 02:15 +11"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00", ["05 01:45 +11", "06 01:45 +10.5"]),
        ("0 0 * * *", "America/Santiago", "2026-09-05T12:00", ["06 01:00 -3", "07 00:00 -3"]),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T06:00", ["29 12:00 -10", "31 00:00 +14", "31 12:00 +14"]),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00", ["29 00:00 +0", "29 00:00 +0"]),
        (
            "0 9 1 * mon",
            "UTC",
            "2026-06-01T10:00",
            ["08 09:00 +0", "15 09:00 +0", "22 09:00 +0", "29 09:00 +0", "01 09:00 +0"],
        ),
        ("0 9 l * *", "UTC", "2026-02-01T10:00", ["28 09:00 +0", "31 09:00 +0"]),
        ("0 9 * * mon#2", "UTC", "2026-02-01T10:00", ["09 09:00 +0", "09 09:00 +0", "13 09:00 +0"]),
        ("0 9 * * 7", "UTC", "2026-02-02T10:00", ["08 09:00 +0", "15 09:00 +0"]),
    ],
)
def test_runs(text: str, zone: str, start: str, runs: list[str]) -> None:
    assert local_runs(cron.check_cron(text, zone), zone, start, len(runs)) == runs


def test_started_within_the_second_pass_of_a_repeat() -> None:
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 CET
    assert cron.next_run("30 2 * * *", BERLIN, second_pass) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert cron.next_run("*/15 2-3 * * *", BERLIN, second_pass) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert cron.next_run("*/15 * * * *", BERLIN, second_pass) == datetime(2026, 10, 25, 1, 15, tzinfo=UTC)


def test_started_at_the_very_change() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert cron.next_run("30 2 * * *", BERLIN, change) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    assert cron.next_run("30 2 * * *", BERLIN, change - timedelta(microseconds=1)) == change


def test_seconds_come_first() -> None:
    start = datetime(2026, 10, 25, 0, 59, 45, tzinfo=UTC)
    found = []
    for _ in range(3):
        start = cron.next_run("*/10 * * * * *", BERLIN, start)
        found.append(f"{start:%H:%M:%S}")
    assert found == ["00:59:50", "01:00:00", "01:00:10"]
    once = cron.next_run("30 0 2 * * *", BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert once == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_strictly_after_with_fractions() -> None:
    due = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert cron.next_run("0 12 * * *", "UTC", due - timedelta(microseconds=1)) == due
    assert cron.next_run("0 12 * * *", "UTC", due) == due + timedelta(days=1)
    assert cron.next_run("0 12 * * *", "UTC", due + timedelta(microseconds=1)) == due + timedelta(days=1)
    assert cron.next_run("0 12 * * *", BERLIN, due.astimezone(ZoneInfo(NEW_YORK))) == due + timedelta(hours=23)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC"]),
    st.sampled_from(["*/15 * * * *", "7 * * * *", "30 2 * * *", "0 */3 * * *", "*/20 1-3 * * *", "15 1 * * 0"]),
)
@settings(max_examples=150, deadline=None)
def test_a_run_shows_its_local_time_or_ends_a_gap(after: datetime, zone: str, text: str) -> None:
    due = cron.next_run(text, zone, after)
    assert due > after
    # nothing is due between: asking from just before it gives the same
    assert cron.next_run(text, zone, due - timedelta(seconds=1)) == due
    assert cron.next_run(text, zone, after + (due - after) / 2) == due
    there = due.astimezone(ZoneInfo(zone))
    before = (due - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    from croniter import croniter

    assert croniter.match(text, there.replace(tzinfo=None)) or there.utcoffset() != before.utcoffset()


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  0   2 * *  MON-Fri ", "0 2 * * mon-fri"),
        ("@daily", "0 0 * * *"),
        ("@Hourly", "0 * * * *"),
        ("0 0 1 jan,JUL *", "0 0 1 jan,jul *"),
        ("*/10 * * * * *", "*/10 * * * * *"),
        ("5/15 * ? * 7", "5/15 * ? * 7"),
    ],
)
def test_check_cron(text: str, normal: str) -> None:
    assert cron.check_cron(text, BERLIN) == normal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*/5 25 * * *", r"cron '\*/5 25 \* \* \*': hour field '25' \(column 5\) is out of range 0-23"),
        ("60 * * * *", r"minute field '60' \(column 1\) is out of range 0-59"),
        ("* * 0 * *", r"day field '0' \(column 5\) is out of range 1-31"),
        ("* * * foo *", r"month field 'foo' \(column 7\) has 'foo': expected 1-12 or jan-dec"),
        ("* * * * 8", r"weekday field '8' \(column 9\)"),
        ("61 * * * * *", r"second field '61' \(column 1\)"),
        ("0   5-1 * * *", r"hour field '5-1' \(column 5\) runs backwards"),
        ("1-2-3 * * * *", "more than one '-'"),
        ("*/0 * * * *", "a step of '0': expected 1-59"),
        ("*/90 * * * *", "a step of '90'"),
        ("*/x * * * *", "a step of 'x'"),
        ("1,,2 * * * *", "has '': expected 0-59"),
        ("-1 * * * *", "has ''"),
        ("h * * * *", "minute field 'h'"),
        ("? * * * *", "minute field"),
        ("² * * * *", "minute field"),
        ("* * * * mon#6", "weekday field"),
        ("* * * *", "has 4 fields: expected 5"),
        ("* * * * * * *", "has 7 fields"),
        ("", "is empty"),
        (None, "is empty"),
        ("@reboot", "'@reboot' is not known"),
        ("0 0 31 2 *", "is never due"),
        ("0 0 30,31 feb *", "is never due"),
    ],
)
def test_bad_crons(text: Any, message: str) -> None:
    with pytest.raises(ScheduleSpecError, match=message) as caught:
        cron.check_cron(text, "UTC")
    assert "\n" not in str(caught.value)


@given(st.text("0123456789*/,-?l#@mon jan", max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        normal = cron.check_cron(text, "UTC")
    except ScheduleSpecError:
        pass
    else:
        assert cron.check_cron(normal, "UTC") == normal
    assert cron.in_words(text) or not text


def test_next_run_refuses_what_was_never_checked() -> None:
    for text in ("nonsense", "1 2 3", "99 * * * *"):
        with pytest.raises(ScheduleSpecError):
            cron.next_run(text, "UTC", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Europe/Berln", "'Europe/Berln' is not known: did you mean Europe/Berlin"),
        ("europe/berlin!", "did you mean Europe/Berlin"),
        ("Mars/Olympus Mons", "expected a name like Europe/Berlin"),
        ("", "is not known"),
        ("../etc/passwd", "is not known"),
        ("/etc/localtime", "is not known"),
        ("Europe", "is not known"),
        (None, "is not known"),
    ],
)
def test_bad_time_zones(name: Any, message: str) -> None:
    with pytest.raises(ScheduleSpecError, match=message):
        cron.check_timezone(name)
    assert cron.check_timezone(BERLIN).key == BERLIN


ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "after_s", "due_s"),
    [
        (10, 0, 10),
        (10, 9.999, 10),
        (10, 10, 20),
        (10, 10.5, 20),
        (10, -500, 10),
        (0.1, 0.3, 0.4),
        (86400, 1e8, 100051200),
    ],
)
def test_next_interval(interval: float, after_s: float, due_s: float) -> None:
    after = ANCHOR + timedelta(seconds=after_s)
    assert cron.next_interval(ANCHOR, interval, after) == ANCHOR + timedelta(seconds=due_s)


@given(st.floats(0.001, 1e7), st.floats(0, 1e8))
def test_intervals_do_not_drift(interval: float, after_s: float) -> None:
    after = ANCHOR + timedelta(seconds=after_s)
    due = cron.next_interval(ANCHOR, interval, after)
    assert timedelta(0) < due - after <= timedelta(seconds=interval) + timedelta(microseconds=1) or due == (
        ANCHOR + timedelta(seconds=interval)
    )
    steps = round((due - ANCHOR).total_seconds() / interval)
    assert abs((due - ANCHOR).total_seconds() - steps * interval) < 1e-5


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        (90, 90.0),
        (0.5, 0.5),
        (timedelta(minutes=2), 120.0),
        ("90", 90.0),
        ("90s", 90.0),
        ("2.5s", 2.5),
        ("15m", 900.0),
        ("2h", 7200.0),
        ("1.5h", 5400.0),
        ("1d", 86400.0),
        ("1h30m", 5400.0),
        ("1H 30M", 5400.0),
        ("1d2h3m4s", 93784.0),
    ],
)
def test_parse_interval(interval: Any, seconds: float) -> None:
    found = cron.parse_interval(interval)
    assert (found, type(found)) == (seconds, float)


@pytest.mark.parametrize(
    "interval",
    [
        0,
        -1,
        "",
        " ",
        "0s",
        "-5m",
        "5x",
        "m",
        "30m1h",
        "1h1h",
        "1e3",
        "٣s",
        True,
        None,
        [],
        float("nan"),
        float("inf"),
        4e7,
    ],
)
def test_bad_intervals(interval: Any) -> None:
    with pytest.raises(ScheduleSpecError, match="is not valid: expected seconds"):
        cron.parse_interval(interval)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 2 * * *", "every day at 02:00"),
        ("@daily", "every day at 00:00"),
        ("*/15 * * * *", "every 15 minutes"),
        ("* * * * *", "every minute"),
        ("0 */2 * * *", "every 2 hours at :00"),
        ("5 * * * *", "every hour at :05"),
        ("30 9 * * 1", "every Monday at 09:30"),
        ("30 9 * * mon,wed,fri", "every Monday, Wednesday and Friday at 09:30"),
        ("30 9 * * 1-5", "every weekday at 09:30"),
        ("0 0 * * 7", "every Sunday at 00:00"),
        ("0 0 1 * *", "on the 1st of every month at 00:00"),
        ("0 0 22 * *", "on the 22nd of every month at 00:00"),
        ("0 0 13 * *", "on the 13th of every month at 00:00"),
        ("0 6 24 dec *", "every Dec 24 at 06:00"),
        ("0 6 24 12 *", "every Dec 24 at 06:00"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("* * * * * *", "every second"),
        ("30 0 2 * * *", "every day at 02:00:30"),
        ("0 0 2 * * *", "every day at 02:00"),
        ("*/7 * * * *", "*/7 * * * *"),
        ("0 9 1 * mon", "0 9 1 * mon"),
        ("0 9-17 * * *", "0 9-17 * * *"),
        ("0 0 * 13 *", "0 0 * 13 *"),
        ("nonsense", "nonsense"),
    ],
)
def test_in_words(text: str, words: str) -> None:
    assert cron.in_words(text) == words


def test_croniter_is_imported_when_it_is_needed() -> None:
    code = "import sys, naq.scheduler.cron; sys.exit('croniter' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
