"""What is known of one process at one moment, as the screens show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from naq_tui.launcher.crashes import Run


class ProcessStatus(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    WAITING = "waiting"
    """Ended, and to be started again at `restart_at`."""
    EXITED = "exited"
    """Ended by itself or when asked; `exit_code` None means that nobody could tell the code."""
    KILLED = "killed"
    """Ended by a signal: `exit_code` is minus its number."""
    READY = "ready"
    """No process: a recipe that nothing runs of."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One row of the Processes screen: a process, or a recipe that none runs of."""

    process_id: str
    name: str
    kind: str
    """"worker", "scheduler" or "server"."""
    pid: int
    """Of the running or the last one; 0 of a recipe."""
    status: ProcessStatus
    status_text: str
    """"running", "exited 3", "killed by SIGKILL"."""
    exit_code: int | None
    failed: bool
    """Whether it ended badly without having been asked to end, and is not about to be started again."""
    started_at: datetime
    uptime: float
    """Seconds, of an ended one those that it lived."""
    command: str
    """The command line for display; no secret in it."""
    last_line: str
    output_lines: int
    """Lines ever read; see `OutputPage`."""
    crash_looping: bool
    """Whether it crashed five times in a minute and is therefore left alone."""
    log_path: Path
    owned: bool
    """False for one taken over from an earlier console."""
    recipe: str = ""
    """Empty where it was launched without one."""
    recipe_running: int = 0
    recipe_wanted: int = 0
    """How many of its recipe run, and should; of a recipe that nothing runs of, how many a launch starts."""
    restart: str = "never"
    hangup: str = "keep"
    restart_at: datetime | None = None
    """When it is started again; None where it is not about to be."""
    runs: tuple[Run, ...] = ()
    """Its lives that ended, oldest first; the last ten."""
    restarts: int = 0
    """How often it was started again, by its policy or by hand."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables it was given; there may be secrets among them."""
    folder: str = ""
    """Empty is the console's own."""
    host: str = ""
    cpu_percent: float | None = None
    """Of one core; None while it isn't known."""
    rss_bytes: int | None = None

    @property
    def is_running(self) -> bool:
        return self.status in (ProcessStatus.STARTING, ProcessStatus.RUNNING, ProcessStatus.STOPPING)

    @property
    def is_stopping(self) -> bool:
        return self.status is ProcessStatus.STOPPING

    @property
    def last_run(self) -> Run | None:
        """Its last life that ended; None where none is known of."""
        return self.runs[-1] if self.runs else None

    @property
    def is_recipe(self) -> bool:
        return self.status is ProcessStatus.READY
