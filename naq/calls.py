"""Make jobs of calls: everything that can be wrong with one is said here, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from naq import callables, codec
from naq.errors import ConfigurationError
from naq.ids import uuid7
from naq.limits import Limit, check_limits
from naq.middleware import call_enqueue_hooks, enqueue_hooks
from naq.models.job import Job
from naq.models.retry import RetryPolicy
from naq.names import DEFAULT_QUEUE, check_key, check_queue_name, check_unique


class Call(NamedTuple):
    """One call for `enqueue_many`."""

    function: Callable[..., Any] | str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = {}


def build_job(
    function: Callable[..., Any] | str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Job:
    """Check a call and make a job of it; nothing is sent. `options` are those of `check_options`.

    Raises:
        ConfigurationError: a bad queue name, job id or option, or a function that can't travel or be called so.
        SerializationError: an argument can't be written as JSON; the message names it.
    """
    return job_of(Call(function, args, kwargs or {}), check_options(**options))


def jobs_of(calls: Iterable[Call | Sequence[Any]], options: Mapping[str, Any]) -> list[Job]:
    """`job_of` for many calls, in order; each function is looked at once."""
    references: dict[FunctionType, str] = {}
    return [job_of(Call(*call), options, references) for call in calls]


def job_of(call: Call, options: Mapping[str, Any], references: dict[FunctionType, str] | None = None) -> Job:
    """A job of one call, with what `check_options` returned; errors of `build_job`.

    `references` keeps those of functions from one call to the next.
    """
    function, args, kwargs = call
    if isinstance(function, str):
        reference = callables.check_reference(function)
    else:
        known = references.get(function) if references is not None and isinstance(function, FunctionType) else None
        reference = known or callables.reference_of(function)
        if references is not None and isinstance(function, FunctionType):
            references[function] = reference
        callables.check_arguments(function, (None, *args) if options["pass_results"] else tuple(args), dict(kwargs))
    packed_args, packed_kwargs = codec.pack_call(tuple(args), dict(kwargs))
    job = Job(function=reference, args=packed_args, kwargs=packed_kwargs, **{"job_id": uuid7(), **options})
    if enqueue_hooks:
        call_enqueue_hooks(job)
    return job


def check_options(
    *,
    queue_name: str = DEFAULT_QUEUE,
    job_id: str | None = None,
    max_retries: int = 0,
    retry_delay: float | Sequence[float] = 1.0,
    retry_strategy: str = "linear",
    retry_on: Sequence[type[BaseException] | str] = (),
    ignore_on: Sequence[type[BaseException] | str] = (),
    timeout: float | None = None,
    result_ttl: float | None = None,
    tags: Sequence[str] = (),
    capture_logs: bool = False,
    isolate: bool = False,
    unique: str | None = None,
    unique_for: float | None = None,
    limits: Sequence[Limit] = (),
    depends_on: Job | str | Sequence[Job | str] = (),
    allow_failed: bool = False,
    pass_results: bool = False,
    on_success: Callable[..., Any] | str | None = None,
    on_failure: Callable[..., Any] | str | None = None,
) -> dict[str, Any]:
    """Check the options of a job, and return them as fields of `Job`. Raises ConfigurationError."""
    parents = parents_of(depends_on)
    if not parents and (pass_results or allow_failed):
        raise ConfigurationError("pass_results and allow_failed say something about parents: name them in depends_on")
    if parents and unique is not None:
        raise ConfigurationError("a job that depends on others can't be unique: give it a job_id instead")
    given = {} if job_id is None else {"job_id": check_key(job_id, "job id"), "is_id_given": True}
    return dict(
        **given,
        queue_name=check_queue_name(queue_name),
        retry=RetryPolicy.of(
            max_retries=max_retries,
            retry_delay=retry_delay,
            retry_strategy=retry_strategy,
            retry_on=retry_on,
            ignore_on=ignore_on,
        ),
        timeout=_seconds("timeout", timeout),
        result_ttl=_seconds("result_ttl", result_ttl, least=1.0),
        tags=tuple(_tag(tag) for tag in tags),
        capture_logs=bool(capture_logs),
        isolate=bool(isolate),
        unique=check_unique(unique, unique_for),
        unique_for=_seconds("unique_for", unique_for, least=1.0),
        limits=check_limits(limits),
        depends_on=parents,
        allow_failed=bool(allow_failed),
        pass_results=("value" if isinstance(depends_on, Job | str) else "list") if pass_results else None,
        on_success=None if on_success is None else _callback(on_success),
        on_failure=None if on_failure is None else _callback(on_failure),
    )


_OPTIONS = frozenset(check_options.__kwdefaults__ or ())


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a job, and what is left: the function's own keyword arguments."""
    build = {name: value for name, value in options.items() if name in _OPTIONS}
    return build, {name: value for name, value in options.items() if name not in _OPTIONS}


def _callback(function: Callable[..., Any] | str) -> str:
    if isinstance(function, str):
        return callables.check_reference(function)
    callables.check_arguments(function, ("the job's id", None), {})
    return callables.reference_of(function)


def parents_of(depends_on: Job | str | Sequence[Job | str]) -> tuple[str, ...]:
    """The ids of the jobs named, each once, in order. Raises ConfigurationError."""
    given = [depends_on] if isinstance(depends_on, Job | str) else depends_on
    if not isinstance(given, list | tuple):
        raise ConfigurationError(f"depends_on takes jobs or job ids, or a list of them, not {depends_on!r:.100}")
    ids = [job.job_id if isinstance(job, Job) else check_key(job, "depends_on") for job in given]
    return tuple(dict.fromkeys(ids))


def _seconds(name: str, value: float | None, *, least: float = 0.0) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e9 or value <= 0:
        raise ConfigurationError(f"{name} must be a positive number of seconds (at least {least:g}), not {value!r}")
    return float(value)


def _tag(tag: str) -> str:
    if not isinstance(tag, str) or not tag or len(tag) > 100:
        raise ConfigurationError(f"a tag is a text of 1 to 100 characters, not {tag!r:.120}")
    return tag
