"""Made-up jobs that wait for each other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeFeed, first_batch
from naq_tui.feed.sample import T0, stored
from naq_tui.store.updates import EventsAppended, EventsRange
from tests.tui.conftest import fake_console

JOBS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "login": ("shop.reports:login", (), ("STARTED", "COMPLETED")),
    "fetch-eu": ("shop.reports:fetch", ("login",), ("STARTED", "COMPLETED")),
    "fetch-us": ("shop.reports:fetch", ("login",), ("STARTED", "FAILED")),
    "merge": ("shop.reports:merge", ("fetch-eu", "fetch-us"), ()),
    "other": ("shop.reports:merge", ("login",), ()),
    "report": ("shop.reports:build", ("merge",), ()),
    "mail": ("shop.tasks:send_report", ("report",), ()),
    "archive": ("shop.tasks:archive", ("merge", "fetch-eu"), ()),
}
"""Function, parents and what came of it, by job id; in the order in which they were enqueued."""


def family_console() -> NaqConsole:
    """The usual system, in which these were enqueued just now."""
    batch = first_batch()
    last = max(update.last_seq for update in batch if isinstance(update, EventsRange))
    events: list[StoredEvent] = []
    for job_id, (function, parents, then) in JOBS.items():
        about: dict[str, Any] = {"job_id": job_id, "queue": "reports", "function": function}
        named = {"depends_on": list(parents)} if parents else None
        made = [JobEvent.of(JobEventType.ENQUEUED, details=named, **about)]
        error = {"type": "TimeoutError", "message": "upstream took longer than 30 s"}
        for kind in then:
            made.append(JobEvent(type=kind, run_ms=1_200.0, error=error if kind == "FAILED" else None, **about))
        events += [
            stored(last + len(events) + 1 + place, T0 - timedelta(milliseconds=100 - len(events) - place), event)
            for place, event in enumerate(made)
        ]
    console = fake_console((*batch, EventsAppended(tuple(events))))
    feed = console.feed
    assert isinstance(feed, FakeFeed)
    read_payload = feed.read_payload

    async def payload(job_id: str) -> Mapping[str, Any] | None:
        if job_id not in JOBS:
            return await read_payload(job_id)
        function, parents, _ = JOBS[job_id]
        return {"job_id": job_id, "function": function, "args": [], "kwargs": {}, "depends_on": list(parents)}

    feed.read_payload = payload  # type: ignore[method-assign]
    return console
