"""The keys that change the system; each asks first, with "no" as the default."""

from __future__ import annotations

from naq_tui.acting.jobs import ActingOnJobs
from naq_tui.acting.processes import ActingOnProcesses
from naq_tui.acting.queues import ActingOnQueues
from naq_tui.acting.schedules import ActingOnSchedules


class Acting(ActingOnJobs, ActingOnSchedules, ActingOnQueues, ActingOnProcesses):
    """Mixed into the main screen."""
