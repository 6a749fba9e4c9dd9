"""Ids: their form, their order, and what is read back from them."""

from __future__ import annotations

import os
import random
import re
import threading
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from naq import ids


def test_a_uuid7_is_one() -> None:
    made = ids.uuid7()
    parsed = UUID(made)
    assert (str(parsed), parsed.version, parsed.variant) == (made, 7, RFC_4122)


def test_ids_increase_and_differ() -> None:
    made = [ids.uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_increase_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids.uuid7()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000_000_000)
    assert ids.uuid7() > first


def test_ids_differ_between_threads() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(ids.uuid7() for _ in range(2_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8_000


def test_the_random_part_does_not_follow_a_seed() -> None:
    random.seed(1)
    first = ids.uuid7()[-12:]
    random.seed(1)
    assert ids.uuid7()[-12:] != first


def test_the_random_part_differs_after_a_fork() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ids.uuid7()[-12:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() != ids.uuid7()[-12:]
    os.close(reading)
    os.close(writing)


def test_time_of() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    found = ids.time_of(ids.uuid7())
    assert found is not None
    assert before <= found <= datetime.now(UTC) + timedelta(milliseconds=10)
    assert ids.time_of("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        "order-17",
        "123e4567-e89b-42d3-a456-426614174000",
        "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
        "ffffffff-ffff-7cc3-98c4-dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
    ],
)
def test_time_of_another_id(job_id: str) -> None:
    assert ids.time_of(job_id) is None


@pytest.mark.parametrize(
    ("job_id", "shown"),
    [
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "07398f"),
        ("nightly.now.017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "07398f"),
        ("nightly.1795492800000", "492800"),
        ("nightly.1795579200000", "579200"),
        ("order-17", "order-17"),
        ("twelve-chars", "twelve-chars"),
        ("order-2026-11-24-000123", "order…000123"),
        ("order-2026-11-24-000124", "order…000124"),
    ],
)
def test_short(job_id: str, shown: str) -> None:
    assert ids.short(job_id) == shown


@pytest.mark.parametrize("most", [12, 13, 20])
def test_short_keeps_to_its_room(most: int) -> None:
    shown = ids.short("order-2026-11-24-000123", most)
    assert len(shown) == most
    assert shown.startswith("order")
    assert shown.endswith("000123")


def test_ids_of_programs() -> None:
    assert re.fullmatch(r"w-[a-z2-7]{6}", ids.worker_id())
    assert re.fullmatch(r"s-[a-z2-7]{6}", ids.scheduler_id())
    assert ids.worker_id() != ids.worker_id()
