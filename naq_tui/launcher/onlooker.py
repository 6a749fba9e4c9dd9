"""A look at the local processes by somebody who launches none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from naq_tui.launcher.local import LocalProcess
from naq_tui.launcher.recipe import Recipe
from naq_tui.launcher.record import read_records
from naq_tui.launcher.supervisor import CloseMode, Supervisor


class Onlooker(Supervisor):
    """The processes of this machine as they are when it is made, also those that a running console has.

    Nothing is taken over, watched or changed, and its end is nothing to them. Nothing can be launched.
    """

    def __init__(self, state_dir: Path | None = None, *, recipes: Mapping[str, Recipe] | None = None) -> None:
        super().__init__(state_dir, recipes=recipes)
        self._is_closed = True
        for _, record in read_records(self.folder):
            if record is not None:
                self._processes[record.process_id] = LocalProcess.seen(record, self.folder)

    async def close(self, mode: CloseMode = "leave", grace: float = 0.0) -> None:
        """Nothing is to be ended."""
