"""Out of the terminal: files that other programs can take, and frames for scripts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from naq.models.event import StoredEvent
from naq.settings import Settings
from naq_tui.app import NaqConsole
from naq_tui.export import ExportError, checked_path, harmless, rows_csv, whole
from naq_tui.feed.fake import first_batch
from naq_tui.feed.sample import results
from naq_tui.screens.export import Exportable, ExportScreen
from naq_tui.screens.help import HelpScreen
from naq_tui.store.updates import ResultsChanged
from tests.tui.conftest import fake_console, gone, settle, shown, until

SIZE = (120, 40)
EVIL = replace(
    results()[-1],
    job_id="job-evil",
    function="shop.tasks:=HYPERLINK(1)",
    status="COMPLETED",
    error=None,
    value={"password": "p-4711", "cell": "=1+1"},
    worker_id="@w",
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(name: str) -> str:
    return Path(name).read_bytes().decode()


def mode(name: str) -> int:
    return stat.S_IMODE(Path(name).stat().st_mode)


def files() -> list[str]:
    return [path.name for path in Path().iterdir()]


async def exported(pilot_keys: tuple[str, ...], name: str, *batches: object) -> str:
    """What is written when the keys, then `x` and this name are given."""
    console = fake_console(first_batch(), *batches)
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press(*pilot_keys)
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(console.screen, ExportScreen)
        await pilot.press("ctrl+u", *name, "enter")
        await pilot.pause()
        assert not isinstance(console.screen, ExportScreen)
    return read(name)


@pytest.mark.parametrize("at_home", [True, False])
async def test_it_is_told_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_home: bool) -> None:
    folder = tmp_path / "exports of the week" / "2026-11-24"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path if at_home else tmp_path / "another"))
    console = fake_console()
    async with console.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("4", "x")
        await shown(pilot, ExportScreen)
        await pilot.press("ctrl+u", *"q.csv", "enter")
        await gone(pilot, ExportScreen)
        await until(pilot, lambda: len(console._notifications) == 1)
        (note,) = console._notifications
        path = "~/exports of the week/2026-11-24/q.csv" if at_home else f"{folder}/q.csv"
        assert note.message == f"Written to {path}: 4 rows of Queues."


def test_a_file_is_told_from_the_root_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert whole(Path("/home/ann/a.csv")) == "~/a.csv"
    assert whole(Path("/home/anna/a.csv")) == "/home/anna/a.csv"
    assert whole(Path("a.csv")) == str(Path.cwd() / "a.csv")


async def test_a_list_as_json_holds_whole_records_in_its_order() -> None:
    records = json.loads(await exported(("5",), "w.json"))
    assert [record["worker_id"] for record in records][:1] == ["w-7"]
    assert len(records) == 5
    assert records[0]["queues"] == ["reports"]
    assert mode("w.json") == 0o600


async def test_a_list_as_csv_has_the_columns_of_the_screen_hidden_or_not_and_words_for_glyphs() -> None:
    rows = list(csv.DictReader(io.StringIO(await exported(("5", "slash", *"web", "enter"), "w.csv"))))
    assert [row["status"] for row in rows] == ["busy", "idle", "leader"]
    assert rows[0]["worker"] == "web-1/w-3"
    assert rows[0]["jobs"] == "7/10"
    assert "memory" in rows[0]


async def test_a_filtered_log_is_exported_as_filtered() -> None:
    records = json.loads(await exported(("2", "slash", *"failed", "enter"), "failures.json"))
    assert {record["type"] for record in records} == {"FAILED"}


async def test_spreadsheets_run_nothing_and_secrets_stay_hidden() -> None:
    batch = (ResultsChanged((EVIL,)),)
    text = await exported(("7",), "r.csv", batch)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (rows[0]["function"], rows[0]["worker"]) == ("'=HYPERLINK(1)", "'@w")
    assert "4711" not in text
    for row in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert "4711" not in await exported(("7",), "r.json", batch)
    report = await exported(("7", "enter"), "one.csv", batch)
    assert "4711" not in report
    assert "result.cell,'=1+1" in report or "value.cell,'=1+1" in report
    assert "4711" in await exported(("7", "enter", "v"), "shown.json", batch), "revealed is as seen"


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_would_be_run_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert rows_csv(("a",), [(cell,)]).splitlines()[1].lstrip('"').startswith("'")


def test_a_path_that_can_not_be_written_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("x")
    for name, reason in (("a.txt", ".json or .csv"), ("there.csv", "already"), ("no/a.csv", "there is no folder")):
        with pytest.raises(ExportError, match=reason):
            checked_path(name)
    assert (tmp_path / "there.csv").read_text() == "x"


async def test_a_mistake_in_the_name_is_told_and_nothing_is_written() -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("5", "x")
        await pilot.pause()
        await pilot.press("ctrl+u", *"w.xml", "enter")
        await pilot.pause()
        assert isinstance(console.screen, ExportScreen)
        assert files() == []
        await pilot.press("escape")


async def until_done(pilot: Pilot[None], console: NaqConsole) -> None:
    async with asyncio.timeout(30):
        while any(worker.group == "export" for worker in console.workers):
            await pilot.pause(0.02)


async def test_who_has_gone_elsewhere_meanwhile_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        is_read, go_on, read = asyncio.Event(), asyncio.Event(), console.feed.read_events

        async def slowly(first_seq: int, count: int) -> tuple[StoredEvent, ...]:
            is_read.set()
            await go_on.wait()
            return await read(first_seq, count)

        await pilot.press("2")
        monkeypatch.setattr(console.feed, "read_events", slowly)
        await pilot.press("x")
        async with asyncio.timeout(30):
            await is_read.wait()
        await pilot.press("question_mark")
        await shown(pilot, HelpScreen)
        go_on.set()
        await until_done(pilot, console)
        assert isinstance(console.screen, HelpScreen)


async def test_a_form_whose_writing_broke_can_be_left() -> None:
    def breaks() -> str:
        raise RuntimeError("no such thing")

    console = fake_console()
    async with console.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await console.push_screen(ExportScreen(Exportable("rows", "5 rows", breaks, breaks), "rows.json"))
        await pilot.press("enter")
        async with asyncio.timeout(10):
            while not any("no such thing" in note.message for note in console._notifications):
                await pilot.pause(0.02)
        await pilot.press("escape")
        await gone(pilot, ExportScreen)
        assert files() == []


# one frame


def frame(*arguments: str, url: str, prefix: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("NAQ_")}
    return subprocess.run(
        [sys.executable, "-m", "naq_tui", "--server", url, "--prefix", prefix, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**env, "NAQ_CONFIG_DIR": str(Path.cwd()), "NAQ_STATE_DIR": str(Path.cwd())},
    )


@pytest.mark.nats
async def test_a_frame_of_a_real_server_as_text_and_as_svg(settings: Settings) -> None:
    url, prefix = settings.servers[0], settings.prefix
    text = frame("--snapshot", "queues", "--size", "100x30", url=url, prefix=prefix)
    assert text.returncode == 0, text.stderr
    lines = text.stdout.splitlines()
    assert len(lines) == 30
    assert max(map(len, lines)) <= 100
    assert "LIVE" in lines[0]
    assert "read-only" in lines[0]
    assert "Queues" in text.stdout
    svg = frame("--snapshot", "5", "--format", "svg", url=url, prefix=prefix)
    assert svg.returncode == 0, svg.stderr
    assert svg.stdout.startswith("<svg")
    assert files() == [], "nothing is remembered, nothing is started"


def test_a_frame_without_a_server_or_of_no_screen_says_so() -> None:
    gone = frame("--snapshot", "workers", url="nats://127.0.0.1:9", prefix="x")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.startswith("naq-console: ")
    assert "Traceback" not in gone.stderr
    for arguments, words in (
        (("--snapshot", "kitchen"), "screen 'kitchen' does not exist: overview, events"),
        (("--snapshot", "jobs", "--size", "9x9"), "size '9x9'"),
        (("--snapshot", "jobs", "--timezone", "Mars"), "'Mars' is no time zone"),
    ):
        wrong = frame(*arguments, url="nats://127.0.0.1:9", prefix="x")
        assert (wrong.returncode, words in wrong.stderr) == (2, True), wrong.stderr
