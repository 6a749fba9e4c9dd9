"""The Processes screen, the launch form and the output screen, by their keys, on processes that don't exist."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from naq.errors import NaqConnectionError
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeCommands, FakeProcesses
from naq_tui.feed.sample import T0, first_batch, process
from naq_tui.launcher import LaunchError, LaunchSpec, ProcessStatus
from naq_tui.messages import Launch
from naq_tui.remembered import Remembered
from naq_tui.screens.confirm import ConfirmScreen
from naq_tui.screens.detail import DetailScreen
from naq_tui.screens.launch import LaunchScreen
from naq_tui.screens.leave import fates_of
from naq_tui.screens.output import OutputScreen
from naq_tui.store.fold import apply
from naq_tui.store.rows import process_row
from naq_tui.store.state import EMPTY
from naq_tui.store.updates import ProcessesChanged
from naq_tui.views.alarm import alarms
from naq_tui.views.output import is_error, message, spans
from naq_tui.views.processes import ProcessesView
from naq_tui.views.table import Lens
from naq_tui.widgets.picker import Picker
from tests.tui.conftest import fake_console, settle
from tests.tui.test_launcher_screens import MAIL, REPORTS, views

LENS = Lens(T0, T0)
SIZE = (120, 40)


def console(**options: Any) -> NaqConsole:
    return fake_console(processes=FakeProcesses(*views(), recipes={"mail": MAIL, "reports": REPORTS}), **options)


def asked(app: NaqConsole) -> list[tuple[str, str]]:
    assert isinstance(app.supervisor, FakeProcesses)
    return app.supervisor.asked


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


# -- acting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "key", "call"),
    [
        ("mail-1", "R", ("restart", "mail-1")),
        ("mail-1", "K", ("stop", "mail-1")),
        ("mail-1", "X", ("kill", "mail-1")),
        ("mail-1", "minus", ("fewer", "mail-1")),
        ("mail-3", "K", ("stop", "mail-3")),
        ("mail-3", "R", ("restart", "mail-3")),
        ("worker-1", "D", ("remove", "worker-1")),
    ],
)
async def test_what_ends_or_restarts_a_process_asks_first(row: str, key: str, call: tuple[str, str]) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        names = [shown.name for shown in app.state.processes]
        await press(pilot, "8", *["j"] * names.index(row), key)
        assert isinstance(app.screen, ConfirmScreen)
        assert row in app.screen.question or "mail" in app.screen.question
        await press(pilot, "enter")
        assert asked(app) == [], "no is the default"
        await press(pilot, key, "right", "enter")
        assert asked(app) == [call]


async def test_a_worker_that_is_stopping_is_asked_again_only_by_itself() -> None:
    shown = process("mail-9", "worker", 4190, "finishes", status=ProcessStatus.STOPPING, status_text="stopping")
    app = fake_console(processes=FakeProcesses(shown, process("mail-8", "worker", 4180, "up")))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "K")
        assert isinstance(app.screen, ConfirmScreen)
        assert "Asked again it gives up its running jobs" in app.screen.effect
        await press(pilot, "escape", "a", "K")
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.question == "Stop mail-8 (pid 4180)?"
        await press(pilot, "y")
        assert asked(app) == [("stop", "mail-8")]


async def test_a_scheduler_that_is_stopping_is_not_asked_again() -> None:
    shown = process("scheduler-1", "scheduler", 4130, "ends", status=ProcessStatus.STOPPING, status_text="stopping")
    app = fake_console(processes=FakeProcesses(shown))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "8", "K")
        assert "process.stop" in app.main.key_line.unfit
        assert "process.kill" not in app.main.key_line.unfit
        (note,) = app._notifications
        assert note.message.startswith("scheduler-1 is stopping already")


async def test_a_server_that_has_ended_is_started_again_before_the_log_is_told() -> None:
    class Waiting(FakeCommands):
        async def tell(self, action: str, details: Mapping[str, Any], *, reason: str | None = None) -> str:
            await asyncio.Event().wait()
            raise AssertionError

    ended = process("nats-server", "server", 1, "Server is ready", status=ProcessStatus.KILLED, failed=True)
    app = fake_console(processes=FakeProcesses(ended), commands=Waiting())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "R", "right", "enter")
        assert asked(app) == [("restart", "nats-server")]


def told(app: NaqConsole) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(app.commands, FakeCommands)
    return app.commands.told


async def test_what_acts_acts_on_all_marked_processes_it_can_be_done_to() -> None:
    app = console()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        names = [shown.name for shown in app.state.processes]
        await press(pilot, "8", "j", "space", "space", *["j"] * (names.index("worker-1") - 3), "space", "K")
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.question == "Stop 2 processes: mail-1, mail-2?"
        assert "Workers take no more jobs" in app.screen.effect
        app.screen.query_one("#field-reason", Input).value = "deploy"
        await press(pilot, "y")
        assert asked(app) == [("stop", "mail-1"), ("stop", "mail-2")]
        assert [note.message for note in app._notifications] == ["2 processes asked to stop."]
        assert not app.main.tables["processes"].marks
        details = {"processes": 2, "names": ["mail-1", "mail-2"], "recipes": ["mail"], "pids": [4103, 4104]}
        assert told(app) == [("stop processes", details)]
        assert isinstance(app.commands, FakeCommands)
        assert app.commands.reasons == ["deploy"]


@pytest.mark.parametrize(
    ("key", "verb", "question", "done"),
    [
        ("R", "restart", "Restart 6 processes: nats-server, mail-1, mail-2, mail-3, scheduler-1 and 1 more?", 6),
        ("K", "stop", "Stop 5 processes: nats-server, mail-1, mail-2, mail-3, scheduler-1?", 5),
        ("X", "kill", "Kill 4 processes: nats-server, mail-1, mail-2, scheduler-1?", 4),
        ("D", "remove", "Forget 2 processes: mail-3, worker-1?", 2),
    ],
)
async def test_all_processes_marked(key: str, verb: str, question: str, done: int) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "a", key)
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.question == question
        await press(pilot, "y")
        assert [call for call, _ in asked(app)] == [verb] * done
        assert [details["processes"] for _, details in told(app)] == [done]


async def test_a_process_that_refuses_stays_marked() -> None:
    app = console()

    def refuse(process_id: str) -> None:
        if process_id == "mail-2":
            raise LaunchError("mail-2 is gone")

    app.supervisor.kill = refuse  # type: ignore[method-assign]
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "space", "space", "X", "y")
        assert [note.message for note in app._notifications] == ["1 of 2 processes killed. mail-2 is gone"]
        marks = app.main.tables["processes"].marks
        assert [name for name in ("mail-1", "mail-2") if name in marks] == ["mail-2"]


async def test_ten_processes_need_their_number_typed() -> None:
    many = [process(f"w-{number}", "worker", 100 + number, "") for number in range(10)]
    app = fake_console(processes=FakeProcesses(*many))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "a", "K", "enter", "y")
        assert asked(app) == []
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, *"10", "enter", "y")
        assert len(asked(app)) == 10


async def test_what_is_launched_and_scaled_is_told_to_the_log() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "plus")
        await press(pilot, "minus", "y")
        spec = LaunchSpec(recipe="mail", modules=("shop.tasks",))
        app.post_message(Launch(spec, 2))
        await pilot.pause()
        (up, more), (down, fewer), (launched, new) = told(app)
        assert (up, more["processes"], more["recipes"], more["names"]) == ("scale up", 1, ["mail"], ["mail-7"])
        assert (down, fewer["processes"], fewer["recipes"], fewer["names"]) == ("scale down", 1, ["mail"], ["mail-1"])
        assert (launched, new["processes"], new["recipes"]) == ("launch processes", 2, ["mail"])


async def test_a_log_out_of_reach_keeps_nothing_from_being_done() -> None:
    app = console()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        assert isinstance(app.commands, FakeCommands)
        app.commands.refuses[""] = NaqConnectionError("no answer from local")
        await press(pilot, "8", "K", "y")
        assert asked(app) == [("stop", "nats-server")]
        said = [note.message for note in app._notifications]
        assert "The log was not told of it (stop processes, 1 process): no answer from local" in said


@pytest.mark.parametrize(
    ("answer", "told_of"),
    [
        ("stop", [("stop processes", ["mail-1", "mail-2", "mail-3", "scheduler-1"])]),
        ("policy", [("stop processes", ["scheduler-1"])]),
        ("leave", []),
    ],
)
async def test_what_ends_with_the_console_is_told_to_the_log(answer: str, told_of: list[tuple[str, list[str]]]) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "q")
        app.screen.dismiss(answer)
        await pilot.pause()
        await pilot.pause()
        assert [(action, details["names"]) for action, details in told(app)] == told_of


async def test_a_question_is_answered_once_however_fast_the_keys() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "K")
        assert isinstance(app.screen, ConfirmScreen)
        question = app.screen
        question.action_answer(True)
        question.action_answer(False)
        await pilot.pause()
        assert app.screen is app.main
        assert asked(app) == [("stop", "mail-1")]


async def test_one_more_starts_at_once() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "plus", "G", "plus")
        assert asked(app) == [("more", "mail-1"), ("more", "recipe:reports")]


@pytest.mark.parametrize(
    ("row", "key"), [("worker-1", "K"), ("worker-1", "X"), ("mail-1", "D"), ("reports", "R"), ("reports", "D")]
)
async def test_what_is_not_possible_is_said_and_not_asked(row: str, key: str) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        names = [shown.name for shown in app.state.processes]
        await press(pilot, "8", *["j"] * names.index(row), key)
        assert app.screen is app.main
        assert asked(app) == []
        assert len(app._notifications) == 1


async def test_a_refusal_is_told() -> None:
    app = console()

    def refuse(process_id: str) -> str:
        raise LaunchError(f"{process_id} can't be")

    app.supervisor.more = refuse  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "plus")
        assert [note.message for note in app._notifications] == ["mail-1 can't be"]


async def test_read_only_there_is_no_key_that_acts() -> None:
    app = console(read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "plus", "minus", "R", "K", "X", "D", "w")
        assert app.screen is app.main
        assert asked(app) == []
        await press(pilot, "i")
        assert isinstance(app.screen, DetailScreen)


# -- launching -------------------------------------------------------------------------------------------------


async def test_a_recipe_fills_the_form_and_its_secret_is_given_unseen(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "console.json")
    app = console(remembered=remembered)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "w", "right", "enter")
        assert isinstance(app.supervisor, FakeProcesses)
        first, second = app.supervisor.launched
        assert first == second
        assert first == replace(MAIL.spec, cwd=Path("/tmp"))
        assert first.env["SMTP_PASSWORD"] == "hunter2"
        assert "hunter2" not in (tmp_path / "console.json").read_text()
        await press(pilot, "w")
        assert app.screen.query_one("#field-recipe", Picker).value == "mail", "the last choice"


async def test_a_secret_that_was_typed_is_not_remembered(tmp_path: Path) -> None:
    app = fake_console(remembered=Remembered(tmp_path / "console.json"))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "w", "tab", "tab", "tab", "tab", *"A=1", "space", *"DB_PASSWORD=pw", "enter")
        assert isinstance(app.supervisor, FakeProcesses)
        (spec,) = app.supervisor.launched
        assert spec.env == {"A": "1", "DB_PASSWORD": "pw"}
        assert app.remembered.launch_choice("worker")["environment"] == "A=1"
        assert "pw" not in (tmp_path / "console.json").read_text()


async def test_all_fields_reach_the_spec() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        keys = [*"mail:3", "space", "x", "tab", *"a.b", "tab", "4", "tab", "3", "tab", *"K=v", "tab", *"/tmp"]
        await press(pilot, "w", *keys, "tab", "right", "tab", "right", "right", "tab", *"box", "tab", "right", "enter")
        assert isinstance(app.supervisor, FakeProcesses)
        assert (
            app.supervisor.launched
            == [
                LaunchSpec(
                    name="box",
                    queues=("mail:3", "x"),
                    modules=("a.b",),
                    concurrency=4,
                    env={"K": "v"},
                    cwd=Path("/tmp"),
                    restart="on-failure",
                    hangup="kill",
                    reload=True,
                )
            ]
            * 3
        )


async def test_a_mistake_is_named_under_its_row_and_launches_nothing() -> None:
    app = fake_console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "w", "tab", "tab", "tab", "0", "tab", "x", "enter")
        assert isinstance(app.screen, LaunchScreen)
        told = {
            name: str(app.screen.query_one(f"#mistake-{name}", Static).content)
            for name in ("queues", "concurrency", "environment")
        }
        assert told == {
            "queues": "",
            "concurrency": "processes: a whole number, 1 to 64",
            "environment": "write KEY=VALUE, not 'x'",
        }
        assert isinstance(app.supervisor, FakeProcesses)
        assert app.supervisor.launched == []


async def test_enter_on_a_recipe_that_nothing_runs_of_opens_its_form() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "8", "G", "enter")
        assert isinstance(app.screen, LaunchScreen)
        assert app.screen.query_one("#field-recipe", Picker).value == "reports"


# -- output ----------------------------------------------------------------------------------------------------


LINES = [f"2026-11-24T14:05:02Z INFO    line {number}" for number in range(100_000)]
for _number in (500, 70_000):
    LINES[_number] = f"2026-11-24T14:05:02Z ERROR   it broke at {_number}"


async def test_a_hundred_thousand_lines_are_searched_and_wrapped_at_hand() -> None:
    app = console()
    assert isinstance(app.supervisor, FakeProcesses)
    app.supervisor.lines = list(LINES)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "enter")
        assert isinstance(app.screen, OutputScreen)
        view = app.screen.view
        assert (view.is_following, view.total) == (True, 100_000)
        await press(pilot, "e")
        assert (view.mark, view.is_following) == (500, False), "the first error of all"
        await press(pilot, "e")
        assert view.mark == 70_000
        await press(pilot, "e")
        assert view.mark == 500, "past the last it begins anew"
        await press(pilot, "E")
        assert view.mark == 70_000
        await press(pilot, "f", "slash", *"line", "space", *"77", "enter")
        assert view.mark == 77_999, "the newest first"
        await press(pilot, "N")
        assert view.mark == 77_998
        await press(pilot, "n", "n")
        assert view.mark == 77, "below the last it begins anew from the top"
        await press(pilot, "l", "G")
        assert (view.is_wrapped, view.is_following, view.mark) == (True, True, None)
        await press(pilot, "k", "k")
        assert not view.is_following
        assert view.top == 100_000 - view.size.height - 2
        await press(pilot, "j", "j")
        assert view.is_following
        await press(pilot, "i")
        assert isinstance(app.screen, DetailScreen)


async def test_wrapped_lines_are_walked_by_rows_and_none_is_missed() -> None:
    app = console()
    assert isinstance(app.supervisor, FakeProcesses)
    app.supervisor.lines = [f"{number} " + "word " * (number % 40) for number in range(60)]
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "enter", "l", "g")
        assert isinstance(app.screen, OutputScreen)
        view = app.screen.view
        seen: list[tuple[int, int]] = []
        while True:
            seen += [at for row in view._rows if (at := (row.number, row.piece)) not in seen]
            if view.is_following:
                break
            await pilot.press("j")
        assert seen == sorted(seen), "in order, each once"
        assert [number for number, piece in seen if piece == 0] == list(range(60))
        top = [(view.top, view._skip)]
        while view.top or view._skip:
            await pilot.press("k")
            top.append((view.top, view._skip))
        assert top == sorted(set(top), reverse=True), "each row up is one row"


async def test_a_search_without_a_match_is_said() -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "8", "j", "enter", "n")
        await press(pilot, "slash", *"zzz", "enter")
        notes = [note.message for note in app._notifications]
        assert notes == ["Nothing searched for yet: / searches.", "No line has zzz."]


@pytest.mark.parametrize(
    ("line", "tones"),
    [
        ("2026-11-24T14:05:02Z INFO    done", ["muted", "muted", ""]),
        ("2026-11-24T14:05:02Z DEBUG   detail", ["muted", "muted", "muted"]),
        ("2026-11-24 14:05:02,123 WARNING slow", ["muted", "waiting", ""]),
        ("14:05:02 CRITICAL gone", ["muted", "failed", "failed"]),
        ("ERROR: bare", ["muted", "failed", "failed"]),
        ("[4102] 2026/11/24 14:02:10.123 [ERR] no space", ["muted", "failed", "failed"]),
        ("Traceback (most recent call last):", ["failed"]),
        ('  File "/a.py", line 1, in f', ["muted"]),
        ("shop.errors.OutOfStockError: none left", ["failed"]),
        ("it said ERROR somewhere", ["failed"]),
        ("naq: module 'shop' was not found", ["failed"]),
        ("Informally speaking", [""]),
    ],
)
def test_a_line_has_the_tone_of_its_level(line: str, tones: list[str]) -> None:
    parts = spans(line)
    assert "".join(text for text, _ in parts) == line
    assert [tone for text, tone in parts if text] == [
        tone for tone, (text, _) in zip(tones, parts, strict=True) if text
    ]
    assert is_error(line) is ("failed" in tones)


def test_the_last_output_is_told_without_its_time() -> None:
    assert message("2026-11-24T14:05:02Z INFO    done in 2 s") == ("done in 2 s", "")
    assert message("2026-11-24T14:05:02Z ERROR   broke") == ("broke", "failed")
    assert message("just text") == ("just text", "")


# -- what is told ----------------------------------------------------------------------------------------------


def test_rows_show_scale_jobs_and_the_wait() -> None:
    state = apply(EMPTY, (*first_batch(), ProcessesChanged(tuple(views()))))
    view = ProcessesView()
    cells = {item.row.name: [cell.text for cell in view.cells(item, LENS)] for item in view.items(state, LENS)}
    assert cells["mail-1"][2:4] == ["2/3", "7/10"]
    assert cells["mail-3"][0] == "↻ restarts in 8 s"
    assert cells["worker-1"][:3] == ["✗ crash loop", "worker-1", ""]
    assert cells["reports"][:3] == ["◇ ready", "reports", "0/4"]


def test_a_crash_loop_and_a_crash_are_alarms_and_a_restart_is_none() -> None:
    looping = process(
        "w-1", "worker", 1, "boom", status=ProcessStatus.EXITED, exit_code=1, failed=True, crash_looping=True
    )
    once = process(
        "w-2", "worker", 2, "", status=ProcessStatus.KILLED, status_text="killed by SIGKILL", exit_code=-9, failed=True
    )
    waiting = process("w-3", "worker", 3, "", status=ProcessStatus.WAITING, exit_code=1, restart_at=T0)
    state = apply(EMPTY, [ProcessesChanged((looping, once, waiting))])
    assert [(alarm.text, alarm.key) for alarm in alarms(state, LENS) if alarm.key == "8"] == [
        ("w-1 crashed 5 times in a minute and is left alone: exit code 1, boom", "8"),
        ("w-2 crashed: killed by SIGKILL", "8"),
    ]


def test_the_quit_dialog_tells_what_happens_to_which() -> None:
    rows = [
        process_row(process(name, "worker", 1, "", hangup=hangup))
        for name, hangup in (("a", "keep"), ("b", "drain"), ("c", "keep"), ("d", "kill"))
    ]
    assert fates_of(rows) == [("run on", "a, c"), ("is drained", "b"), ("is killed", "d")]


@pytest.mark.parametrize(
    ("code", "mode", "at_exit"), [(129, "policy", "leave"), (143, "leave", "leave"), (129, "stop", "stop")]
)
async def test_a_hang_up_follows_the_policies_and_a_signal_leaves_all(code: int, mode: str, at_exit: Any) -> None:
    app = console(at_exit=at_exit)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.exit(return_code=code)
    assert app.supervisor.closed_with == mode  # type: ignore[attr-defined]
