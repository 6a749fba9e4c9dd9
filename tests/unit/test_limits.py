"""Limits as data, and the arithmetic of rates."""

from __future__ import annotations

from itertools import pairwise

import pytest

from naq.errors import ConfigurationError, SerializationError
from naq.limits import ConcurrencyLimit, RateLimit, check_limits, limits_from_wire, reserve
from naq.models.job import Job


def test_starts_of_a_full_rate_are_spread_evenly_and_never_too_many_in_a_window() -> None:
    limit, free_at, starts = RateLimit("api", 10, per=1.0), 0.0, []
    for _ in range(50):
        place = reserve(free_at, 100.0, limit.interval_s, 1e9)
        assert place is not None
        start_at, free_at = place
        starts.append(start_at)
    assert starts[0] == 100.0
    assert all(later - earlier == pytest.approx(0.1) for earlier, later in pairwise(starts))
    assert max(sum(begin <= start < begin + 1.0 - 1e-9 for start in starts) for begin in starts) == 10


def test_an_idle_rate_saves_nothing_up() -> None:
    assert reserve(5.0, 100.0, 0.1, 1.0) == (100.0, 100.1)
    assert reserve(100.5, 100.0, 0.1, 1.0) == (100.5, pytest.approx(100.6))


def test_what_is_beyond_the_horizon_is_not_taken() -> None:
    assert reserve(101.01, 100.0, 0.1, 1.0) is None


def test_limits_travel_with_the_job() -> None:
    limits = (RateLimit("api:x", 10, per=0.5), ConcurrencyLimit("customer 42", 1))
    job = Job(job_id="j", function="m:f", limits=limits)
    assert Job.from_wire(job.to_wire()).limits == limits
    assert "limits" not in Job(job_id="j", function="m:f").to_record()


def test_a_job_with_a_limit_nobody_understands_is_refused() -> None:
    for wrong in ("x", [1], [{"kind": "rate", "key": "a", "count": 0, "per": 1}], [{"kind": "new", "key": "a"}]):
        with pytest.raises(ConfigurationError):
            limits_from_wire(wrong)
        with pytest.raises(SerializationError):
            Job.from_record({"job_id": "j", "function": "m:f", "limits": wrong})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RateLimit("", 1), "1 to 100"),
        (lambda: RateLimit("a", 0), "from 1 on"),
        (lambda: RateLimit("a", 1, per=0), "positive number"),
        (lambda: ConcurrencyLimit("a", True), "from 1 on"),
        (lambda: check_limits([RateLimit("a", 1), RateLimit("a", 2)]), "only once"),
        (lambda: check_limits([ConcurrencyLimit(str(n)) for n in range(9)]), "at most 8"),
        (lambda: check_limits("api"), "takes a list"),  # type: ignore[arg-type]
    ],
)
def test_wrong_limits_are_named(make, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigurationError, match=text):
        make()
