"""What a run of a job came to, as data: pure functions."""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any

from naq import codec
from naq.errors import Cancel, Retry
from naq.models.result import JobError
from naq.models.retry import MAX_DELAY_S, class_names

MAX_MESSAGE = 4_000
MAX_TRACEBACK = 64_000
WISH_RETRY = "wish-retry"
"""Fingerprint of a run that asked to be run again."""
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")


class Wish(Enum):
    """What a function may ask for instead of returning."""

    NONE = auto()
    RETRY = auto()
    CANCEL = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: a value, or an error."""

    value: Any = None
    """In packed form."""
    error: JobError | None = None
    exception: BaseException | None = None
    """What the function raised, for hooks; None where it did not, or not in this process."""
    exception_names: tuple[str, ...] = ()
    """Names `retry_on` and `ignore_on` may match."""
    is_final: bool = False
    """An error that no retry can mend (bad arguments, a function that is not allowed)."""
    wish: Wish = Wish.NONE
    """What the function asked for by raising `Retry` or `Cancel`; `error` then holds its reason."""
    delay_s: float | None = None
    """Seconds until the run it wished for; None leaves that to the job's policy."""

    def to_record(self) -> dict[str, Any]:
        """As plain data, without the exception itself."""
        record: dict[str, Any] = {"value": self.value, "final": self.is_final, "wish": self.wish.name}
        if self.error is not None:
            record["error"] = self.error.to_wire()
            record["names"] = list(self.exception_names)
        if self.delay_s is not None:
            record["delay_s"] = self.delay_s
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Outcome:
        """Read `to_record`'s form; what has another shape counts as absent."""
        wish = codec.text(record, "wish", "")
        return cls(
            value=record.get("value"),
            error=JobError.from_wire(record.get("error")),
            exception_names=codec.texts(record, "names"),
            is_final=record.get("final") is True,
            wish=Wish[wish] if wish in Wish.__members__ else Wish.NONE,
            delay_s=codec.number(record, "delay_s", None),
        )


def failure(exception: BaseException, *, skip_files: tuple[str, ...] = (), is_final: bool = False) -> Outcome:
    """The outcome of a run that raised; frames of `skip_files` at the outer end are left out of the traceback."""
    if isinstance(exception, Retry | Cancel):
        return _wished(exception)
    trace = _own_frames(exception.__traceback__, skip_files)
    try:
        message = str(exception)
    except Exception as broken:
        message = f"(its message can't be made: {type(broken).__name__})"
    try:
        text = "".join(traceback.format_exception(type(exception), exception, trace))
    except Exception:
        text = f"{type(exception).__name__}: {message}"
    return Outcome(
        error=JobError(
            type=type(exception).__qualname__,
            message=_clean(message[:MAX_MESSAGE]),
            traceback=_clean(text if len(text) <= MAX_TRACEBACK else text[:2_000] + "\n…\n" + text[-MAX_TRACEBACK:]),
            fingerprint=fingerprint(exception, trace),
        ),
        exception=exception,
        exception_names=class_names(exception),
        is_final=is_final,
    )


def _wished(exception: Retry | Cancel) -> Outcome:
    delay = exception.delay if isinstance(exception, Retry) else None
    if delay is not None and not (isinstance(delay, int | float) and 0 <= delay <= MAX_DELAY_S):
        return refusal("ConfigurationError", f"Retry(delay={delay!r}): seconds from 0 to {MAX_DELAY_S:.0f} expected")
    name, mark = ("Retry", WISH_RETRY) if isinstance(exception, Retry) else ("Cancel", "wish-cancel")
    return Outcome(
        error=JobError(
            type=name,
            message=_clean(str(exception)[:MAX_MESSAGE]),
            fingerprint=mark,
        ),
        exception=exception,
        exception_names=(name,),
        wish=Wish.RETRY if isinstance(exception, Retry) else Wish.CANCEL,
        delay_s=delay,
    )


def refusal(error_type: str, message: str) -> Outcome:
    """The outcome of a job that can't be run at all."""
    digest = hashlib.sha1(f"{error_type}|{_NUMBERS.sub('#', message)}".encode(), usedforsecurity=False)
    return Outcome(
        error=JobError(type=error_type, message=message[:MAX_MESSAGE], fingerprint=digest.hexdigest()[:12]),
        exception_names=(error_type,),
        is_final=True,
    )


def fingerprint(exception: BaseException, trace: TracebackType | None) -> str:
    """The same for failures of one cause: exception class and innermost frame's function, or else its message."""
    frames = traceback.extract_tb(trace)
    if frames:
        file = frames[-1].filename.rsplit("/", 1)[-1]
        place = f"{file}:{frames[-1].name}"
    else:
        place = _NUMBERS.sub("#", str(exception))[:200]
    name = f"{type(exception).__module__}.{type(exception).__qualname__}"
    return hashlib.sha1(f"{name}|{place}".encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:12]


def _own_frames(trace: TracebackType | None, skip_files: tuple[str, ...]) -> TracebackType | None:
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename in skip_files:
        trace = trace.tb_next
    return trace


def _clean(text: str) -> str:
    """Lone surrogates can't be written as JSON."""
    return text.encode("utf-8", "replace").decode()
