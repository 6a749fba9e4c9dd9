"""Where keys work: screens, lists and reports."""

from __future__ import annotations

PANES = ("overview", "events", "jobs", "queues", "workers", "schedules", "results", "processes", "errors", "figures")
SCREENS = {
    "overview": ("1", "Overview"),
    "events": ("2", "Events"),
    "jobs": ("3", "Jobs"),
    "queues": ("4", "Queues"),
    "workers": ("5", "Workers"),
    "schedules": ("6", "Schedules"),
    "results": ("7", "Results"),
    "processes": ("8", "Processes"),
    "errors": ("9", "Errors"),
    "figures": ("0", "Figures"),
}
"""Digit and title by name."""
LISTS = frozenset(PANES)
TABLES = frozenset(PANES) - {"overview", "events"}
MARKABLE = TABLES - {"figures"}
"""Tables whose rows can be acted on."""
JOB_LISTS = frozenset({"jobs", "results", "errors"})
"""Tables whose rows stand for jobs."""
REPORTS = frozenset({"detail", "event", "job", "error", "output", "compare"})
OPENING = frozenset({"detail", "event", "job", "error"})
"""Reports from which other records can be opened."""
