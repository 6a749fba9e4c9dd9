"""Where keys work: screens, lists and reports."""

from __future__ import annotations

PANES = ("overview", "events", "queues", "workers", "schedules", "results", "processes")
SCREENS = {
    "overview": ("1", "Overview"),
    "events": ("2", "Events"),
    "queues": ("4", "Queues"),
    "workers": ("5", "Workers"),
    "schedules": ("6", "Schedules"),
    "results": ("7", "Results"),
    "processes": ("8", "Processes"),
}
"""Digit and title by name; the digits without a screen belong to screens to come."""
LISTS = frozenset(PANES)
TABLES = frozenset({"queues", "workers", "schedules", "results", "processes"})
REPORTS = frozenset({"detail", "output"})
