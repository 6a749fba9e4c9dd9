"""Who acts."""

from __future__ import annotations

import pwd
import socket
from collections.abc import Iterator

import pytest

from naq import actor


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    actor._place.cache_clear()
    yield
    actor._place.cache_clear()


def _no_entry(_uid: int) -> None:
    raise KeyError("uid not found")


def test_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setenv("USER", "somebody-else")
    found = actor.current_actor("naq cli")
    assert found == {"user": pwd.getpwuid(0).pw_name, "host": socket.gethostname(), "program": "naq cli"}


def test_over_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.7 51234 198.51.100.2 22")
    assert actor.current_actor("x")["ssh"] == "203.0.113.7"


def test_a_user_without_a_passwd_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", _no_entry)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert actor.current_actor("x")["user"] == "4711"


def test_each_caller_has_a_copy() -> None:
    actor.current_actor("x")["user"] = "changed"
    assert actor.current_actor("x")["user"] != "changed"
