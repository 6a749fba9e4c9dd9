"""The scheduler: fires schedules."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naq.scheduler.scheduler import Scheduler

__all__ = ["Scheduler"]


def __getattr__(name: str) -> Any:
    # lazily: naq.schedules needs naq.scheduler.cron, and the scheduler needs naq.schedules
    if name == "Scheduler":
        from naq.scheduler.scheduler import Scheduler

        return Scheduler
    raise AttributeError(f"module 'naq.scheduler' has no attribute {name!r}")
