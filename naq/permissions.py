"""What each role needs of a nats-server, as permissions for its configuration. Pure.

Producers enqueue, schedule and read results; workers run jobs; schedulers fire schedules; operators do all of it, make
streams, and change what others have stored; observers only read. Nobody reaches beyond one prefix. As with all NATS
permissions, who may ask JetStream anything can have its answer delivered to any subject of the account: whoever is not
to be trusted even so far reads from an account of his own, into which the streams are mirrored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from naq.names import Names, check_queue_name


class Role(StrEnum):
    PRODUCER = "producer"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    OPERATOR = "operator"
    OBSERVER = "observer"


class Permissions(NamedTuple):
    """Subjects, wildcards among them, that a user may use; all others are forbidden."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def permissions_of(
    role: Role, names: Names, *, queues: Sequence[str] = (), inbox_prefix: str = "_INBOX"
) -> Permissions:
    """What `role` needs on the system of `names`.

    Args:
        queues: the only ones a producer may enqueue to, or a worker may serve; all where empty.
        inbox_prefix: where its answers arrive; one of its own (NAQ_INBOX_PREFIX) keeps others from listening to them.

    Raises:
        InvalidQueueNameError: a queue has no such name.
    """
    for queue in queues:
        check_queue_name(queue)
    subjects = {
        Role.PRODUCER: lambda: _producer(names, queues),
        Role.WORKER: lambda: _worker(names, queues),
        Role.SCHEDULER: lambda: _scheduler(names),
        Role.OPERATOR: lambda: _operator(names),
        Role.OBSERVER: lambda: _observer(names),
    }[role]()
    subscribe = [f"{inbox_prefix}.>", f"$KV.{names.results}.>"]
    if role in (Role.WORKER, Role.OPERATOR):
        subscribe.append(f"$KV.{names.limits}.slots.>")
    if role is Role.OBSERVER:
        subscribe = subscribe[:1]
    return Permissions(tuple(dict.fromkeys(subjects)), tuple(subscribe))


def configuration(role: Role, permissions: Permissions) -> str:
    """A user with these permissions, to stand in `users` of a nats-server's configuration."""

    def listed(subjects: Sequence[str]) -> str:
        return "".join(f"        {json.dumps(subject)}\n" for subject in subjects)

    return (
        "{\n"
        f"  user: naq-{role}, password: $NAQ_{role.upper()}_PASSWORD\n"
        "  permissions: {\n"
        f"    publish: {{\n      allow: [\n{listed(permissions.publish)}      ]\n    }}\n"
        f"    subscribe: {{\n      allow: [\n{listed(permissions.subscribe)}      ]\n    }}\n"
        "  }\n"
        "}\n"
    )


def _producer(names: Names, queues: Sequence[str]) -> Iterator[str]:
    yield from (names.queue_subject(queue) for queue in queues or ["*"])
    yield from _topology(names)
    yield from _calls(names)
    yield from (f"{names.prefix}.events.job.{kind}.*" for kind in ("enqueued", "cancelled"))


def _worker(names: Names, queues: Sequence[str]) -> Iterator[str]:
    yield names.queue_wildcard
    for consumer in [names.consumer(queue) for queue in queues] or ["*"]:
        yield _api(f"CONSUMER.DURABLE.CREATE.{names.jobs}.{consumer}")
        yield _api(f"CONSUMER.INFO.{names.jobs}.{consumer}")
        yield _api(f"CONSUMER.MSG.NEXT.{names.jobs}.{consumer}")
        yield f"$JS.ACK.{names.jobs}.{consumer}.>"
    yield from _topology(names)
    yield from _calls(names)
    yield from _service(names)
    yield f"$KV.{names.limits}.>"
    yield from _read(names.limits)
    objects = f"OBJ_{names.objects}"
    yield _api(f"STREAM.CREATE.{objects}")
    yield _api(f"STREAM.PURGE.{objects}")
    yield f"$O.{names.objects}.>"


def _scheduler(names: Names) -> Iterator[str]:
    yield names.queue_wildcard
    yield from _topology(names)
    yield from _calls(names)
    yield from _service(names)


def _operator(names: Names) -> Iterator[str]:
    yield from _worker(names, ())
    yield from _observer(names)
    yield names.events_wildcard
    for stream in _streams(names):
        yield from (_api(f"STREAM.{verb}.{stream}") for verb in ("CREATE", "UPDATE", "PURGE", "MSG.DELETE"))
    yield from (f"$KV.{bucket}.>" for bucket in _buckets(names))


def _observer(names: Names) -> Iterator[str]:
    yield _api("INFO")
    yield from _topology(names)
    yield from _follow(names.events)
    for bucket in _buckets(names):
        yield from _read(bucket)
    yield from _read_jobs(names)
    yield _api(f"CONSUMER.LIST.{names.jobs}")
    yield _api(f"CONSUMER.INFO.{names.jobs}.*")
    yield from _read_objects(names)


def _calls(names: Names) -> Iterator[str]:
    """What `enqueue`, `schedule`, their options and the wait for a result come to."""
    yield f"{names.prefix}.events.schedule.>"
    yield from _read_jobs(names)
    for bucket in (names.results, names.schedules, names.unique, names.waiting, names.workers):
        yield from _read(bucket)
    yield from (f"$KV.{bucket}.>" for bucket in (names.schedules, names.unique, names.waiting))
    yield _api(f"STREAM.PURGE.KV_{names.unique}")
    yield from _read_objects(names)


def _service(names: Names) -> Iterator[str]:
    """What workers and schedulers have in common: heartbeats, leases, orders, and the duties of the caretaker."""
    yield from (f"{names.prefix}.events.{entity}.>" for entity in ("job", "worker"))
    yield from (f"$KV.{bucket}.>" for bucket in (names.workers, names.results, names.locks, names.control))
    yield from (*_read(names.locks), *_read(names.control))
    yield from _follow(names.events)
    yield "_INBOX.>"  # whoever cancels a job is answered


def _topology(names: Names) -> Iterator[str]:
    yield from (_api(f"STREAM.INFO.{stream}") for stream in _streams(names))


def _read(bucket: str) -> Iterator[str]:
    yield _api(f"DIRECT.GET.KV_{bucket}.$KV.{bucket}.>")
    yield from _follow(f"KV_{bucket}")


def _follow(stream: str) -> Iterator[str]:
    yield _api(f"DIRECT.GET.{stream}")
    yield _api(f"CONSUMER.CREATE.{stream}")
    yield _api(f"CONSUMER.MSG.NEXT.{stream}.>")
    yield _api(f"CONSUMER.DELETE.{stream}.>")


def _read_jobs(names: Names) -> Iterator[str]:
    yield _api(f"DIRECT.GET.{names.jobs}")


def _read_objects(names: Names) -> Iterator[str]:
    stream = f"OBJ_{names.objects}"
    yield _api(f"STREAM.MSG.GET.{stream}")
    yield from _follow(stream)


def _buckets(names: Names) -> tuple[str, ...]:
    return (
        *(names.workers, names.results, names.schedules, names.locks),
        *(names.control, names.unique, names.limits, names.waiting),
    )


def _streams(names: Names) -> tuple[str, ...]:
    buckets = (f"KV_{bucket}" for bucket in _buckets(names))
    return (names.jobs, names.events, *buckets, f"OBJ_{names.objects}")


def _api(verb: str) -> str:
    return f"$JS.API.{verb}"
