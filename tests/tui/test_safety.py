"""What keeps an operator from doing harm: read-only consoles, production contexts, and keys that can be trusted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from naq.models.result import JobError
from naq_tui import keys, masking
from naq_tui.app import NaqConsole
from naq_tui.config import parse_config
from naq_tui.feed.fake import FakeProcesses, first_batch
from naq_tui.feed.sample import results
from naq_tui.guarding import problems_of
from naq_tui.screens.help import help_lines
from naq_tui.store.updates import ResultsChanged
from naq_tui.widgets.key_line import KeyLine
from tests.tui.conftest import fake_console, settle

SIZE = (120, 40)
PATH = Path("config.toml")


def shown_help(place: str, actions: tuple[keys.Action, ...]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in help_lines(place, actions))


# read-only


async def test_a_read_only_console_has_no_key_that_acts() -> None:
    console = fake_console(read_only=True)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        processes = console.supervisor
        assert isinstance(processes, FakeProcesses)
        acting = [action for action in keys.ACTIONS if action.acts]
        assert console.commands is None
        assert not any(action.acts for action in console.actions)
        for name, (digit, _) in keys.SCREENS.items():
            await pilot.press(digit)
            line = console.main.query_one(KeyLine)
            assert not any(action.acts for action in line.shown()), name
            help_text = shown_help(name, console.actions)
            assert not any(action.help in help_text for action in acting)
            for action in acting:
                for key in action.keys:
                    await pilot.press(key)
                    await pilot.pause()
                    assert console.screen is console.main, f"{key} in {name}"
                assert not await console.run_action(action.call, console.main), "nor by name"
        assert (processes.launched, processes.asked) == ([], [])
        assert any("read-only" in cell.text for part in console.main.truth._parts for cell in part.cells)


async def test_the_file_makes_it_read_only_too() -> None:
    console = fake_console(config=parse_config("read_only = true", PATH))
    assert console.commands is None
    assert fake_console().commands is not None


async def test_a_wrong_entry_is_told_in_the_alarm_line() -> None:
    console = fake_console(config=parse_config("\nmouze = false", PATH))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        texts = [alarm.text for alarm in console.main.alarm.alarms]
        assert "config.toml:2: there is no setting 'mouze' (did you mean mouse?)" in texts


# keys of one's own


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('"queue.purge" = "d"', "too easily pressed"),
        ('"queue.purge" = "enter"', "too easily pressed"),
        ('"queue.purg" = "U"', "did you mean queue.purge?"),
        ('"copy" = "slash"', "list.filter (filter)"),
        ('"copy" = "ctrl+i"', "'tab' to a terminal"),
        ('"copy" = "hyperspace"', "is no key"),
        ('"screen.events" = "x"', "they stay"),
    ],
)
def test_an_override_that_is_wrong_or_clashes_is_told_and_left_out(entry: str, reason: str) -> None:
    config = parse_config(f"[keys]\n{entry}", PATH)
    (problem,) = problems_of(config)
    assert str(problem).startswith("config.toml:2: keys.")
    assert reason in problem.reason
    assert keys.rebound(keys.ACTIONS, config.keys)[0] == keys.ACTIONS


def test_two_actions_may_change_places() -> None:
    made, refused = keys.rebound(keys.ACTIONS, {"copy": ("z",), "zoom": ("y",)})
    assert refused == {}
    assert {action.id: action.keys for action in made if action.id in ("copy", "zoom")} == {
        "copy": ("z",),
        "zoom": ("y",),
    }


async def test_footer_help_palette_and_keys_follow_an_override() -> None:
    config = parse_config('[keys]\n"process.kill" = "ctrl+k"\nzoom = "v"', PATH)
    console = fake_console(config=config)
    assert console.problems == ()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("8")
        line = console.main.query_one(KeyLine)
        assert {action.id: action.key_label for action in line.shown()}["process.kill"] == "ctrl+k"
        palette = {action.id: action for action in keys.palette("processes", console.actions)}
        assert palette["process.kill"].all_key_labels == "ctrl+k"
        assert "ctrl+k       Kill the process" in shown_help("processes", console.actions)
        await pilot.press("X")
        await pilot.pause()
        assert console.screen is console.main, "the old key is free"
        await pilot.press("z")
        assert console.main.current == "processes"
        await pilot.press("ctrl+k")
        await pilot.pause()
        assert console.screen is not console.main, "the new one asks"
        await pilot.press("escape")
        await pilot.press("6", "j", "X")
        await pilot.pause()
        assert console.screen is not console.main, "X still cancels a schedule: it was moved for processes only"
        await pilot.press("escape", "v")
        assert console.main.current == "overview"


@pytest.mark.parametrize("overrides", [{}, {"queue.purge": ("ctrl+d",), "copy": ("v",)}])
@pytest.mark.parametrize("read_only", [False, True])
async def test_registry_footer_help_and_palette_agree(overrides: dict[str, tuple[str, ...]], read_only: bool) -> None:
    lines = "\n".join(f'"{name}" = "{given[0]}"' for name, given in overrides.items())
    console = fake_console(config=parse_config(f"[keys]\n{lines}", PATH), read_only=read_only)
    actions = console.actions
    registry = {action.id: action for action in actions}
    for place in (*keys.PANES, *keys.REPORTS):
        help_text = shown_help(place, actions)
        for action in (*keys.footer(place, actions), *keys.palette(place, actions)):
            assert registry[action.id] is action
            assert action.help in help_text
            assert action.all_key_labels in help_text
    for action in actions:
        if action.acts and action.group != "Launching":
            assert not any(len(key) == 1 and not key.isupper() for key in action.keys), action.id


# secrets


def on_screen(console: NaqConsole) -> str:
    size = console.size
    widgets = [widget for widget in console.screen.query("*") if widget.is_on_screen]
    return "\n".join(
        "".join(segment.text for segment in strip) for widget in widgets for strip in widget.render_lines(size.region)
    )


async def test_secrets_are_hidden_in_list_report_and_copy_until_they_are_revealed_there() -> None:
    done = replace(
        results()[-1],
        job_id="job-with-secrets",
        status="COMPLETED",
        error=None,
        value={"api_key": "k-4711", "ok": True},
        job={"args": ["nats://joe:pw-4711@prod:4222"], "kwargs": {"password": "p-4711", "user": "joe"}},
    )
    error = JobError(type="LoginError", message="token=t-4711 refused")
    failed = replace(done, job_id="job-that-failed", status="FAILED", error=error)
    console = fake_console(first_batch(), (ResultsChanged((failed, done)),))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7")
        await pilot.pause()
        listed = on_screen(console)
        assert '"api_key": •••' in listed
        assert "LoginError: token=•••" in listed
        assert "4711" not in listed
        await pilot.press("y")
        assert "4711" not in console.clipboard
        assert '"user": "joe"' in console.clipboard
        await pilot.press("enter")
        await pilot.pause()
        report = on_screen(console)
        assert '"password": •••' in report
        assert "nats://•••@prod:4222" in report
        assert "4711" not in report
        await pilot.press("y")
        assert "4711" not in console.clipboard
        await pilot.press("v")
        await pilot.pause()
        report = on_screen(console)
        assert all(secret in report for secret in ("p-4711", "pw-4711", "k-4711", "secrets shown"))
        await pilot.press("y")
        assert "p-4711" in console.clipboard
        await pilot.press("v")
        await pilot.pause()
        assert "4711" not in on_screen(console)
        await pilot.press("v", "escape", "enter")
        await pilot.pause()
        assert "4711" not in on_screen(console), "revealed was that screen only"


async def test_secrets_in_the_output_of_a_process_are_hidden_too() -> None:
    processes = FakeProcesses.usual()
    processes.lines = ["connecting to nats://joe:pw-4711@prod:4222", "Authorization: Bearer t-4711-4711"]
    console = fake_console(processes=processes)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("8", "enter")
        await pilot.pause()
        assert "connecting to nats://•••@prod:4222" in on_screen(console)
        await pilot.press("y")
        assert "4711" not in on_screen(console) + console.clipboard
        await pilot.press("v", "y")
        await pilot.pause()
        assert "t-4711-4711" in on_screen(console)
        assert "pw-4711" in console.clipboard


async def test_the_users_names_of_secrets_hold_from_the_start() -> None:
    console = fake_console(config=parse_config('[masking]\nkeys = ["iban"]', PATH))
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert masking.active().hides("iban")
    fake_console()
    assert not masking.active().hides("iban")


# the command line


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "naq_tui", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={"NAQ_CONFIG_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )


def test_the_command_line_writes_checks_and_explains_the_file(tmp_path: Path) -> None:
    assert run(tmp_path, "--write-config").returncode == 0
    assert run(tmp_path, "--check-config").stdout.endswith("config.toml: nothing wrong\n")
    again = run(tmp_path, "--write-config")
    assert (again.returncode, "it stays as it is" in again.stderr) == (1, True)
    path = tmp_path / "config.toml"
    path.write_text('[keys]\n"copy" = "slash"\n"queue.purge" = "d"\n')
    checked = run(tmp_path, "--check-config")
    assert checked.returncode == 1
    assert f"{path}:2: keys.copy: 'slash' is list.filter (filter) in" in checked.stderr
    assert f"{path}:3: keys.queue.purge: 'd' is too easily pressed" in checked.stderr
    path.write_text('[keys]\n"queue.purge" = "ctrl+d"\n')
    assert "queue.purge              ctrl+d" in run(tmp_path, "--list-keys").stdout
