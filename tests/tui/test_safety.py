"""What keeps an operator from doing harm: read-only consoles, production contexts, and keys that can be trusted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.client import AsyncClient
from naq.errors import ConfigurationError
from naq.models.result import JobError
from naq.settings import Settings
from naq_tui import keys, masking, opening
from naq_tui.app import NaqConsole, make_console
from naq_tui.config import ContextEntry, parse_config
from naq_tui.contexts import Connection, Context, context_of, find_context, known_contexts
from naq_tui.feed.fake import FakeCommands, FakeFeed, FakeProcesses, first_batch
from naq_tui.feed.sample import link, results, workers
from naq_tui.guarding import problems_of
from naq_tui.screens.confirm import ConfirmScreen
from naq_tui.screens.copying import CopyScreen
from naq_tui.screens.help import help_lines
from naq_tui.screens.launch import LaunchScreen
from naq_tui.screens.typed import TypedScreen
from naq_tui.store.updates import EventsRange, ResultsChanged, WorkersChanged
from naq_tui.widgets.key_line import KeyLine
from tests.tui.conftest import fake_console, gone, settle, shown

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


async def copied_whole(pilot: Pilot[Any]) -> None:
    """All of the report in front."""
    await pilot.press("y")
    await shown(pilot, CopyScreen)
    await pilot.press("y")
    await gone(pilot, CopyScreen)
    await pilot.pause()


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
        await copied_whole(pilot)
        assert "4711" not in console.clipboard
        await pilot.press("v")
        await pilot.pause()
        report = on_screen(console)
        assert all(secret in report for secret in ("p-4711", "pw-4711", "k-4711", "secrets shown"))
        await copied_whole(pilot)
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


# contexts

STAGING = Context("staging", ContextEntry(name="staging", server="nats://staging:4222"))
PROD = Context("prod", ContextEntry(name="prod", server="nats://n1:4222,nats://n2:4222", production=True))


async def type_name(pilot: Pilot[Any], name: str) -> None:
    await pilot.pause()
    assert isinstance(pilot.app.screen, TypedScreen)
    await pilot.press(*name, "enter")
    await pilot.pause()


async def test_production_is_read_only_until_its_name_is_typed_and_then_every_act_asks_for_it() -> None:
    console = fake_console(context=PROD)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert (console.is_production, console.is_read_only, console.commands) == (True, True, None)
        await pilot.press("6", "j", "P")
        await pilot.pause()
        assert console.screen is console.main
        await pilot.press("ctrl+w")
        await type_name(pilot, "staging")
        assert console.is_read_only, "another name lifts nothing"
        await pilot.press("escape", "ctrl+w")
        await type_name(pilot, "prod")
        assert not console.is_read_only
        calls = console.commands.calls  # type: ignore[union-attr]
        await pilot.press("P")
        await pilot.pause()
        assert isinstance(console.screen, TypedScreen)
        await pilot.press("escape", "y")
        await pilot.pause()
        assert calls == []
        await pilot.press("P")
        await type_name(pilot, "prod")
        assert isinstance(console.screen, ConfirmScreen)
        await pilot.press("y")
        await pilot.pause()
        assert calls == [("pause", "minutely")]
        await pilot.press("w")
        await type_name(pilot, "prod")
        assert isinstance(console.screen, LaunchScreen), "a worker takes jobs: launching one is an act there"
        await pilot.press("escape", "ctrl+w")
        await pilot.pause()
        assert console.is_read_only


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"read_only": True}, "Nothing was done: this console is read-only."),
        ({"context": PROD}, "Nothing was done, this console is read-only: ctrl+w allows changes."),
        ({"context": PROD, "read_only": True}, "Nothing was done: this console is read-only."),
    ],
)
async def test_a_key_that_would_act_says_why_it_does_not_and_what_helps(options: dict[str, Any], told: str) -> None:
    console = fake_console(**options)
    said: list[str] = []
    console.say = lambda text, **_: said.append(text)  # type: ignore[method-assign]
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("6")
        said.clear()
        await pilot.press("P")
        await pilot.pause()
        assert said == [told]
        await pilot.press("X", "R")
        await pilot.pause()
        assert said == [told, told], "R is nothing here, with or without rights"


async def test_what_was_promised_to_be_read_only_stays_so() -> None:
    for options in ({"read_only": True}, {"config": parse_config("read_only = true", PATH)}):
        console = fake_console(context=PROD, allow_changes=True, **options)
        async with console.run_test(size=SIZE) as pilot:
            await settle(pilot)
            await pilot.press("ctrl+w")
            await pilot.pause()
            assert console.screen is console.main
            assert console.commands is None
    fixed = Context("prod", ContextEntry(name="prod", production=True, read_only=True))
    assert fake_console(context=fixed, allow_changes=True).commands is None
    assert fake_console(context=PROD, allow_changes=True).commands is not None


async def test_another_context_opens_in_place_and_nothing_of_the_old_one_stays() -> None:
    other = FakeFeed((link(server_label="prod"), WorkersChanged(workers()[:1]), EventsRange(1, 0)))
    opened: list[str] = []

    def connect(context: Context) -> Connection:
        opened.append(context.name)
        if context.name == "broken":
            raise ConfigurationError("creds can't be read")
        return Connection(other, FakeCommands(), {"NAQ_NATS_URL": "nats://n1:4222"})

    broken = Context("broken", ContextEntry(name="broken"))
    console = fake_console(context=STAGING, contexts=(STAGING, PROD, broken), connect=connect)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        first, processes = console.feed, console.supervisor
        assert isinstance(first, FakeFeed)
        await pilot.press("5", "enter", "ctrl+o", "j", "j", "enter")
        await pilot.pause()
        assert (opened, console.context, console.feed) == (["broken"], STAGING, first), "it stays where it was"
        await pilot.press("ctrl+o", "j", "enter")
        await settle(pilot)
        assert console.screen is console.main, "reports about the other system are closed"
        assert (console.context, console.is_production, console.is_read_only) == (PROD, True, True)
        assert first.is_closed
        assert list(console.state.workers) == [workers()[0].worker_id]
        assert (console.state.last_seq, console.state.results) == (0, {})
        assert console.main.log_view.selected is None
        assert processes.environment == {"NAQ_NATS_URL": "nats://n1:4222"}
        assert console.state.processes, "local processes are still listed"
        first.push(WorkersChanged(workers()))
        other.push(WorkersChanged(workers()[1:2]))
        await pilot.pause()
        assert len(console.state.workers) == 2, "what the old feed still says is not heard"


async def until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not is_so():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.05)


@pytest.mark.nats
async def test_on_a_real_server_one_context_is_left_for_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAQ_NATS_URL", "nats://elsewhere:1")
    url, prefix = settings.servers[0], settings.prefix
    text = f'[contexts.one]\nserver = "{url}"\nprefix = "{prefix}"\n'
    text += f'[contexts.two]\nserver = "{url}"\nprefix = "{prefix}x"\nproduction = true'
    one, two = known_contexts(parse_config(text, PATH), {})
    start = opening.connect(one)
    async with AsyncClient(settings) as client:
        await client.enqueue("naq.examples.tasks:flaky")
    console = make_console(
        start.feed, FakeProcesses(), commands=start.commands, context=one, contexts=(one, two), connect=opening.connect
    )
    async with console.run_test(size=SIZE) as pilot:
        await until(lambda: bool(console.state.queues and console.state.last_seq))
        assert [row.name for row in console.state.queues] == ["default"]
        await console.switch(two)
        await until(lambda: "queues" in console.state.loaded)
        await pilot.pause()
        assert (console.state.link.server_label, console.is_production) == ("two", True)
        assert (console.state.queues, console.state.last_seq) == ((), 0)
        environment = console.supervisor.environment
        assert (environment["NAQ_NATS_URL"], environment["NAQ_PREFIX"]) == (url, f"{prefix}x")
        assert environment["NAQ_NATS_TOKEN"] == "", "what the console itself was started with is not handed on"


def test_contexts_of_the_file_and_of_the_nats_command_line_are_one_list(tmp_path: Path) -> None:
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    (folder / "prod.json").write_text('{"url": "nats://n1:4222", "token": "t"}')
    (folder / "dev.json").write_text('{"url": "nats://dev:4222"}')
    (tmp_path / "nats" / "context.txt").write_text("dev")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "NAQ_NATS_URL": "nats://elsewhere:1"}
    config = parse_config(
        '[contexts.prod]\nproduction = true\nprefix = "shop"\n[contexts.test]\nserver = "nats://joe:pw@test"', PATH
    )
    known = known_contexts(config, env)
    assert [(context.name, context.is_production) for context in known] == [
        ("prod", True),
        ("test", False),
        ("dev", False),
    ]
    settings = find_context("prod", known).settings(env)
    assert (settings.nats_url, settings.token, settings.prefix) == ("nats://n1:4222", "t", "shop")
    assert find_context("test", known).where(env) == "nats://***@test"
    with pytest.raises(ConfigurationError, match="known: prod, test, dev"):
        find_context("live", known)
    by_address = context_of(Settings(nats_url="nats://me:x@N1:4222"), known, env)
    assert by_address is known[0], "production by whichever way it is reached"
    assert context_of(Settings(nats_url="nats://n9:4222"), known, env) is None
    del env["NAQ_NATS_URL"]
    assert context_of(Settings.load(env), known, env) is known[2]


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
