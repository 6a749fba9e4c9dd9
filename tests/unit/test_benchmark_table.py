"""The benchmark's verdicts: what counts as a bound that is met."""

from __future__ import annotations

import pytest

from tests.benchmarks.table import Bound, Row, table

DRAIN = Row(
    what="drain",
    unit="jobs/s",
    values=[300.0, 100.0, 900.0],
    rival="bare",
    rival_values=[400.0, 400.0, 1000.0],
    bound=Bound(0.75, at_least=True, of_rival=True),
)


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    other = Row(what="x", unit="s", values=[1.0, 8.0, 3.0], rival="y", rival_values=[2.0, 2.0, 4.0])
    assert other.ratio == 0.75  # of 0.5, 4 and 0.75
    assert other.median == 3.0


@pytest.mark.parametrize(
    ("bound", "is_met"),
    [
        (Bound(0.75, at_least=True, of_rival=True), True),
        (Bound(0.76, at_least=True, of_rival=True), False),
        (Bound(0.75, at_least=False, of_rival=True), True),
        (Bound(0.74, at_least=False, of_rival=True), False),
        (Bound(300, at_least=True), True),
        (Bound(301, at_least=True), False),
        (Bound(300, at_least=False), True),
        (Bound(299, at_least=False), False),
    ],
)
def test_a_bound_is_met_at_its_limit_and_on_the_right_side(bound: Bound, is_met: bool) -> None:
    assert bound.is_met(DRAIN) is is_met


def test_the_table_and_the_record_say_the_same() -> None:
    missed = Row(what="help", unit="s", values=[0.25], bound=Bound(0.2, at_least=False))
    head, first, second = table([DRAIN, missed]).splitlines()
    assert head.split() == ["what", "median", "min", "max", "unit", "against", "ratio", "bound"]
    assert first.split() == ["drain", "300", "100", "900", "jobs/s", "400", "bare", "0.75", "≥", "0.75", "×", "met"]
    assert second.split() == ["help", "0.25", "0.25", "0.25", "s", "≤", "0.2", "NOT", "MET"]
    assert DRAIN.to_record("drain")["is_met"] is True
    record = missed.to_record("footprint")
    assert (record["is_met"], record["bound"], "ratio" in record) == (False, "≤ 0.2", False)
