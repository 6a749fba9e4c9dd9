"""What the user of a connection may not do, asked without doing any of it.

The server answers a forbidden message at once, so each subject that naq uses is tried with one that can change nothing:
a request to JetStream that is no JSON, or a message for a stream of a name that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import nats.errors

from naq.connection import Connection
from naq.doctor.checks import Check, ok, problem
from naq.errors import ConflictError, NaqConnectionError, PermissionDeniedError
from naq.outbox import StorageRefusedError

PROBE = "naq-doctor-probe"
_NO_STREAM = {"Nats-Expected-Stream": PROBE}
_NO_JSON = b"{"


class Need(NamedTuple):
    """A subject that naq uses."""

    what: str
    """What it is for."""
    subject: str
    allow: str
    """What a server's configuration has to allow for all of that kind."""
    is_api: bool = False


async def permission_checks(connection: Connection) -> list[Check]:
    """One problem for each thing that is not permitted; a single line where everything is.

    Raises:
        NaqConnectionError: the server does not answer.
    """
    needs = list(_needs(connection))
    client = connection.client
    for need in needs:
        headers = None if need.is_api else _NO_STREAM
        reply = client.new_inbox() if need.is_api else ""
        await client.publish(need.subject, _NO_JSON, reply=reply, headers=headers)
    names = connection.names
    heard = {
        f"$KV.{names.results}.{PROBE}": "hear of results as they are stored",
        f"$KV.{names.limits}.slots.{PROBE}": "hear of places that come free under a limit",
    }
    subscriptions = [await client.subscribe(subject) for subject in heard]
    try:
        for _ in range(2):  # the first one's ping goes out before what was published, the second behind it
            await client.flush(timeout=max(1, round(connection.settings.connect_timeout_s)))
        for subscription in subscriptions:
            await subscription.unsubscribe()
    except (nats.errors.Error, TimeoutError) as exc:
        raise NaqConnectionError(f"no answer from {connection.settings.server_label}: {exc}") from exc
    if has_no_answers(connection):
        return [
            problem(
                "permissions", "may not get any answer", f"let this user subscribe {connection.settings.inbox_prefix}.>"
            )
        ]
    missing: dict[str, list[str]] = {}
    for need in needs:
        if connection.is_denied(need.subject):
            allowed = missing.setdefault(f"may not {need.what}", [])
            if f"publish {need.allow}" not in allowed:
                allowed.append(f"publish {need.allow}")
    for subject, what in heard.items():
        if connection.is_denied(subject, "subscription"):
            missing[f"may not {what}"] = [f"subscribe {subject.replace(PROBE, '>')}"]
    if not missing:
        return [ok("permissions", f"everything naq uses is permitted ({len(needs) + len(heard)} subjects tried)")]
    return [
        problem("permissions", what, f"let this user {', '.join(allow)}") for what, allow in sorted(missing.items())
    ]


async def forbids_acting(connection: Connection) -> str:
    """Why this user may only look, in one line; empty where orders of an operator are permitted.

    Raises:
        NaqConnectionError: the server does not answer.
    """
    control = connection.names.control
    try:
        await connection.outbox.publish(f"$KV.{control}.{PROBE}", b"", headers=_NO_STREAM)
    except PermissionDeniedError:
        return f"this user may only look: to act it needs to publish to $KV.{control}.> ('naq permissions operator')"
    except (StorageRefusedError, ConflictError):
        pass  # as asked for: it is another stream's
    return ""


def has_no_answers(connection: Connection) -> bool:
    """Whether this user may not hear the answers to its own questions."""
    return any(
        kind == "subscription" and subject.startswith(f"{connection.settings.inbox_prefix}.".lower())
        for kind, subject in connection.denied
    )


def _needs(connection: Connection) -> Iterator[Need]:
    names = connection.names
    buckets = (
        *(names.workers, names.results, names.schedules, names.locks),
        *(names.control, names.unique, names.limits, names.waiting),
    )
    read = (names.events, *(f"KV_{bucket}" for bucket in buckets))
    for stream in (names.jobs, *read):
        yield _api("look at streams", f"STREAM.INFO.{stream}")
        yield _api("make streams that are missing", f"STREAM.CREATE.{stream}")
    for stream in read:
        yield _api("follow the log and the buckets", f"CONSUMER.CREATE.{stream}")
        yield _api("follow the log and the buckets", f"CONSUMER.MSG.NEXT.{stream}.{PROBE}")
    for bucket in buckets:
        yield _api("read records", f"DIRECT.GET.KV_{bucket}.$KV.{bucket}.{PROBE}")
        yield Need(f"write to {bucket}", f"$KV.{bucket}.{PROBE}", f"$KV.{bucket}.>")
    yield _api("read events", f"DIRECT.GET.{names.events}")
    yield Need("write events", names.event_subject("job", PROBE, None), names.events_wildcard)
    yield Need("enqueue jobs", names.queue_subject(PROBE), names.queue_wildcard)
    yield _api("serve queues", f"CONSUMER.DURABLE.CREATE.{names.jobs}.{PROBE}")
    yield _api("serve queues", f"CONSUMER.MSG.NEXT.{names.jobs}.{PROBE}")
    yield Need("acknowledge jobs", f"$JS.ACK.{names.jobs}.{PROBE}.1.1.1.1.0", f"$JS.ACK.{names.jobs}.>")
    yield _api("see what waits in the queues", f"CONSUMER.LIST.{names.jobs}")
    yield _api("see what waits in the queues", f"DIRECT.GET.{names.jobs}")
    yield _api("cancel and purge waiting jobs", f"STREAM.MSG.DELETE.{names.jobs}")
    yield _api("release unique keys", f"STREAM.PURGE.KV_{names.unique}")


def _api(what: str, verb: str) -> Need:
    subject = f"$JS.API.{verb}"
    kept = 4 if verb.startswith(("STREAM", "CONSUMER", "DIRECT")) else 3
    return Need(what, subject, f"{'.'.join(subject.split('.')[:kept])}.>", is_api=True)
