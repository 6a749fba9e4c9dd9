"""The short form of `python -m tests.fuzz`, and the same targets under hypothesis, which makes what fails small."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.guided import Choices
from tests.fuzz.harness import Target, TooSlowError, attempt, run, shares
from tests.fuzz.targets import TARGETS

SHORT = 20_000
SHARES = shares(TARGETS, SHORT)
BY_NAME = {target.name: target for target in TARGETS}
TEXTS = ("filter language", "moments", "cron texts", "durations", "config.toml", "text made safe", "secrets sought")
VALUES = ("codec: load", "codec: unpack", "codec: display", "values shown", "export", "record: event", "record: result")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
TAGGED = st.fixed_dictionaries({"$naq": st.sampled_from(("tuple", "set", "dict", "int", "bytes", "enum")), "v": JSON})
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", BY_NAME)
def test_nothing_from_outside_does_harm(name: str) -> None:
    tally = run(BY_NAME[name], SHARES[name], seed=1)
    assert tally.inputs == SHARES[name] >= SHORT // (4 * len(TARGETS))
    assert not tally.failures, "\n".join(
        f"{failure.what}\ninput {failure.number}: {failure.shown[:999]}\n{failure.trace}" for failure in tally.failures
    )


@pytest.mark.parametrize("name", TEXTS)
def test_any_text(name: str) -> None:
    QUICK(given(st.text())(lambda text: attempt(BY_NAME[name], text)))()


@pytest.mark.parametrize("name", VALUES)
def test_any_value(name: str) -> None:
    QUICK(given(JSON | TAGGED)(lambda value: attempt(BY_NAME[name], value)))()


def test_the_harness_finds_what_fails_and_makes_it_small() -> None:
    def check(text: str) -> None:
        if "b" in text:
            raise KeyError(text)
        if "c" in text:
            raise ValueError("documented")

    target = Target("made up", lambda rng: "".join(rng.choices("aabc", k=8)), check, (ValueError,))
    tally = run(target, 50, seed=3)
    assert 0 < tally.failed < 50
    assert tally.refused > 0
    assert [failure.shown for failure in tally.failures] == ["'b'"]
    number = tally.failures[0].number
    assert run(target, 1, seed=3, first=number).failed == 1, "the same input again, by its number"


def test_the_harness_stops_what_takes_too_long() -> None:
    def check(_given: Any) -> None:
        while True:
            pass

    tally = run(Target("endless", lambda _rng: "", check), 1, seed=1)
    assert tally.failures[0].what.startswith(TooSlowError.__name__)


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--inputs", "300", "--only", "durations"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0][:2] == ["target", "inputs"]
    assert rows[1][:2] == ["durations", "300"]
    assert rows[1][-1] == "0"


@pytest.mark.parametrize("name", BY_NAME)
def test_inputs_are_made_of_bytes_too(name: str) -> None:
    """As `tests.fuzz.guided` makes them: the same bytes are the same input, and none does harm."""
    target, source = BY_NAME[name], random.Random(name)
    for size in (0, 3, 40, 400):
        data = source.randbytes(size)
        made = target.make(Choices(data))
        assert repr(made) == repr(target.make(Choices(data)))
        attempt(target, made)
