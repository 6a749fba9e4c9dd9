"""Production and read-only consoles as pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from naq_tui.app import NaqConsole
from naq_tui.config import ContextEntry, parse_config
from naq_tui.contexts import Context
from naq_tui.feed.fake import first_batch
from naq_tui.feed.sample import results
from naq_tui.store.updates import ResultsChanged
from tests.tui.conftest import LOOKS, after, fake_console, in_look

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
CONTEXTS = (
    Context("staging", ContextEntry(name="staging", server="nats://joe:secret@staging.example.com:4222")),
    Context("prod", ContextEntry(name="prod", server="nats://n1.example.com,nats://n2.example.com", production=True)),
    Context("archive", ContextEntry(name="archive", server="nats://archive:4222", read_only=True)),
)

LOGIN = replace(
    results()[-1],
    job_id="0f3c9f3c9f3c9f3c9f3c9f3c9f3ca1b2",
    status="COMPLETED",
    error=None,
    value={"access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N", "expires_s": 3600},
    job={"args": ["postgres://app:hunter2@db/shop"], "kwargs": {"user": "joe", "password": "hunter2"}},
)
SECRETS = (*first_batch(), ResultsChanged((LOGIN,)))


def production(**options: Any) -> NaqConsole:
    return fake_console(context=CONTEXTS[1], contexts=CONTEXTS, connect=lambda _: None, **options)


@BOTH
def test_production(snap_compare: Any, size: tuple[int, int]) -> None:
    """The word, another ground for the top line, read-only, and no acting key in the footer."""
    assert snap_compare(production(), terminal_size=size, run_before=after("6"))


def test_production_report(snap_compare: Any) -> None:
    """A report keeps the ground of production."""
    assert snap_compare(production(), terminal_size=(120, 40), run_before=after("5", "enter"))


def test_production_light(snap_compare: Any) -> None:
    """Calm in the light theme too."""
    console = production(allow_changes=True)
    console.theme = "naq-light"
    assert snap_compare(console, terminal_size=(120, 40), run_before=after())


@BOTH
def test_production_asks_for_its_name(snap_compare: Any, size: tuple[int, int]) -> None:
    """What is about to be done, where, and the name to type."""
    console = production(allow_changes=True)
    assert snap_compare(console, terminal_size=size, run_before=after("6", "P"))


@LOOKS
def test_production_asks_in_other_looks(snap_compare: Any, monkeypatch: pytest.MonkeyPatch, look: str) -> None:
    """Framed as production without its colour, too: by the word."""
    console = in_look(look, monkeypatch, lambda: production(allow_changes=True))
    assert snap_compare(console, terminal_size=(120, 40), run_before=after("6", "P"))


def test_a_wrong_name_is_told(snap_compare: Any) -> None:
    """Nothing was done, and the field is still there."""
    console = production(allow_changes=True)
    assert snap_compare(console, terminal_size=(80, 24), run_before=after("6", "P", "s", "t", "enter"))


@BOTH
def test_contexts(snap_compare: Any, size: tuple[int, int]) -> None:
    """Names, addresses without secrets, and what is production or read-only; the open one is marked."""
    assert snap_compare(production(), terminal_size=size, run_before=after("ctrl+o"))


def test_no_contexts(snap_compare: Any) -> None:
    """Says how to add one."""
    assert snap_compare(fake_console(), terminal_size=(80, 24), run_before=after("ctrl+o"))


def test_read_only(snap_compare: Any) -> None:
    """Told in the top line; only keys that look are offered."""
    assert snap_compare(fake_console(read_only=True), terminal_size=(80, 24), run_before=after())


def test_bad_configuration(snap_compare: Any) -> None:
    """A wrong entry of the user's file is told while nothing worse is."""
    config = parse_config('theme = "naq-dark"\nmouze = false', Path("/home/me/.config/naq/config.toml"))
    assert snap_compare(fake_console(config=config), terminal_size=(120, 40), run_before=after("7"))


@BOTH
def test_secrets(snap_compare: Any, size: tuple[int, int]) -> None:
    """A report with its secrets hidden: dots, and the key that shows them in the footer."""
    assert snap_compare(fake_console(SECRETS), terminal_size=size, run_before=after("7", "enter"))


def test_secrets_revealed(snap_compare: Any) -> None:
    """The same with its secrets shown, which the top line says."""
    assert snap_compare(fake_console(SECRETS), terminal_size=(120, 40), run_before=after("7", "enter", "v"))
