"""Parents' values on their way into a child's arguments: pure rules for its release and for its retry by hand.

A job says `pass_results` only until they are in: afterwards its arguments are whole, however often it is retried.
"""

from __future__ import annotations

from collections.abc import Sequence

from naq.models.job import Job, JobStatus
from naq.models.result import JobResult


def obstacle(job: Job, records: Sequence[JobResult | None]) -> str | None:
    """Why the values of its parents, given in the order of `depends_on`, can't be passed; None where they can."""
    if job.pass_results is None:
        return None
    for parent, record in zip(job.depends_on, records, strict=True):
        if record is None:
            return f"the result of job {parent} is gone, so it can't be passed"
        if record.value_ref is not None:
            return f"the result of job {parent} is too large to be passed on: return a reference to the data"
    return None


def with_results(job: Job, records: Sequence[JobResult | None]) -> Job:
    """The job as it goes into its queue: with its parents' values, still packed, before its own arguments."""
    if job.pass_results is None:
        return job
    values = [
        record.value if record is not None and record.status == JobStatus.COMPLETED else None for record in records
    ]
    first = values[0] if job.pass_results == "value" and values else values
    return Job.from_record({**without_passing(job).to_record(), "args": [first, *job.args]})


def without_passing(job: Job) -> Job:
    """The job with arguments that are whole as they are."""
    record = job.to_record()
    record.pop("pass_results", None)
    return Job.from_record(record)
