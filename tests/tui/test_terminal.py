"""The console in a real pseudo-terminal: slow ones, hang-ups, signals."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.terminal import Screen
from tests.conftest import ROOT

ENTERS, LEAVES = b"\x1b[?1049h", b"\x1b[?1049l"
SHELL = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], process_group=0)
os.tcsetpgrp(0, child.pid)
sys.exit(child.wait())
"""
"""What a shell with job control does to what it runs in the foreground."""
pytestmark = pytest.mark.terminal


class Terminal:
    """A console in a terminal of 80x24, with or without a shell behind it; its output is read only when asked."""

    def __init__(self, *arguments: str, has_shell: bool = False) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        environment.pop("NO_COLOR", None)
        shell = [sys.executable, "-c", SHELL] if has_shell else []
        self.process = subprocess.Popen(
            [*shell, sys.executable, "-m", "tests.tui.fake_main", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
        )
        self.seen = b""

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`."""
        end, start = time.monotonic() + seconds, len(self.seen)
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if ready:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    break
        return self.seen[start:]

    def wait_for(self, text: bytes, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"{text!r} did not come: {self.seen[-2000:]!r}"
            self.read(0.05)

    def press(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self, seconds: float = 10.0) -> int:
        """Wait for the end; its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it still runs"
            self.read(0.05)
        self.read(0.2)
        return self.process.returncode

    def is_restored(self) -> bool:
        """Whether the terminal is as it was."""
        after = termios.tcgetattr(self.slave)
        return self.seen.rfind(LEAVES) > self.seen.rfind(ENTERS) and after[3] == self.before[3]


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    opened = Terminal(*arguments)
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
        opened.process.wait()
        for descriptor in (opened.master, opened.slave):
            with suppress(OSError):
                os.close(descriptor)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_quitting_restores_the_terminal() -> None:
    with terminal("--no-children") as screen:
        screen.wait_for(b"batch-2/w-7")
        screen.press("q")
        assert screen.end() == 0
        assert screen.is_restored()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_in_good_order(signum: signal.Signals) -> None:
    with terminal() as screen:
        screen.wait_for(b"batch-2/w-7")
        screen.process.send_signal(signum)
        assert screen.end() == 128 + signum
        assert screen.is_restored()


def test_it_ends_when_the_terminal_goes() -> None:
    with terminal() as screen:
        screen.wait_for(b"batch-2/w-7")
        os.close(screen.slave)
        os.close(screen.master)
        assert screen.process.wait(10) in (129, 128 + signal.SIGHUP)


def _stall(screen: Terminal) -> None:
    time.sleep(4)  # nobody reads: the pipe fills, and frames have to be dropped


def _trickle(screen: Terminal) -> None:
    end = time.monotonic() + 4
    while time.monotonic() < end:
        time.sleep(0.1)
        os.read(screen.master, 1024)


@pytest.mark.parametrize("slowness", [_stall, _trickle], ids=["stalled", "slow"])
def test_a_terminal_that_does_not_read_blocks_nothing(slowness: Callable[[Terminal], None]) -> None:
    """Signals are still served while it stalls, and the whole screen is right soon after."""
    with terminal("--stream", "1000", "--no-children") as screen:
        screen.wait_for(b"LIVE")
        slowness(screen)
        used = cpu_s(screen.process.pid)
        time.sleep(1)
        assert cpu_s(screen.process.pid) - used < 0.8
        caught_up = screen.read(2.0)
        assert b"LIVE" in caught_up, "the whole screen was not painted again"
        screen.press("q")
        assert screen.end() == 0
        assert screen.is_restored()


def test_a_terminal_of_10_kb_a_second_gets_answers_and_no_backlog() -> None:
    """What stands before the answer to a key is a few frames at most, and nothing piles up in the console."""
    with terminal("--stream", "2000", "--no-children") as screen:
        screen.wait_for(b"LIVE")
        picture, decoder = Screen(80, 24), codecs.getincrementaldecoder("utf-8")("replace")
        picture.feed(decoder.decode(screen.seen))

        def read_until(is_so: Callable[[], bool], most: int) -> int:
            """Bytes that came until `is_so`, at 10 kB/s."""
            came = 0
            while not is_so():
                assert came < most, "\n".join(picture.lines())
                time.sleep(0.1)
                data = os.read(screen.master, 1000)
                picture.feed(decoder.decode(data))
                came += len(data)
            return came

        end = time.monotonic() + 5
        read_until(lambda: time.monotonic() > end, 100_000)  # until all that it keeps of the stream is full
        before = psutil.Process(screen.process.pid).memory_info().rss
        for key, is_open in (("?", True), ("\x1b", False)):
            screen.press(key)
            read_until(lambda wanted=is_open: ("esc closes" in "\n".join(picture.lines())) is wanted, 60_000)  # type: ignore[misc]
        assert psutil.Process(screen.process.pid).memory_info().rss - before < 30_000_000


def test_a_stalled_terminal_does_not_stop_a_signal() -> None:
    with terminal("--stream", "1000", "--no-children") as screen:
        screen.wait_for(b"LIVE")
        time.sleep(3)
        screen.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert screen.end() == 128 + signal.SIGTERM


def test_idle_it_costs_next_to_nothing() -> None:
    """A coarse guard, not a benchmark: a clock and ages only, no repaint of the whole."""
    with terminal() as screen:
        screen.wait_for(b"batch-2/w-7")
        screen.read(2.0)
        used = cpu_s(screen.process.pid)
        written = screen.read(6.0)
        assert (cpu_s(screen.process.pid) - used) / 6 < 0.15
        assert len(written) / 6 < 6_000
