"""The line that says which instant is shown, or read for."""

from __future__ import annotations

from datetime import timedelta

from naq_tui import hints, status, times
from naq_tui.format import clock, count, span
from naq_tui.store.state import State
from naq_tui.times import zone_label
from naq_tui.views.header import Part
from naq_tui.views.table import Cell, Lens

NOT_TOLD = "? is not in the log"


def banner(state: State, lens: Lens, reading: float | None) -> list[Part]:
    """Left to right; none where now is shown and nothing is read."""
    parts: list[Part] = []
    as_of = state.as_of
    if as_of is not None:
        server_now = lens.local_now + timedelta(seconds=state.link.clock_offset_s)
        ago = span(max(0.0, (server_now - as_of.at).total_seconds()))
        word = f" {status.PAST.mark(lens.ascii_only)} AS IT WAS "
        there, today = times.in_zone(as_of.at), times.in_zone(server_now).date()
        day = "" if there.date() == today else f"{there:%a %d %b} "
        when = f"{day}{clock(as_of.at)} {zone_label(as_of.at)}"
        parts += [
            Part((Cell(word, "chip"), Cell(f" #{count(as_of.seq)}", "strong")), 10, "left"),
            Part((Cell(" · ", "muted"), Cell(when, "strong")), 9, "left"),
            Part((Cell(" · ", "muted"), Cell(f"{ago} behind now")), 8, "left"),
        ]
        if as_of.from_seq > state.first_seq:
            parts.append(Part((Cell(" · ", "muted"), Cell(f"from #{count(as_of.from_seq)} on", "waiting")), 6, "left"))
    if reading is not None:
        parts.append(Part((Cell(f" reading the past {100 * reading:.0f} % ", "waiting"),), 7, "left"))
        parts.append(Part((Cell(hints.hint("back", "gives up "), "muted"),), 4, "right"))
    elif as_of is not None:
        parts.append(Part((Cell(f"{NOT_TOLD} ", "muted"),), 3, "right"))
    return parts
