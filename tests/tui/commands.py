"""What a console without a server was told to do."""

from __future__ import annotations

from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeCommands


def commands_of(console: NaqConsole) -> FakeCommands:
    assert isinstance(console.commands, FakeCommands)
    return console.commands
