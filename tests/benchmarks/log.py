"""How the console does on a large log: `python -m tests.benchmarks.log --events 1000000 [--json FILE]`.

Fills a throw-away server, then drives the real console without a terminal, once on a log of 100,000 events and once on
the large one, each in a process of its own. Times are from the key to the painted row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from textual.pilot import Pilot
from textual.strip import Strip

from naq.client import AsyncClient
from naq.server import EmbeddedServer
from naq.settings import Settings
from naq_tui.app import NaqConsole, make_console
from naq_tui.feed.fake import FakeProcesses
from naq_tui.feed.nats import NatsFeed
from naq_tui.screens.log_reading import SETTLE_S
from naq_tui.store.updates import EventsAppended
from naq_tui.widgets.event_log import EventLog
from tests.benchmarks.events import fill

SMALL = 100_000
KEYS = 150
ARRIVING_PER_S = 10_000
MB = 2**20


class Drive:
    """One console and its log, with what was measured of it."""

    def __init__(self, console: NaqConsole, pilot: Pilot[Any]) -> None:
        self.console, self.pilot = console, pilot
        self.log: EventLog = console.main.log_view
        self.figures: dict[str, float] = {}

    async def until(self, is_so: Callable[[], object], patience_s: float = 600.0) -> None:
        async with asyncio.timeout(patience_s):
            while not is_so():  # noqa: ASYNC110  (what is waited for is on the screen)
                await asyncio.sleep(0.001)

    async def timed(self, name: str, act: Callable[[], object], is_so: Callable[[], object]) -> None:
        """Seconds from `act` to `is_so`."""
        begun = time.perf_counter()
        act()
        await self.until(is_so)
        self.figures[name] = round(time.perf_counter() - begun, 3)

    @property
    def newest(self) -> int:
        """The last event that has come, not only been heard of."""
        return self.log.pages.tail[-1].seq if self.log.pages.tail else 0

    def is_at(self, seq: int) -> bool:
        return self.log.selected is not None and self.log.selected.seq == seq

    def filter(self, text: str) -> None:
        self.console.main.set_filter("events", text)

    async def measure(self, count: int) -> None:
        """Jumps, filters and failures, on a log of `count` events."""
        log, main = self.log, self.console.main
        middle = count // 2
        moment = (await self.console.feed.read_events(middle, 1))[0].stored_at
        await self.timed("go to a sequence", lambda: main.go_to(3 * count // 4), lambda: self.is_at(3 * count // 4))
        at = await self.console.feed.seq_at(moment)
        await self.timed("go to a time", lambda: main.go_to(moment), lambda: self.is_at(at))
        console = self.console
        await self.timed("the console as it was", lambda: console.look_back(count - 10), lambda: console.is_past)
        as_of = console.state.as_of
        assert as_of is not None
        self.figures["events folded for it"] = as_of.seq - as_of.from_seq + 1

        def is_back() -> bool:
            return console.state.as_of is not None and console.state.as_of.seq == count - 11

        await self.timed("one event earlier", lambda: console.action_step_instant(-1), is_back)
        console.return_to_now()
        await self.timed("to the first event", log.action_list_first, lambda: self.is_at(1))
        await self.timed("page down at the beginning", log.action_list_page_down, lambda: log.selected is not None)
        was = log.cursor_seq
        await self.timed(
            "next failure", lambda: main.action_step_failure(1), lambda: log.cursor_seq != was and log.selected
        )
        at_failure = log.cursor_seq
        await self.timed(
            "previous failure, none there",
            lambda: main.action_step_failure(-1),
            lambda: not main._look.is_running,  # type: ignore[union-attr]
        )
        assert log.cursor_seq <= at_failure
        log.follow(True)
        for name, text in (
            ("rare type (worker lost)", "type:worker_lost"),
            ("type of 1 % (failed)", "type:failed"),
            ("common type (completed)", "type:completed"),
            ("rare text, every event read", "needle"),
        ):
            begun = time.perf_counter()
            self.filter(text)
            await self.until(lambda: log.found is not None and len(log.found))
            self.figures[f"{name}: first row"] = round(time.perf_counter() - begun, 3)
            await self.until(lambda: log.found is not None and log.found.state != "searching")
            self.figures[f"{name}: whole log"] = round(time.perf_counter() - begun - SETTLE_S, 3)
            self.figures[f"{name}: found"] = len(log.found or ())
            self.filter("")
        log.follow(True)

    async def measure_arrivals(self, count: int, seconds: float, settings: Settings) -> None:
        """Keys while events stream in; `count` is the last sequence before they begin."""
        log = self.log
        expected = count + int(ARRIVING_PER_S * seconds)
        painted: list[float] = []
        paint = log.render_line

        def noting(y: int) -> Strip:
            strip = paint(y)
            if log._top_seq and log._place_of(log._top_seq) + y - log._head_height == log._place_of(log.cursor_seq):
                painted.append(time.perf_counter())
            return strip

        log.render_line = noting  # type: ignore[method-assign]
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.log", "--write", str(expected - count), *_where(settings)
        )
        await self.until(lambda: self.newest > count)
        begun, first = time.perf_counter(), self.newest
        delays: list[float] = []
        for number in range(KEYS):
            pressed = time.perf_counter()
            painted.clear()
            self.console.simulate_key("k" if number % 6 < 5 else "G")
            await self.until(lambda: painted)
            delays.append((painted[0] - pressed) * 1000)
            await asyncio.sleep(0.02)
            if self.newest >= expected:
                break
        arrived = (self.newest - first) / (time.perf_counter() - begun)
        await writer.wait()
        await self.until(lambda: self.newest >= expected)
        self.figures["events/s that arrived meanwhile"] = round(arrived)
        self.figures["key to paint meanwhile, p50 ms"] = round(statistics.median(delays), 1)
        self.figures["key to paint meanwhile, p95 ms"] = round(statistics.quantiles(delays, n=20)[-1], 1)
        self.figures["keys measured"] = len(delays)


async def console_figures(settings: Settings, count: int, arrivals_s: float) -> dict[str, float]:
    """All figures of one console on one log; in a process of its own, so that its memory is its own."""
    begun = time.perf_counter()
    console = make_console(NatsFeed(settings), FakeProcesses())
    counted = 0
    take = console.take_in_slices

    async def counting(batch: Any) -> None:
        nonlocal counted
        counted += sum(len(update.events) for update in batch if isinstance(update, EventsAppended))
        await take(batch)

    console.take_in_slices = counting  # type: ignore[method-assign]
    async with console.run_test(size=(120, 40)) as pilot:
        drive = Drive(console, pilot)
        drive.figures["start to first paint"] = round(time.perf_counter() - begun, 3)
        await drive.until(lambda: drive.is_at(count))
        drive.figures["start to newest page"] = round(time.perf_counter() - begun, 3)
        await pilot.press("2")
        await drive.measure(count)
        drive.figures["console memory, MB"] = round(psutil.Process().memory_info().rss / MB, 1)
        drive.figures["console memory, highest, MB"] = round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1
        )
        if arrivals_s:
            before = counted
            await drive.measure_arrivals(count, arrivals_s, settings)
            drive.figures["events missing from the console"] = int(ARRIVING_PER_S * arrivals_s) - (counted - before)
    return drive.figures


def _where(settings: Settings) -> list[str]:
    return ["--url", settings.nats_url or "", "--prefix", settings.prefix]


async def _in_own_process(settings: Settings, count: int, arrivals_s: float) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.log", "--measure", "--events", str(count)),
        *("--arrivals", str(arrivals_s), *_where(settings)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"the console on {count:,} events ended with {process.returncode}")
    answer: dict[str, float] = json.loads(out.splitlines()[-1])
    return answer


async def run(count: int, arrivals_s: float) -> dict[str, Any]:
    """Fill, measure, and compare."""
    report: dict[str, Any] = {"events": count, "small": SMALL}
    with tempfile.TemporaryDirectory(prefix="naq-log-") as folder:
        async with EmbeddedServer(Path(folder) / "store") as server:
            for name, size in (("small log", SMALL), ("large log", count)):
                settings = Settings(nats_url=server.url, prefix=name.replace(" ", "_"), events_max_bytes=0)
                async with AsyncClient(settings, program="benchmark") as client:
                    begun = time.perf_counter()
                    await fill(client, size)
                    report[f"{name}: filled, events/s"] = round(size / (time.perf_counter() - begun))
                report[name] = await _in_own_process(settings, size, arrivals_s if size == count else 0.0)
            report["server memory, MB"] = round(psutil.Process(server.pid).memory_info().rss / MB, 1)
    return report


def text_of(report: dict[str, Any]) -> str:
    small, large = report["small log"], report["large log"]
    head = f"{'':<44}{report['small']:>14,}{report['events']:>14,}"
    lines = [f"{name:<44}{small.get(name, ''):>14}{value:>14}" for name, value in large.items()]
    return "\n".join([head, *lines, f"server memory with both logs: {report['server memory, MB']} MB"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--arrivals", type=float, default=8.0, help="seconds of 10,000 events/s; 0 leaves them out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--prefix", default="naq", help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = Settings(nats_url=options.url, prefix=options.prefix, events_max_bytes=0)
    if options.write:
        asyncio.run(_write(settings, options.write))
    elif options.measure:
        print(json.dumps(asyncio.run(console_figures(settings, options.events, options.arrivals))))
    else:
        report = asyncio.run(run(options.events, options.arrivals))
        print(text_of(report))
        if options.json:
            options.json.write_text(json.dumps(report, indent=2))


async def _write(settings: Settings, count: int) -> None:
    async with AsyncClient(settings, program="benchmark") as client:
        await fill(client, count, per_second=ARRIVING_PER_S, seed=8)


if __name__ == "__main__":
    main()
