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
class PageWanted(Message):
    """A list needs events that it does not have."""

    first_seq: int
    count: int


@dataclass
class Launch(Message):
    """Start a local process."""

    spec: LaunchSpec


class ProcessesMoved(Message):
    """Something changed among the local processes."""
