"""The console in a terminal: how soon it stands, what it costs while nothing happens and while much does, and how soon
a key is answered.

A key's time runs from its byte going into the terminal until the cursor's row has moved on the screen.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from textual.color import Color

from naq.bench.trial import trial
from naq.client import AsyncClient
from naq.settings import Settings
from naq_tui import themes
from tests.benchmarks import records
from tests.benchmarks.events import fill
from tests.benchmarks.stage import Stage, idle_percent, settings_for
from tests.benchmarks.table import Bound, Row
from tests.benchmarks.terminal import Terminal

SIZES = ((80, 24), (120, 40), (200, 60))
SETTLED_S = 3.0
PAUSE_S = 0.05
"""Between one answered key and the next."""
RATES = (100, 5_000, 10_000)
WAKES = 4
"""Times a second that an idle console wakes: for its clock, and as the server beats."""
_HEAD = 5
"""Lines above the first row of a list."""
_DARK = next(theme for theme in themes.THEMES if theme.name == themes.DARK)
_GROUND = "48;2;{};{};{}".format(*Color.parse(_DARK.variables["naq-cursor"]).rgb)
"""Of the row under the cursor, as the terminal is told."""


@dataclass
class Watched:
    """One console while it was looked at."""

    cpu_percent: float = 0.0
    bytes_s: float = 0.0
    keys_ms: list[float] = field(default_factory=list)


@asynccontextmanager
async def console(settings: Settings, columns: int = 120, rows: int = 40) -> AsyncIterator[Terminal]:
    """The console on a server, as soon as it is live."""
    with tempfile.TemporaryDirectory(prefix="naq-benchmark-") as folder:
        own = {name: f"{folder}/{name}" for name in ("NAQ_STATE_DIR", "NAQ_CONFIG_DIR", "NAQ_DATA_DIR")}
        async with Terminal([sys.executable, "-m", "naq_tui"], columns, rows, {**settings.to_env(), **own}) as terminal:
            await terminal.until(lambda: "LIVE" in terminal.screen.lines()[0])
            yield terminal


async def rows(stage: Stage) -> list[Row]:
    return [*await _starting(stage), *await _idle(stage), *await _streaming(stage)]


async def _starting(stage: Stage) -> list[Row]:
    imports, pythons, paints = [], [], []
    async with stage.server() as server, trial(settings_for(server)) as ours:
        for _ in range(stage.size(7, 3)):
            pythons.append(await _seconds("pass"))
            imports.append(await _seconds("import naq_tui.app, naq_tui.feed.nats"))
            async with console(ours.settings) as terminal:
                paints.append(terminal.painted_at - terminal.started_at)
    return [
        Row(what="console: import", unit="s", values=imports, rival="python -c pass", rival_values=pythons),
        Row(what="console: first paint", unit="s", values=paints, bound=Bound(0.7, at_least=False)),
    ]


async def _idle(stage: Stage) -> list[Row]:
    seconds = stage.size(20, 5)
    found: list[Row] = []
    async with stage.server() as server, trial(settings_for(server)) as ours, ours.worker("jobs"):
        await fill(ours.client, 2_000)
        for columns, lines in SIZES:
            async with console(ours.settings, columns, lines) as terminal:
                await asyncio.sleep(2 * SETTLED_S)
                seen = await _watched(terminal, seconds)
            idler = await idle_percent(WAKES, seconds)
            where = f"console idle at {columns}x{lines}"
            found += _costs(where, seen, Bound(2, at_least=False), Bound(2_000, at_least=False), idler)
    return found


async def _streaming(stage: Stage) -> list[Row]:
    seconds = stage.size(15, 6)
    found: list[Row] = []
    async with stage.server() as server:
        for rate in RATES:
            async with trial(settings_for(server)) as ours, console(ours.settings) as terminal:
                await fill(ours.client, 2_000)
                terminal.press("2")
                writer = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.benchmarks.console", str(rate * seconds), str(rate)),
                    *(ours.settings.nats_url or "", ours.settings.prefix),
                )
                await asyncio.sleep(SETTLED_S / 2)
                seen = await _watched(terminal, seconds - SETTLED_S, presses=True)
                await writer.wait()
                last = f"{(await ours.client.log.range()).last_seq:,}"
                terminal.press("G")
                await terminal.until(lambda: any(last in line for line in terminal.screen.lines()[_HEAD:]))  # noqa: B023
            where = f"console, {rate:,} events/s"
            found += _costs(where, seen)
            found.append(_keys(where, seen, Bound(50, at_least=False)))
        async with (
            trial(settings_for(server)) as ours,
            records.workers(ours.client, 200),
            console(ours.settings) as terminal,
        ):
            terminal.press("5")
            await asyncio.sleep(SETTLED_S)
            seen = await _watched(terminal, seconds, presses=True)
        where = "console, 200 workers beating"
        found += [*_costs(where, seen), _keys(where, seen, Bound(50, at_least=False))]
    return found


async def rows_of_full_screens(stage: Stage) -> list[Row]:
    counts = {
        "results": stage.size(100_000, 5_000),
        "schedules": stage.size(10_000, 1_000),
        "workers": stage.size(1_000, 100),
        "queues": stage.size(500, 50),
    }
    keys = {"queues": "4", "workers": "5", "schedules": "6", "results": "7", "jobs": "3"}
    async with stage.server() as server, trial(settings_for(server)) as ours, AsyncExitStack() as stack:
        await records.results(ours.client, counts["results"])
        await records.schedules(ours.client, counts["schedules"])
        await records.queues(ours.client, counts["queues"])
        await stack.enter_async_context(records.workers(ours.client, counts["workers"]))
        terminal = await stack.enter_async_context(console(ours.settings))
        await asyncio.sleep(2 * SETTLED_S)
        found: list[Row] = []
        for name, key in keys.items():
            terminal.press(key)
            await asyncio.sleep(SETTLED_S)
            seen = await _watched(terminal, stage.size(8, 3), presses=True)
            number = f" of {counts[name]:,}" if name in counts else ""
            found.append(_keys(f"console, {name}{number}", seen, Bound(50, at_least=False)))
    return found


async def _watched(terminal: Terminal, seconds: float, *, presses: bool = False) -> Watched:
    """What the console uses for a while, and how soon it answers keys where some are pressed."""
    seen = Watched()
    begun, cpu, written = time.perf_counter(), terminal.cpu_s, terminal.written
    if presses:
        way = "k"
        while time.perf_counter() - begun < seconds:
            row = await _cursor_row(terminal)
            way = "j" if row <= _HEAD + 3 else "k" if row >= _HEAD + 10 else way
            pressed = time.perf_counter()
            terminal.press(way)
            moved = await terminal.until(lambda: _row(terminal) not in (None, row))  # noqa: B023
            seen.keys_ms.append((moved - pressed) * 1000)
            await asyncio.sleep(PAUSE_S)
    else:
        await asyncio.sleep(seconds)
    took = time.perf_counter() - begun
    seen.cpu_percent = 100 * (terminal.cpu_s - cpu) / took
    seen.bytes_s = (terminal.written - written) / took
    return seen


async def _cursor_row(terminal: Terminal) -> int:
    await terminal.until(lambda: _row(terminal) is not None)
    row = _row(terminal)
    assert row is not None
    return row


def _row(terminal: Terminal) -> int | None:
    """The line of the screen that has the cursor's ground."""
    lines = range(_HEAD, len(terminal.screen.lines()) - 1)
    return next((line for line in lines if terminal.screen.ground(line, 10) == _GROUND), None)


def _costs(
    where: str, seen: Watched, cpu: Bound | None = None, written: Bound | None = None, idler: float | None = None
) -> list[Row]:
    return [
        Row(
            what=f"{where}: CPU",
            unit="% of a core",
            values=[seen.cpu_percent],
            rival=None if idler is None else f"Python that wakes {WAKES} times/s",
            rival_values=[] if idler is None else [idler],
            bound=cpu,
        ),
        Row(what=f"{where}: to the terminal", unit="bytes/s", values=[seen.bytes_s], bound=written),
    ]


def _keys(where: str, seen: Watched, bound: Bound) -> Row:
    p95 = statistics.quantiles(seen.keys_ms, n=20)[-1]
    return Row(what=f"{where}: key to paint, p95 of {len(seen.keys_ms)}", unit="ms", values=[p95], bound=bound)


async def _seconds(code: str) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    if await process.wait():
        raise RuntimeError(f"python -c {code!r} ended with {process.returncode}")
    return time.perf_counter() - begun


async def _write(count: int, rate: float, url: str, prefix: str) -> None:
    async with AsyncClient(Settings(nats_url=url, prefix=prefix, events_max_bytes=0), program="benchmark") as client:
        await fill(client, count, per_second=rate, seed=8)


if __name__ == "__main__":
    asyncio.run(_write(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:5]))
