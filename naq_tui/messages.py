"""Intents that cross from widgets to screens and from screens to the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from naq_tui.launcher import LaunchSpec
    from naq_tui.views.detail import Kind


@dataclass
class Open(Message):
    """Show everything about one record."""

    kind: Kind
    key: str
    """Its id; of an event its sequence as text."""


@dataclass
class EventsWanted(Message):
    """The log shows events, or is about to, that it does not have. All that it needs now: what it asked for before
    and no longer names may be given up."""

    pages: tuple[int, ...] = ()
    """First sequence of each whole page."""
    seqs: tuple[int, ...] = ()
    """Single events."""


@dataclass
class Launch(Message):
    """Start local processes."""

    spec: LaunchSpec
    number: int = 1


class ProcessesMoved(Message):
    """Something changed among the local processes."""
