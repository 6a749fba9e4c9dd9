"""The functions of this system, as far as something was heard of them."""

from __future__ import annotations

from collections.abc import Iterator

from naq.callables import check_reference
from naq.errors import NaqException
from naq_tui.store.state import State

MOST = 300


def functions_seen(state: State) -> dict[str, str]:
    """Queue by `module:qualname`, the one heard of last first. Only what can be a function's name is in it."""
    found: dict[str, str] = {}
    for function, queue in _heard(state):
        if function not in found and _is_reference(function):
            found[function] = queue
            if len(found) == MOST:
                break
    return found


def _heard(state: State) -> Iterator[tuple[str, str]]:
    for row in reversed(state.events):
        event = row.raw.event
        if event is not None and event.function:
            yield event.function, event.queue or ""
    for worker in state.workers.values():
        for running in worker.record.running:
            yield running.function, running.queue
    for job in reversed(tuple(state.jobs.values())):
        if job.record is not None:
            yield job.record.function, job.record.queue
    for result in reversed(tuple(state.results.values())):
        yield result.record.function, result.record.queue
    for schedule in state.schedules.values():
        yield schedule.record.function, schedule.record.queue


def _is_reference(text: str) -> bool:
    try:
        return bool(check_reference(text))
    except NaqException:
        return False
