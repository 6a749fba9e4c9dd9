"""Which jobs are meant: a filter over result records, for acting on many at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from naq.errors import ConfigurationError
from naq.models.job import FINAL_STATUSES, JobStatus
from naq.models.result import JobResult
from naq.models.times import as_utc, format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Every field that is given must match; None asks nothing."""

    status: str | None = JobStatus.FAILED
    """A final status; None means any of them."""
    queue: str | None = None
    function: str | None = None
    """`module:qualname`, or the qualified name alone."""
    error_type: str | None = None
    """Class name of the exception, as `TimeoutError`."""
    fingerprint: str | None = None
    """Groups failures of one cause; see `JobError.fingerprint`."""
    since: datetime | None = None
    """Ended at or after this; a naive time is taken as UTC."""
    until: datetime | None = None
    """Ended before this."""
    tags: tuple[str, ...] = ()
    """The job has all of them."""

    @classmethod
    def of(cls, **asked: Any) -> JobFilter:
        """Check what a caller asks for.

        Raises:
            ConfigurationError: an unknown field, or a value that can match nothing.
        """
        known = {field.name for field in fields(cls)}
        odd = sorted(asked.keys() - known)
        if odd:
            raise ConfigurationError(f"jobs can't be filtered by {odd[0]!r}: use one of {', '.join(sorted(known))}")
        if isinstance(asked.get("tags"), str):
            asked["tags"] = (asked["tags"],)
        given = cls(**{**asked, "tags": tuple(asked.get("tags") or ())})
        for name in ("status", "queue", "function", "error_type", "fingerprint"):
            value = getattr(given, name)
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"{name} must be text, not {value!r}")
        for name in ("since", "until"):
            value = getattr(given, name)
            if value is not None and not isinstance(value, datetime):
                raise ConfigurationError(f"{name} must be a datetime, not {value!r}")
        if given.status is not None and given.status not in FINAL_STATUSES:
            raise ConfigurationError(f"status must be one of {', '.join(sorted(FINAL_STATUSES))}, not {given.status!r}")
        return given

    def matches(self, record: JobResult) -> bool:
        """Whether this record is meant; one that is not final never is."""
        if not record.is_final or (self.status is not None and record.status != self.status):
            return False
        if self.queue is not None and record.queue != self.queue:
            return False
        if self.function is not None and self.function not in (record.function, record.function.rpartition(":")[2]):
            return False
        error = record.error
        if self.error_type is not None and (error is None or error.type != self.error_type):
            return False
        if self.fingerprint is not None and (error is None or error.fingerprint != self.fingerprint):
            return False
        ended = record.finished_at or record.saved_at
        if self.since is not None and (ended is None or ended < as_utc(self.since)):
            return False
        if self.until is not None and (ended is None or ended >= as_utc(self.until)):
            return False
        return set(self.tags) <= set(record.tags)

    def told(self) -> dict[str, Any]:
        """What is asked for, as events carry it; absent means not asked."""
        record: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, datetime):
                record[field.name] = format_time(as_utc(value))
            elif value:
                record[field.name] = list(value) if isinstance(value, tuple) else str(value)
        return record
