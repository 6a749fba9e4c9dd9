"""Records that don't fit into one message: a large value goes to the object store, a failure sheds what it can spare.

The object is stored before the record that names it. A worker that dies in between leaves an object under the job's id,
which the next run of the job replaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from naq import codec
from naq.connection import Connection
from naq.jetstream import JetStreamError
from naq.models.result import Attempt, JobError, JobResult
from naq.objects import Objects
from naq.outbox import StorageRefusedError


async def with_value_aside(connection: Connection, record: JobResult, ttl_s: float | None) -> JobResult:
    """The same record, its value in the object store.

    Raises:
        StorageRefusedError: it is larger than `max_result_bytes`, or the server has no room for it.
    """
    data, limit = codec.dumps(record.value), connection.settings.max_result_bytes
    if len(data) > limit:
        raise StorageRefusedError(
            f"it is {len(data):,} bytes, the limit is {limit:,} (NAQ_MAX_RESULT_BYTES): return a reference to the data"
        )
    try:
        ref = await Objects(connection).put(record.job_id, data, ttl_s=ttl_s)
    except JetStreamError as exc:
        raise StorageRefusedError(f"{len(data):,} bytes for the object store: {exc}") from exc
    return replace(record, value=None, value_ref=ref)


def slimmer(record: JobResult) -> Iterator[JobResult]:
    """The record of a failure with less and less in it; the error itself and each attempt's stay to the last."""
    record = replace(record, attempts=tuple(_without_traceback(attempt) for attempt in record.attempts), logs=())
    yield record
    reason = "its arguments were too large to be kept beside the error: it can't be retried"
    record = replace(record, job=None, reason=reason)
    yield record
    yield replace(record, attempts=(), error=None if record.error is None else _bare(record.error))


def _without_traceback(attempt: Attempt) -> Attempt:
    return attempt if attempt.error is None else replace(attempt, error=_bare(attempt.error))


def _bare(error: JobError) -> JobError:
    return replace(error, traceback=None)
