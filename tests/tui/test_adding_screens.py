"""The forms of a new job and a new schedule as pictures: empty, filled, with a mistake."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from naq.errors import EnqueueError
from naq_tui.feed.fake import FakeCommands
from naq_tui.screens.form import FormScreen
from naq_tui.widgets.choice import Choice
from tests.tui.conftest import after, fake_console, shown

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
JOB = {
    "function": "shop.tasks:send_invoice",
    "args": '[4711, {"to": "joe@example.com"}]',
    "kwargs": '{"copy": true}',
    "due": "tomorrow 9:00",
    "max_retries": "3",
    "timeout": "5m",
    "unique": "invoice 4711",
    "reason": "the first one bounced",
}
SCHEDULE = {
    "function": "shop.reports:build",
    "args": '["EU"]',
    "when": "30 3 * * *",
    "timezone": "Europe/Berlin",
    "id": "nightly-eu",
    "queue": "reports",
    "repeat": "30",
    "jitter": "5m",
}


def filled(screen: str, texts: dict[str, str], *opening: str) -> Any:
    """The form of that screen with these texts; the last field filled has the focus."""

    async def run(pilot: Pilot[Any]) -> None:
        await after(screen, *(opening or ("A",)))(pilot)
        await shown(pilot, FormScreen)
        for name, text in texts.items():
            field = pilot.app.screen.query_one(f"#field-{name}", Input)
            field.focus()
            field.value = text
            field.cursor_position = len(text)
            await pilot.pause()

    return run


@BOTH
def test_new_job(snap_compare: Any, size: tuple[int, int]) -> None:
    """What was heard of last is suggested; nothing is red."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("3", {}))


@BOTH
def test_suggestions(snap_compare: Any, size: tuple[int, int]) -> None:
    """What fits the letters typed; the first of it is what the arrow takes."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("3", {"function": "s"}))


@BOTH
def test_job_filled(snap_compare: Any, size: tuple[int, int]) -> None:
    """What will be sent, into which queue and when, and the command that does the same."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("3", JOB))


@BOTH
def test_job_with_a_mistake(snap_compare: Any, size: tuple[int, int]) -> None:
    """The field is red, the line says what is wrong and where; nothing else has moved."""
    texts = {**JOB, "args": '[4711, {"to": joe}]'}
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("3", texts))


@BOTH
def test_job_nobody_takes(snap_compare: Any, size: tuple[int, int]) -> None:
    """Told before it is sent."""
    texts = {"function": "shop.tasks:send_invoice", "queue": "nowhere"}
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("4", texts))


@BOTH
def test_job_refused(snap_compare: Any, size: tuple[int, int]) -> None:
    """Why the server did not take it, with all that was typed; the safe answer has the focus."""
    commands = FakeCommands()
    commands.refuses[""] = EnqueueError("unique key 'invoice 4711' is held by job 0198c0de-0000-7000-8a00-0000000002aa")

    async def run(pilot: Pilot[Any]) -> None:
        await filled("3", JOB)(pilot)
        pilot.app.screen.query(Choice).last().focus()
        await pilot.press("enter")
        await pilot.pause()

    assert snap_compare(fake_console(commands=commands), terminal_size=size, run_before=run)


@BOTH
def test_schedule_filled(snap_compare: Any, size: tuple[int, int]) -> None:
    """In words, and the next five times."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("6", SCHEDULE))


@BOTH
def test_schedule_with_a_mistake(snap_compare: Any, size: tuple[int, int]) -> None:
    """A time zone that is none, and what may have been meant."""
    texts = {**SCHEDULE, "timezone": "Europe/Berlim"}
    assert snap_compare(fake_console(), terminal_size=size, run_before=filled("6", texts))


@BOTH
def test_schedule_edited(snap_compare: Any, size: tuple[int, int]) -> None:
    """The same form filled with what there is, and the command for what was changed."""
    opening = filled("6", {"when": "30 3 * * *", "reason": "the backup ends at 3"}, "j", "j", "E")
    assert snap_compare(fake_console(), terminal_size=size, run_before=opening)


def test_ascii(snap_compare: Any) -> None:
    console = fake_console(ascii_only=True)
    assert snap_compare(console, terminal_size=(80, 24), run_before=filled("6", SCHEDULE))
