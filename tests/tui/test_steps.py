"""What takes long is done in pieces, or beside the keys: no step of the loop is long, whatever is opened or copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.models.result import JobError, JobResult
from naq_tui import collecting, masking
from naq_tui.clipboard import MOST_BYTES
from naq_tui.feed.fake import first_batch
from naq_tui.feed.sample import results
from naq_tui.screens.copying import CopyScreen
from naq_tui.store.updates import ResultsChanged
from tests.tui.conftest import fake_console, settle, shown
from tests.tui.steps import LONGEST_S, held_for, timing
from tests.tui.test_values import JOB, console_with, opened

VALUES: dict[str, Any] = {
    "one text": "x " * 650_000,
    "a text of secrets": "password=hunter2 " * 80_000,
    "a text of addresses": "http://example.com/path/ a@b " * 46_000,
    "a text of names": "such a sample of text, sad as it is: token " * 30_000,
    "many parts": [
        {"id": n, "name": f"name of {n}", "note": "as many words as are too long for one row"} for n in range(14_000)
    ],
}


RECORD = replace(results()[-1], job_id=JOB, status="COMPLETED", error=None, value=None, logs=(), revision=90_000)
MOST = 6_000_000
"""Characters, of the eight million bytes that a message of the bundled server takes."""
TEXTS = {
    "one line": "x日" * (MOST // 4),
    "lines": "as many words as are too long for one row\n\n\n\x1b[2J\n" * (MOST // 50),
}
RECORDS: dict[str, Callable[[JobResult, str], JobResult]] = {
    "value": lambda record, text: replace(record, value=text),
    "name": lambda record, text: replace(record, value={text: 1}),
    "tagged": lambda record, text: replace(record, value={"$naq": "decimal", "v": text}),
    "number": lambda record, text: replace(record, value={"$naq": "int", "v": text}),
    "class": lambda record, text: replace(record, value={"$naq": "enum", "class": text, "v": [text]}),
    "arguments": lambda record, text: replace(record, job={"args": [text], "kwargs": {"token": text, text: text}}),
    "tags": lambda record, text: replace(record, tags=(text, *text[:100_000])),
    "log": lambda record, text: replace(record, logs=tuple(text.split("\n")[:100_000])),
    "names": lambda record, text: replace(record, function=text, queue=text, worker_id=text, schedule_id=text),
    "error": lambda record, text: replace(record, status="FAILED", error=JobError(type=text, message=text)),
    "traceback": lambda record, text: replace(
        record, status="FAILED", error=JobError(type="E", message="m", traceback=text)
    ),
    "reason": lambda record, text: replace(record, status="CANCELLED", reason=text),
}


@pytest.mark.parametrize("where", RECORDS)
async def test_a_report_opens_in_short_steps_wherever_a_large_text_is(where: str) -> None:
    for name, text in TEXTS.items():
        record = RECORDS[where](RECORD, text)

        async def open_it(steps: list[float], record: JobResult = record) -> None:
            console = fake_console(first_batch(), (ResultsChanged((record,), total=10),))
            async with console.run_test(size=(120, 40)) as pilot:
                await settle(pilot)
                collecting.collect_rarely()
                with timing(steps):
                    document = await opened(pilot, None)
                    await pilot.press("G")
                    await pilot.pause()
                assert len(document._laid_out) > 10

        assert await held_for(open_it) < LONGEST_S, name


@pytest.mark.parametrize("name", VALUES)
async def test_a_large_value_opens_in_short_steps(name: str) -> None:
    async def open_it(steps: list[float]) -> None:
        console = console_with(VALUES[name])
        async with console.run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            await pilot.press("7", "g")
            await pilot.pause()
            collecting.collect_rarely()
            with timing(steps):
                document = await opened(pilot, None)
                await pilot.press("G")
                while not document._laid_out.is_whole:
                    await pilot.pause()
            assert len(document._laid_out) > 5_000

    assert await held_for(open_it) < LONGEST_S


async def test_a_large_value_is_copied_in_short_steps() -> None:
    async def copy(steps: list[float]) -> None:
        console = console_with(VALUES["many parts"][:5_000])
        async with console.run_test(size=(120, 40)) as pilot:
            await opened(pilot, None)
            collecting.collect_rarely()
            with timing(steps):
                await pilot.press("y")
                await shown(pilot, CopyScreen)
                await pilot.press("r")
                await pilot.pause()
            assert '"id": 4999' in console.clipboard
            assert any("Many terminals take 73 KiB at most." in note.message for note in console._notifications)

    assert await held_for(copy) < LONGEST_S


async def test_what_no_terminal_takes_is_not_copied_and_said() -> None:
    console = console_with("x" * (MOST_BYTES + 1))
    async with console.run_test(size=(120, 40)) as pilot:
        await opened(pilot, None)
        await pilot.press("y")
        await shown(pilot, CopyScreen)
        await pilot.press("r")
        await pilot.pause()
        assert not console.clipboard
        (told,) = [note.message for note in console._notifications if note.message.startswith("Not copied")]
        assert told == "Not copied: the result is 700 KiB, and terminals take 700 KiB at most: x writes it to a file."


PARTS = (
    "a@",
    "://",
    "user:pw@",
    "http",
    "bearer ",
    "basic Zm9v",
    "eyJhbGciOiJIUzI1",
    "token=",
    "x",
    " ",
    "\n",
    "'",
    "é",
    "GRÖSSE: ",
    "Größe=",
    "max_tokens=",
)
KEY = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-", "SAAKIA" + "A" * 60, "sk-" + "a" * 20, "ı")


@given(st.lists(st.sampled_from((*PARTS, *KEY)), max_size=30).map("".join))
def test_what_is_hidden_of_a_text_does_not_depend_on_its_pieces(text: str) -> None:
    for rules in (masking.Rules(), masking.Rules(["größe", "ısı"], ["max_tokens"], [r"\bx+\s", "user:[^ ]*"])):
        whole = rules.text(text)
        with pytest.MonkeyPatch.context() as patched:
            for piece in (1, 7, 32):
                patched.setattr(masking, "_PIECE", piece)
                assert rules.text(text) == whole
    for pattern in masking._PATTERNS:
        found = [match.start() for match in pattern.regex.finditer(text)]
        assert set(found) <= set(pattern.starts(masking._folded(text), 0, len(text)))
