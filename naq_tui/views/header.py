"""The line of truth: what we look at, whether it is live, how busy it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from naq_tui import status
from naq_tui.format import age, clock, count, milliseconds, rate, short_count, sparkline
from naq_tui.store.state import State
from naq_tui.times import zone_label
from naq_tui.views.cluster import cluster_cells
from naq_tui.views.queues import RATE_WINDOW_S
from naq_tui.views.table import Cell, Lens

SPARK_CELLS = 8


class Part(NamedTuple):
    """A piece of the line."""

    cells: tuple[Cell, ...]
    keep: int
    """Where room is short the lowest goes first."""
    side: str
    """"left", "middle" or "right"."""


def truth(state: State, lens: Lens, badges: Sequence[Cell] = ()) -> list[Part]:
    """The pieces, left to right. Their widths hardly depend on the figures. `badges` stand beside the server's name."""
    link = state.link
    look = status.LINKS[link.state]
    second = int(lens.now.timestamp())
    # ages stand still while nothing comes in; the clock does not
    server_now = lens.local_now + timedelta(seconds=link.clock_offset_s)
    arrow = ">" if lens.ascii_only else "▸"
    server = " ".join(
        filter(None, ("embedded" if link.is_embedded else "", "nats", link.server_version))
        if link.server_version
        else ()
    )
    parts = [
        Part(
            (Cell(" naq", "accent"), Cell(f" {arrow} ", "muted"), Cell(link.server_label or "…", "strong")), 10, "left"
        )
    ]
    if badges:
        parts.append(Part(tuple(cell for badge in badges for cell in (Cell("  "), badge)), 10, "left"))
    if server:
        parts.append(Part((Cell(" · ", "muted"), Cell(server, "muted")), 3, "left"))
    if link.state == "live" and (cells := cluster_cells(state)):
        parts.append(Part((Cell(" · ", "muted"), *cells), 4, "left"))
    if link.rtt_ms is not None and link.state == "live":
        parts.append(Part((Cell(" · ", "muted"), Cell(f"rtt {milliseconds(link.rtt_ms)}", "muted")), 2, "left"))
    if state.as_of is not None:
        look = status.PAST
    state_cells = [Cell(f"{look.mark(lens.ascii_only)} {look.word}", look.tone)]
    if state.stale_since is not None:
        state_cells.append(Cell(f" stale {age(state.stale_since, lens.local_now)}", "waiting"))
    elif link.behind_at is not None and link.state == "live":
        state_cells.append(Cell(f" behind {age(link.behind_at, server_now)}", "waiting"))
    parts.append(Part(tuple(state_cells), 9, "middle"))
    if state.last_seq:
        parts.append(Part((Cell(f"#{count(state.last_seq)}", "muted"),), 4, "middle"))
    finished = state.traffic.finished
    per_second = finished.total(second - 1, RATE_WINDOW_S) / RATE_WINDOW_S
    trend = finished.buckets(second, 6, SPARK_CELLS)
    speed = rate(per_second).removesuffix("/s")
    parts.append(Part((Cell(f"{speed:>5} jobs/s", "" if per_second else "muted"),), 6, "right"))
    parts.append(Part((Cell(" " + sparkline(trend, ascii_only=lens.ascii_only), "accent"),), 5, "right"))
    failed = state.traffic.failed
    minute = second // 60
    recent = failed.total(minute, 1)
    fails = failed.window(minute, SPARK_CELLS)
    tone = "failed" if recent else "muted"
    parts.append(Part((Cell(f"   {short_count(recent):>3} failed/min", tone),), 6, "right"))
    spark = sparkline(fails, ascii_only=lens.ascii_only)
    parts.append(Part((Cell(" " + spark, "failed" if any(fails) else "muted"),), 4, "right"))
    parts.append(Part((Cell(f"   {clock(server_now)} {zone_label(server_now)} ", "muted"),), 8, "right"))
    return parts
