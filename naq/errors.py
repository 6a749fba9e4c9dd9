"""Every error naq raises on purpose.

One tree with `NaqException` at its root. A message says what failed, on what, and what to do next; the
command line prints it as one line. `exit_code` is 2 where the caller's input was wrong and 1 where the
system failed.
"""

from __future__ import annotations


class NaqException(Exception):
    """Root of every error raised by naq itself."""

    exit_code = 1


class ConfigurationError(NaqException):
    """A setting, option or argument has a value that can't be used; the message names it."""

    exit_code = 2


class InvalidQueueNameError(ConfigurationError):
    """A queue name holds characters that a NATS subject token can't."""


class FunctionReferenceError(ConfigurationError):
    """A function can't travel as `module:qualname`, or that name leads to no function here."""


class ScheduleSpecError(ConfigurationError):
    """A cron text, interval, timezone or bound of a schedule can't be understood."""


class SerializationError(NaqException):
    """A value can't be written as JSON, or bytes from the wire can't be read as what they should be.

    `raw` holds the offending bytes where there are any, else None.
    """

    exit_code = 2

    def __init__(self, message: str, *, raw: bytes | None = None) -> None:
        super().__init__(message)
        self.raw = raw


class NaqConnectionError(NaqException):
    """No usable NATS server at the address: unreachable, refused the credentials, or went away for good."""


class JetStreamUnavailableError(NaqConnectionError):
    """The server answers but JetStream is off for this account, or a permission is missing."""


class PermissionDeniedError(JetStreamUnavailableError):
    """The server does not let this user do that; the message names the subject to permit."""


class EnqueueError(NaqException):
    """The server did not store a job; nothing of it will run."""


class ServerStartError(NaqException):
    """The bundled nats-server could not be started; the message says why."""


class JobNotFoundError(NaqException):
    """No job or result with that id is stored (never existed, or its retention ended)."""


class ScheduleNotFoundError(NaqException):
    """No schedule with that id is stored."""


class JobNotCompletedError(NaqException):
    """The job has no final result yet (also raised when waiting for one timed out)."""


class JobAlreadyEndedError(NaqException):
    """The job has its final result already, so it can't be cancelled."""


class Retry(NaqException):
    """Raised by a job to be run again: not a failure, so it takes nothing from `max_retries`.

    `delay` is seconds until then; None means the delay the job's retry policy gives.
    """

    def __init__(self, reason: str = "", *, delay: float | None = None) -> None:
        super().__init__(reason or "asked to run again")
        self.delay = delay


class Cancel(NaqException):
    """Raised by a job to end itself as CANCELLED, with a reason: nothing is retried."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "the job cancelled itself")


class WorkerNotFoundError(NaqException):
    """No worker or scheduler with that id has a record (never started, or stopped)."""


class WorkerStateError(NaqException):
    """What was asked does not fit a worker: stop a dead one, forget a live one, or it did not stop in time."""


class JobExecutionError(NaqException):
    """The job failed; `error_type`, `error_message` and `traceback` are those of the worker's exception."""

    def __init__(self, message: str, *, error_type: str, error_message: str, traceback: str | None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.error_message = error_message
        self.traceback = traceback


class IsolatedProcessDied(NaqException):
    """The process of an isolated job ended before its function did; the message has its exit code or signal."""


class ConflictError(NaqException):
    """A compare-and-set lost: somebody else changed the record in between. Read it again and decide anew."""
