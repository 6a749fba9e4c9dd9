"""What figures count of the made-up system's past: jobs of every function, slow ones and failures among them."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from itertools import accumulate

from naq.models.event import JobEvent, JobEventType, StoredEvent
from naq_tui.feed.sample import old_time, seq_at, stored
from naq_tui.feed.sample_failures import failures
from naq_tui.feed.sample_jobs import BUILD, CAMPAIGN, INVOICE, POLL, QUEUE_OF, RECEIPT, RESIZE, RUN_MS, WORKER_OF

_SHARES = {INVOICE: 44, RECEIPT: 30, RESIZE: 18, POLL: 6, BUILD: 1, CAMPAIGN: 1}
_FUNCTIONS, _UP_TO = [*_SHARES], [*accumulate(_SHARES.values())]


@lru_cache(maxsize=10_000)  # an hour of them
def counted_event(seq: int) -> StoredEvent:
    """An event from before the tail that is counted; of each job only how it ended, every other time."""
    chance = random.Random(seq)
    at = old_time(seq)
    failure = _failed().get(seq)
    if failure is not None and failure.function is not None:
        run_ms = RUN_MS.get(failure.function, 100.0) * chance.uniform(1.5, 2)
        event = JobEvent.of(
            JobEventType.FAILED,
            ts=at,
            job_id=failure.job_id,
            function=failure.function,
            queue=failure.queue,
            worker_id=failure.worker_id,
            error=failure.error,
            wait_ms=round(chance.uniform(4, 60), 1),
            run_ms=round(run_ms, 1),
        )
        return stored(seq, at, event)
    function = chance.choices(_FUNCTIONS, cum_weights=_UP_TO)[0]
    about = {"function": function, "queue": QUEUE_OF[function], "ts": at}
    busy = 0.6 + 0.4 * math.sin(at.timestamp() / 700)
    if chance.random() > busy:  # more is enqueued than ends, and the other way round
        return stored(seq, at, JobEvent.of(JobEventType.ENQUEUED, **about))
    event = JobEvent.of(
        JobEventType.RETRY_SCHEDULED if chance.random() < 0.004 else JobEventType.COMPLETED,
        worker_id=WORKER_OF[QUEUE_OF[function]],
        wait_ms=round(chance.lognormvariate(2.5 + busy, 0.7), 1),
        run_ms=round(RUN_MS.get(function, 400.0) * chance.lognormvariate(0, 0.35), 1),
        **about,
    )
    return stored(seq, at, event)


@lru_cache(maxsize=1)
def _failed() -> dict[int, JobEvent]:
    """The failures of the past, each at the sequence that the log has at its time."""
    return {seq_at(item.stored_at): item.event for item in failures() if item.event is not None}
