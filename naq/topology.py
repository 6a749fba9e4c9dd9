"""Streams, buckets and consumers: made where missing, left as they are where they stand.

Requests are raw JSON, so that fields a server or client version does not know are neither sent nor lost.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.errors import PermissionDeniedError
from naq.jetstream import JetStreamError

NANOSECONDS = 1_000_000_000
DEDUPE_S = 60
"""How long message ids are remembered. One figure for jobs and events, so that a job sent twice is told once; short,
since the server keeps every id in memory for as long."""
NAME_IN_USE = 10058
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014


@dataclass(frozen=True, slots=True)
class Topology:
    """What the server offers on the streams as they stand."""

    has_message_ttl: bool
    """Per-message TTL (server 2.11) on the results bucket."""
    has_atomic_batch: bool
    """Atomic batch publish (2.12) on jobs."""
    has_fast_batch: bool
    """Fast batch ingest (2.14) on jobs."""


async def ensure_topology(connection: Connection) -> Topology:
    """Make every stream and bucket that is missing; idempotent, one round trip each.

    Raises:
        JetStreamUnavailableError: JetStream is off.
        PermissionDeniedError: a stream is missing and may not be made, or may not even be looked at.
        JetStreamError: the server refuses a stream (its limits, for example).
    """
    wanted = stream_configs(connection)
    standing = await asyncio.gather(*(_ensure_stream(connection, config) for config in wanted))
    configs = {config["name"]: config for config in standing}
    jobs = configs[connection.names.jobs]
    results = configs[f"KV_{connection.names.results}"]
    await connection.sync_clock()
    return Topology(
        has_message_ttl=bool(results.get("allow_msg_ttl")),
        has_atomic_batch=bool(jobs.get("allow_atomic")),
        has_fast_batch=bool(jobs.get("allow_batched")),
    )


def stream_configs(connection: Connection) -> list[dict[str, Any]]:
    """The configuration each stream and bucket would be created with on this server."""
    names, settings, version = connection.names, connection.settings, connection.server_version
    common: dict[str, Any] = {
        "storage": "file",
        "num_replicas": settings.replicas,
        "allow_direct": True,
    }
    newer: dict[str, Any] = {}
    if version >= (2, 12, 0):
        newer["allow_atomic"] = True
    if version >= (2, 14, 0):
        newer["allow_batched"] = True
    jobs = {
        **common,
        **newer,
        "name": names.jobs,
        "subjects": [names.queue_wildcard],
        "retention": "workqueue",
        "discard": "new",  # where there is a limit, the newcomer is refused and told; the old way drops jobs silently
        "max_bytes": settings.jobs_max_bytes or -1,
        "duplicate_window": DEDUPE_S * NANOSECONDS,
    }
    events = {
        **common,
        **newer,
        "name": names.events,
        "subjects": [names.events_wildcard],
        "retention": "limits",
        "discard": "old",
        "deny_delete": True,
        "deny_purge": True,
        "max_age": int(settings.events_max_age_s * NANOSECONDS),
        "max_bytes": settings.events_max_bytes or -1,
        "duplicate_window": DEDUPE_S * NANOSECONDS,
    }
    return [
        jobs,
        events,
        _bucket(common, names.workers, version),
        _bucket(common, names.results, version, max_age_s=settings.result_ttl_s),
        _bucket(common, names.schedules, version),
        _bucket(common, names.locks, version),
        _bucket(common, names.control, version),
        _bucket(common, names.unique, version),
        _bucket(common, names.limits, version),
        _bucket(common, names.waiting, version),
    ]


def _bucket(
    common: dict[str, Any], name: str, version: tuple[int, int, int], *, max_age_s: float = 0
) -> dict[str, Any]:
    config = {
        **common,
        "name": f"KV_{name}",
        "subjects": [f"$KV.{name}.>"],
        "retention": "limits",
        "discard": "new",
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "max_age": int(max_age_s * NANOSECONDS),
        "duplicate_window": int(min(DEDUPE_S, max_age_s or DEDUPE_S) * NANOSECONDS),
    }
    if version >= (2, 11, 0):
        config["allow_msg_ttl"] = True
    return config


def objects_config(connection: Connection) -> dict[str, Any]:
    """The configuration of the object store of large results, which the first of them makes."""
    names, settings = connection.names, connection.settings
    config: dict[str, Any] = {
        "name": f"OBJ_{names.objects}",
        "subjects": [f"$O.{names.objects}.C.>", f"$O.{names.objects}.M.>"],
        "storage": "file",
        "num_replicas": settings.replicas,
        "allow_direct": True,
        "discard": "new",
        "allow_rollup_hdrs": True,
        # a record never outlives its object: that was stored before it
        "max_age": int((settings.result_ttl_s + DEDUPE_S) * NANOSECONDS),
        "duplicate_window": DEDUPE_S * NANOSECONDS,
    }
    if connection.server_version >= (2, 11, 0):
        config["allow_msg_ttl"] = True
    return config


def consumer_config(connection: Connection, queue: str) -> dict[str, Any]:
    """The configuration of the durable consumer that the workers of `queue` share."""
    return {
        "durable_name": connection.names.consumer(queue),
        "filter_subject": connection.names.queue_subject(queue),
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int(connection.settings.ack_wait_s * NANOSECONDS),
        "max_deliver": -1,
        "max_ack_pending": -1,
        "max_waiting": 4096,
        "replay_policy": "instant",
    }


async def ensure_objects(connection: Connection) -> bool:
    """Make the object store of large results where it is missing; True where it has per-message TTL."""
    standing = await _ensure_stream(connection, objects_config(connection))
    return bool(standing.get("allow_msg_ttl"))


async def _ensure_stream(connection: Connection, config: dict[str, Any]) -> dict[str, Any]:
    """Looked for first: most users of a system may not make streams, and each refusal is a line in the server's log."""
    name = config["name"]
    try:
        answer = await connection.api(f"STREAM.INFO.{name}")
    except JetStreamError as exc:
        if exc.code != STREAM_NOT_FOUND:
            raise
        answer = await _create(connection, config)
    standing: dict[str, Any] = answer["config"]
    return standing


async def _create(connection: Connection, config: dict[str, Any]) -> dict[str, Any]:
    name = config["name"]
    try:
        return await connection.api(f"STREAM.CREATE.{name}", config)
    except PermissionDeniedError as exc:
        raise PermissionDeniedError(
            f"stream {name} does not exist, and this user may not make it: run 'naq doctor --repair' as one who may"
            f" ({exc})"
        ) from None
    except JetStreamError as exc:
        if exc.code != NAME_IN_USE:
            raise
        return await connection.api(f"STREAM.INFO.{name}")  # made by somebody else in between, in their way


async def ensure_consumer(connection: Connection, queue: str) -> int:
    """Make the durable consumer that the workers of `queue` share; returns how many jobs wait for it."""
    names = connection.names
    answer = await connection.api(
        f"CONSUMER.DURABLE.CREATE.{names.jobs}.{names.consumer(queue)}",
        {"stream_name": names.jobs, "config": consumer_config(connection, queue)},
    )
    return codec.whole(answer, "num_pending", 0)
