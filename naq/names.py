"""Every stream, subject, bucket and consumer name, made from one prefix.

`Names("naq")` gives the names of the design; tests and tenants use their own prefix on the same server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from naq.errors import ConfigurationError, InvalidQueueNameError

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[A-Za-z0-9_=.-]{1,128}")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")

DEFAULT_QUEUE = "default"


def check_queue_name(queue: str) -> str:
    """Return `queue` if it can be one token of a NATS subject.

    Raises:
        InvalidQueueNameError: empty, longer than 64, or holding anything but letters, digits, `_` and `-`.
    """
    if not isinstance(queue, str) or not _TOKEN.fullmatch(queue):
        raise InvalidQueueNameError(
            f"queue name {queue!r:.120} is not valid: use 1 to 64 letters, digits, '_' or '-' (for example 'mail')"
        )
    return queue


def check_key(key: str, what: str) -> str:
    """Return `key` if it can be a key of a KV bucket, `what` names it in the error (for example "job id").

    Raises:
        ConfigurationError: empty, longer than 128, holding other characters, or starting or ending with a dot.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key[0] == "." or key[-1] == "." or ".." in key:
        raise ConfigurationError(
            f"{what} {key!r:.160} is not valid: use 1 to 128 letters, digits, '_', '-', '=' or single inner dots"
        )
    return key


def check_unique(unique: str | None, unique_for: float | None) -> str | None:
    """Raises ConfigurationError where `unique` is no text of 1 to 100 characters, or `unique_for` stands alone."""
    if unique is None:
        if unique_for is not None:
            raise ConfigurationError("unique_for says how long a key is taken: give the key too, unique='…'")
        return None
    if not isinstance(unique, str) or not 1 <= len(unique) <= 100:
        raise ConfigurationError(f"unique is a key of 1 to 100 characters, not {unique!r:.120}")
    key_of_text(unique)
    return unique


def key_of_text(text: str) -> str:
    """Any text as one token of a key: what can't stand there is written `=XX` by its UTF-8 bytes.

    Raises:
        ConfigurationError: the text has lone surrogates.
    """
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"key {text!r:.160} is no valid text: it has lone surrogates") from None
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"={byte:02X}" for byte in raw)


@dataclass(frozen=True, slots=True)
class Names:
    """The names in use under one prefix."""

    prefix: str = "naq"

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.prefix):
            raise ConfigurationError(
                f"prefix {self.prefix!r:.120} is not valid: use 1 to 64 letters, digits, '_' or '-' (NAQ_PREFIX)"
            )

    @property
    def jobs(self) -> str:
        """Stream of pending and running jobs (work queue)."""
        return f"{self.prefix}_jobs"

    @property
    def events(self) -> str:
        """Stream of every state change (append only)."""
        return f"{self.prefix}_events"

    @property
    def workers(self) -> str:
        """Bucket of worker heartbeats, key = worker id."""
        return f"{self.prefix}_workers"

    @property
    def results(self) -> str:
        """Bucket of job outcomes, key = job id."""
        return f"{self.prefix}_results"

    @property
    def schedules(self) -> str:
        """Bucket of schedules, key = schedule id."""
        return f"{self.prefix}_scheduled_jobs"

    @property
    def locks(self) -> str:
        """Bucket of leases (scheduler leadership) and one-time claims."""
        return f"{self.prefix}_locks"

    @property
    def control(self) -> str:
        """Bucket of what operators ask of running workers: paused queues, cancelled jobs, workers to stop."""
        return f"{self.prefix}_control"

    @property
    def unique(self) -> str:
        """Bucket of claims: which job holds a unique key or a given job id."""
        return f"{self.prefix}_unique"

    @property
    def limits(self) -> str:
        """Bucket of rate and concurrency limits, by key."""
        return f"{self.prefix}_limits"

    @property
    def objects(self) -> str:
        """Object store of results too large for one message, name = job id."""
        return f"{self.prefix}_objects"

    @property
    def waiting(self) -> str:
        """Bucket of jobs that wait for other jobs, key = job id."""
        return f"{self.prefix}_waiting_jobs"

    @property
    def queue_wildcard(self) -> str:
        return f"{self.prefix}.queue.*"

    @property
    def events_wildcard(self) -> str:
        return f"{self.prefix}.events.>"

    def queue_subject(self, queue: str) -> str:
        return f"{self.prefix}.queue.{queue}"

    def queue_of(self, subject: str) -> str:
        """The queue named by a `<prefix>.queue.<queue>` subject."""
        return subject.rsplit(".", 1)[-1]

    def consumer(self, queue: str) -> str:
        """Durable consumer shared by the workers of `queue`."""
        return f"{self.prefix}_queue_{queue}"

    def event_subject(self, entity: str, event_type: str, queue: str | None) -> str:
        """`<prefix>.events.<entity>.<type>.<queue or _>`; of low cardinality on purpose."""
        return f"{self.prefix}.events.{entity}.{event_type.lower()}.{queue or '_'}"

    def event_filter(self, *, entity: str = "*", event_type: str = "*", queue: str = "*") -> str:
        return f"{self.prefix}.events.{entity}.{event_type.lower()}.{queue}"
