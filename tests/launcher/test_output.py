"""The output of processes, in bounds whatever they say."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from naq_tui.launcher import output as output_module
from naq_tui.launcher.local import ROTATE_BYTES
from naq_tui.launcher.output import BACKLOG_BYTES, MAX_LINE_BYTES, MAX_LINES, OutputTail
from tests.launcher.watched import Watched, script


@pytest.fixture
def tail(tmp_path: Path) -> OutputTail:
    return OutputTail(tmp_path / "out.log")


def write(tail: OutputTail, data: bytes) -> None:
    with tail.path.open("ab") as file:
        file.write(data)


def lines(tail: OutputTail) -> list[str]:
    return list(tail.page(0, 10**9).lines)


def test_lines_come_whole_whatever_the_pieces(tail: OutputTail) -> None:
    assert tail.poll() is False
    text = "één\r\n\n10 %\r20 %\rdone\nno end".encode()
    for piece in (text[:2], text[2:9], text[9:]):
        write(tail, piece)
        assert tail.poll() is True
    assert tail.poll() is False
    assert lines(tail) == ["één", "", "done"]
    tail.finish()
    assert lines(tail) == ["één", "", "done", "no end"]
    assert (tail.total, tail.last_line) == (4, "no end")


def test_bytes_that_are_no_text_are_shown_as_such(tail: OutputTail) -> None:
    write(tail, b"a\xff\xfeb\n")
    tail.poll()
    assert lines(tail) == ["a\ufffd\ufffdb"]


def test_a_line_is_cut_at_the_limit(tail: OutputTail) -> None:
    for _ in range(5):
        write(tail, b"x" * 3000)
        tail.poll()
    write(tail, b"tail of it\nnext\n" + b"y" * (MAX_LINE_BYTES + 1) + b"\n")
    tail.poll()
    assert [len(line) for line in lines(tail)] == [MAX_LINE_BYTES + 1, 4, MAX_LINE_BYTES + 1]
    assert lines(tail)[0].endswith("x…")


def test_a_progress_display_without_end_stays_one_line(tail: OutputTail) -> None:
    for number in range(3000):
        write(tail, b"\r%d of 3000" % number)
    tail.poll()
    write(tail, b"\n")
    tail.poll()
    assert lines(tail) == ["2999 of 3000"]


def test_only_the_newest_lines_are_kept_and_numbers_go_on(tail: OutputTail) -> None:
    write(tail, b"".join(b"%d\n" % number for number in range(MAX_LINES + 100)))
    tail.catch_up()
    page = tail.page(0, 2)
    assert (page.first, page.lines, page.oldest, page.total) == (100, ("100", "101"), 100, MAX_LINES + 100)
    assert tail.page(MAX_LINES + 99, 10).lines == (str(MAX_LINES + 99),)
    assert tail.page(10**9, 10).lines == ()


def test_empty_lines_are_lines(tail: OutputTail) -> None:
    write(tail, b"\n" * 60_000 + b"last\n")
    tail.poll()
    assert (tail.total, len(lines(tail)), tail.last_line) == (60_001, 60_001, "last")


def test_a_flood_is_skipped_with_a_mark(tail: OutputTail) -> None:
    line = "x" * 999
    write(tail, b"first\n")
    tail.poll()
    write(tail, f"{line}\n".encode() * (3 * BACKLOG_BYTES // 1000))
    tail.catch_up()
    first, mark, *rest = lines(tail)
    assert (first, set(rest)) == ("first", {line})
    assert "40.0 MiB of output skipped" in mark
    assert len(rest) <= BACKLOG_BYTES // 1000
    assert tail.poll() is False


def test_a_huge_line_in_a_flood_is_bounded(tail: OutputTail) -> None:
    write(tail, b"z" * (3 * BACKLOG_BYTES) + b"\nafter\n")
    tail.catch_up()
    mark, after = lines(tail)
    assert "40.0 MiB of output skipped" in mark
    assert after == "after"


def test_each_look_reads_a_bounded_part_and_the_next_goes_on(tail: OutputTail) -> None:
    write(tail, b"".join(b"line %06d of a hundred thousand\n" % number for number in range(100_000)))
    looks = 0
    while tail.poll():
        looks += 1
    assert looks == 4
    assert (tail.total, tail.page(0, 1).lines) == (100_000, ("line 000000 of a hundred thousand",))
    assert tail.page(99_999, 5).lines == ("line 099999 of a hundred thousand",)


def test_lines_are_found_both_ways(tail: OutputTail) -> None:
    write(tail, b"".join(b"%d\n" % number for number in range(MAX_LINES + 50)))
    while tail.poll():
        pass
    assert tail.find(lambda line: line.endswith("77"), 0) == 77  # the oldest fifty are gone
    assert tail.find(lambda line: line.endswith("77"), 78) == 177
    assert tail.find(lambda line: line.endswith("77"), 176, -1) == 77
    assert tail.find(lambda line: line.endswith("77"), 76, -1) is None
    assert tail.find(lambda line: line == "10", 0) is None
    assert tail.find(lambda line: True, 10**9, -1) == MAX_LINES + 49


def test_memory_is_bounded_however_long_the_lines(tail: OutputTail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "MAX_TEXT", 10_000)
    for _ in range(20):
        write(tail, b"y" * 1000 + b"\n")
    tail.poll()
    assert (tail.total, len(lines(tail)), tail.page(0, 1).first) == (20, 10, 10)


def test_a_file_begun_anew_is_read_from_its_start(tail: OutputTail) -> None:
    write(tail, b"a long first line\n")
    tail.poll()
    tail.path.replace(tail.path.with_suffix(".old"))
    assert tail.poll() is False
    write(tail, b"a line of the new file, longer than the first\n")
    tail.poll()
    os.truncate(tail.path, 0)
    write(tail, b"short\n")
    tail.poll()
    assert [line.split()[-1] for line in lines(tail)] == ["line", "first", "…", "short"]


async def test_a_file_over_the_limit_is_set_aside_and_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "MAX_FILE_BYTES", 1000)
    code = "import os, time\nprint('x' * 2000, flush=True)\n"
    code += "while os.fstat(1).st_size: time.sleep(0.001)\nprint('on', flush=True)"
    process_id = watched.supervisor.launch(script(code))
    row = await watched.until_ended(process_id)
    assert (row.last_line, row.log_path.stat().st_size) == ("on", 3)
    assert watched.text(process_id)[-2] == "… the output file was set aside …"
    rotated = row.log_path.with_name(row.log_path.name + ".1")
    assert (rotated.stat().st_size, stat.S_IMODE(rotated.stat().st_mode)) == (2001, 0o600)


async def test_a_grown_log_is_set_aside_at_a_restart(watched: Watched) -> None:
    process_id = watched.supervisor.launch(script(f"print('x' * {ROTATE_BYTES})"))
    row = await watched.until_ended(process_id)
    await watched.supervisor.restart(process_id)
    await watched.until_ended(process_id)
    assert row.log_path.with_name(row.log_path.name + ".1").stat().st_size == ROTATE_BYTES + 1
    watched.supervisor.remove(process_id)
    assert list(watched.supervisor.folder.iterdir()) == []
