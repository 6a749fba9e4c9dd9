"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq_tui.views.moment import parse_moment

NOW = datetime(2026, 11, 24, 14, 7, 12, tzinfo=UTC)  # a Tuesday
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("14:03", "2026-11-24T14:03:00"),
        ("14:03:20", "2026-11-24T14:03:20"),
        ("14:03:20.5", "2026-11-24T14:03:20.500000"),
        ("9:00", "2026-11-24T09:00:00"),
        ("15:00", "2026-11-23T15:00:00"),
        ("-20m", "2026-11-24T13:47:12"),
        ("- 20 min", "2026-11-24T13:47:12"),
        ("-2h", "2026-11-24T12:07:12"),
        ("-1h30m", "2026-11-24T12:37:12"),
        ("90 seconds ago", "2026-11-24T14:05:42"),
        ("-1.5d", "2026-11-23T02:07:12"),
        ("1 week ago", "2026-11-17T14:07:12"),
        ("now", "2026-11-24T14:07:12"),
        ("today", "2026-11-24T00:00:00"),
        ("today 15:00", "2026-11-24T15:00:00"),
        ("Yesterday 9:00", "2026-11-23T09:00:00"),
        ("yesterday at 9:00", "2026-11-23T09:00:00"),
        ("yesterday", "2026-11-23T00:00:00"),
        ("monday", "2026-11-23T00:00:00"),
        ("tue 14:00", "2026-11-24T14:00:00"),
        ("tue 15:00", "2026-11-17T15:00:00"),
        ("2026-11-24T14:03:20Z", "2026-11-24T14:03:20"),
        ("2026-11-24T14:03:20+01:00", "2026-11-24T13:03:20"),
        ("2026-11-24 14:03", "2026-11-24T14:03:00"),
        ("2026-11-20", "2026-11-20T00:00:00"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert parse_moment(text, NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(("text", "seq"), [("#184223", 184_223), ("#184,223", 184_223), ("# 7", 7)])
def test_sequences(text: str, seq: int) -> None:
    assert parse_moment(text, NOW) == seq


def test_times_are_those_of_the_zone() -> None:
    assert parse_moment("15:03", NOW, BERLIN) == datetime(2026, 11, 24, 14, 3, tzinfo=UTC)
    assert parse_moment("today", NOW, BERLIN) == datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert parse_moment("2026-07-01 12:00", NOW, BERLIN) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    just_after_midnight = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert parse_moment("yesterday 9:00", just_after_midnight, BERLIN) == datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "try 14:03"),
        ("184223", "for an event write #184223"),
        ("25:00", "25:00 is no time of day"),
        ("14:61", "14:61 is no time of day"),
        ("-20x", "x is no unit of time"),
        ("-20ms", "ms is no unit of time"),
        ("-20m!", "20m! is no span of time"),
        ("someday 9:00", "someday is no day"),
        ("yesterday 9", "9 is no time of day"),
        ("2026-13-01", "2026-13-01 is no moment"),
        ("#" + "9" * 30, "no event has so high a number"),
        ("-99999999d", "outside of the calendar"),
        ("-" + "9" * 400 + "d", "outside of the calendar"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_moment(text, NOW)


@given(
    st.one_of(st.text(), st.from_regex(r"[-#]?[0-9]{1,9}[smhdw:. ]?[0-9]{0,4}( ago)?"), st.datetimes().map(str)),
    st.datetimes(timezones=st.just(UTC)),
)
def test_every_text_is_a_moment_or_is_told_wrong(text: str, now: datetime) -> None:
    place: datetime | int | None = None
    message = ""
    try:
        place = parse_moment(text, now, BERLIN)
    except ValueError as exc:
        message = str(exc)
    assert (place is None) is bool(message)
    assert not isinstance(place, datetime) or place.utcoffset() == timedelta(0)


@given(st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_an_iso_time_is_itself(moment: datetime) -> None:
    assert parse_moment(moment.isoformat(), NOW, BERLIN) == moment
