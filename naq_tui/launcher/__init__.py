"""Local processes of the console: what to start, how it fares, what it said. No Textual and no NATS in here."""

from naq_tui.launcher.output import OutputPage
from naq_tui.launcher.process import ProcessStatus, ProcessView
from naq_tui.launcher.spec import LaunchError, LaunchSpec
from naq_tui.launcher.supervisor import Supervisor, default_state_dir

__all__ = [
    "LaunchError",
    "LaunchSpec",
    "OutputPage",
    "ProcessStatus",
    "ProcessView",
    "Supervisor",
    "default_state_dir",
]
