"""What nobody expected in work beside the keys is said, not swallowed."""

from __future__ import annotations

from typing import Any

from textual.worker import Worker, WorkerState

from naq_tui.text import safe


class TellingMistakes:
    """Mixed into every screen: Textual tells how a worker ended to the one who has it alone, and to nobody above."""

    def on_worker_state_changed(self, message: Worker.StateChanged) -> None:
        if message.state is WorkerState.ERROR:
            node: Any = message.worker.node
            node.app.say(mistake(message.worker), severity="error")


def mistake(worker: Worker[object]) -> str:
    """One line about what a worker has failed of."""
    return safe(f"{type(worker.error).__name__}: {worker.error}", 300)
