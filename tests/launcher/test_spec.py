"""What is to be launched, and the command it makes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from naq_tui.launcher import (
    LaunchSpec,
)


def test_a_worker_spec_makes_the_workers_command() -> None:
    spec = LaunchSpec(name="w", queues=("mail", "default"), modules=("a.b", "c.*"), concurrency=3)
    assert spec.command_line()[:4] == [sys.executable, "-m", "naq", "worker"]
    assert spec.display() == "naq worker --name=w -m a.b -m 'c.*' --concurrency=3 mail default"
    assert spec.validate() == {}
    assert LaunchSpec(kind="scheduler", name="s").display() == "naq scheduler --name=s"
    assert LaunchSpec(modules=("a",), queues=("-q",)).display().endswith("-- -q")


def test_the_server_address_travels_by_environment_only() -> None:
    spec = LaunchSpec(modules=("a",), server_url="nats://user:pass@host:4222", env={"MORE": "1"})
    environment = spec.environment({"NAQ_NATS_URL": "nats://elsewhere", "HOME": "/h"})
    assert environment["NAQ_NATS_URL"] == "nats://user:pass@host:4222"
    assert (environment["MORE"], environment["HOME"], environment["PYTHONUNBUFFERED"]) == ("1", "/h", "1")
    assert not any("pass" in word for word in spec.command_line())


@pytest.mark.parametrize(
    ("fields", "field", "part"),
    [
        ({"queues": ()}, "queues", "name a queue"),
        ({"queues": ("no spaces",)}, "queues", "'no spaces'"),
        ({"modules": ()}, "modules", "naq.examples.tasks"),
        ({"modules": ("a..b",)}, "modules", "'a..b'"),
        ({"modules": ("a-b",)}, "modules", "'a-b'"),
        ({"modules": ("a.*.b",)}, "modules", "'a.*.b'"),
        ({"concurrency": 0}, "concurrency", "1 to 1000"),
        ({"concurrency": 1001}, "concurrency", "1 to 1000"),
        ({"name": "../x"}, "name", "'../x'"),
        ({"cwd": Path("/nowhere/at/all")}, "cwd", "not a folder"),
        ({"env": {"A=B": "1"}}, "env", "'A=B'"),
    ],
)
def test_a_mistake_is_named_under_its_field(fields: dict[str, Any], field: str, part: str) -> None:
    problems = LaunchSpec(**{"modules": ("a",), **fields}).validate()
    assert list(problems) == [field]
    assert part in problems[field]
