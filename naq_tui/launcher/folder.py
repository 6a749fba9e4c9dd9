"""Where output and state files lie, and how long."""

from __future__ import annotations

import os
import time
from pathlib import Path

KEEP_OUTPUT_S = 7 * 86_400.0
"""How long the output of processes that nobody watches any more is kept."""


def default_state_dir() -> Path:
    """Where this user's console keeps what it must remember: NAQ_STATE_DIR, else the user's state folder."""
    folder = os.environ.get("NAQ_STATE_DIR")
    if folder:
        return Path(folder).expanduser()
    from platformdirs import user_state_path

    return user_state_path("naq", appauthor=False)


def prune_output(folder: Path, kept: set[str]) -> None:
    """Delete old output, except that of the process ids in `kept`."""
    oldest = time.time() - KEEP_OUTPUT_S
    for path in folder.glob("*.log*"):
        if path.name.partition(".log")[0] not in kept and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
