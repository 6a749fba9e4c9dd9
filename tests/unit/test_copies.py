"""What STREAM.INFO tells of a stream's copies."""

from __future__ import annotations

from typing import Any

import pytest

from naq.models.copies import Copies, Copy, copies_of

SECOND = 1_000_000_000


def answer(leader: str | None, *replicas: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": "c", "replicas": list(replicas)}
    return {"cluster": found if leader is None else {**found, "leader": leader}}


def test_current_late_and_away() -> None:
    found = copies_of(
        "s",
        answer(
            "n1",
            {"name": "n2", "current": True, "active": SECOND},
            {"name": "n3", "current": False, "active": SECOND, "lag": 12},
            {"name": "n4", "current": False, "active": 0, "lag": 3},
            {"name": "n5", "current": False, "active": 30 * SECOND},
            {"name": "n6", "current": True, "active": SECOND, "offline": True},
        ),
    )
    assert found is not None
    assert found.is_led
    assert found.late == (Copy("n3", False, False, 12),)
    assert found.away == ("n4", "n5", "n6")
    assert found.servers == ("n1", "n2", "n3", "n4", "n5", "n6")


def test_who_knows_no_leader_tells_nothing_of_the_copies() -> None:
    found = copies_of("s", answer(None, {"name": "n1", "current": True, "active": 1}, {"name": "n2", "active": 0}))
    assert found is not None
    assert (found.is_led, found.late, found.away, found.servers) == (False, (), (), ("n1", "n2"))


@pytest.mark.parametrize("cluster", [None, 3, [], {}, {"leader": "n1"}, {"name": 3}])
def test_a_server_of_its_own(cluster: Any) -> None:
    assert copies_of("s", {"cluster": cluster}) is None


@pytest.mark.parametrize("replicas", [None, 3, "n2", [None, 3, "n2"]])
def test_shapes_that_are_not_ours(replicas: Any) -> None:
    assert copies_of("s", {"cluster": {"name": "c", "leader": 7, "replicas": replicas}}) == Copies("s", None, ())
