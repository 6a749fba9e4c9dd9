"""Streams, buckets and consumers as they stand against what naq would make: field by field.

Repair changes only what can lose nothing: it makes what is missing, turns switches on and raises limits. What stands is
written back whole, with the repaired fields in it, so that fields this version does not know stay. Each change is told
by an OPERATOR_ACTION once it is made; a repair that dies in between leaves it made and not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from naq import codec
from naq.actor import current_actor
from naq.connection import Connection, JetStreamError
from naq.doctor.checks import Check, ok, problem, size, warning
from naq.events import Events
from naq.models.event import JobEvent, JobEventType
from naq.topology import (
    CONSUMER_NOT_FOUND,
    NANOSECONDS,
    STREAM_NOT_FOUND,
    consumer_config,
    ensure_consumer,
    objects_config,
    stream_configs,
)

_DEFAULTS: dict[str, Any] = {
    "retention": "limits",
    "storage": "file",
    "discard": "old",
    "num_replicas": 1,
    **dict.fromkeys(("max_age", "max_consumers", "max_msgs", "max_bytes", "max_msg_size", "max_msgs_per_subject"), -1),
    **dict.fromkeys(("sealed", "no_ack", "deny_delete", "deny_purge", "allow_rollup_hdrs", "allow_direct"), False),
    **dict.fromkeys(("allow_msg_ttl", "allow_atomic", "allow_batched", "mirror_direct"), False),
    **dict.fromkeys(("mirror", "sources", "republish", "subject_transform"), None),
}
"""What a stream has in a field that naq says nothing about."""
_SWITCHES = frozenset({"allow_rollup_hdrs", "allow_direct", "allow_msg_ttl", "allow_atomic", "allow_batched"})
_SWITCHES_OF_THE_LOG = frozenset({"deny_delete", "deny_purge"})
_LIMITS = frozenset({"max_age", "max_msgs", "max_bytes", "max_msg_size", "max_msgs_per_subject", "max_consumers"})
_DURATIONS = frozenset({"max_age", "duplicate_window", "ack_wait"})
_HARMLESS = frozenset({"max_age", "num_replicas", "duplicate_window", "allow_msg_ttl", "allow_atomic", "allow_batched"})
"""Fields in which a system may well differ from the settings of whoever asks."""


class Difference(NamedTuple):
    """One field that is not as wanted; None stands for a field that is absent."""

    field: str
    wanted: Any
    found: Any

    @property
    def is_harmless(self) -> bool:
        return self.field in _HARMLESS or self.field == "max_bytes"

    @property
    def is_safe(self) -> bool:
        """Whether the change loses nothing of what is stored."""
        if self.field in _SWITCHES or self.field in _SWITCHES_OF_THE_LOG:
            return self.wanted is True
        if self.field in _LIMITS:
            return _reach(self.wanted) > _reach(self.found)
        return self.field == "num_replicas" and isinstance(self.found, int) and self.wanted > self.found

    def told(self) -> str:
        return f"{self.field} is {_shown(self.field, self.found)}, not {_shown(self.field, self.wanted)}"


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[Difference]:
    """Fields of a stream's configuration that differ; pure."""
    fields = [field for field in {**_DEFAULTS, **wanted} if field not in ("name", "durable_name")]
    pairs = (
        (field, wanted.get(field, _DEFAULTS.get(field)), found.get(field, _DEFAULTS.get(field))) for field in fields
    )
    return [Difference(*pair) for pair in pairs if _plain(pair[0], pair[1]) != _plain(pair[0], pair[2])]


async def topology_checks(connection: Connection, *, repair: bool) -> list[Check]:
    """Every stream, bucket and consumer; with `repair` also mend them.

    Raises:
        NaqConnectionError: the server does not answer, or does not permit the questions.
    """
    wanted = stream_configs(connection)
    standing = {config["name"]: await _stream(connection, config["name"]) for config in wanted}
    if not any(standing.values()) and not repair:
        advice = "start a worker or enqueue a job: the first one makes them (or is the prefix another? --prefix)"
        return [warning("streams", f"none with the prefix {connection.names.prefix!r}: naq was not used here", advice)]
    checks = [
        check
        for config in wanted
        for check in await _check_stream(connection, config, standing[config["name"]], repair)
    ]
    objects = objects_config(connection)
    made = await _stream(connection, objects["name"])
    if made is not None:  # the first large result makes it
        checks += await _check_stream(connection, objects, made, repair)
    if standing[connection.names.jobs] is not None:
        checks += await _consumer_checks(connection, repair)
    return checks


async def _check_stream(
    connection: Connection, wanted: dict[str, Any], standing: dict[str, Any] | None, repair: bool
) -> list[Check]:
    name = f"stream {wanted['name']}"
    if standing is None:
        if repair:
            await connection.api(f"STREAM.CREATE.{wanted['name']}", wanted)
            await _tell(connection, wanted["name"], {"created": True})
            return [ok(name, "was missing and is made")]
        return [
            problem(name, "does not exist", "'naq doctor --repair' makes it, and so does the next worker that starts")
        ]
    found = standing.get("config") or {}
    differing = differences(wanted, found)
    state = standing.get("state") or {}
    holds = f"{codec.number(state, 'messages', 0):,.0f} messages, {size(codec.number(state, 'bytes', 0))}"
    repaired: list[Difference] = []
    if repair and (repaired := [difference for difference in differing if difference.is_safe]):
        changes = {difference.field: difference.wanted for difference in repaired}
        await connection.api(f"STREAM.UPDATE.{wanted['name']}", {**found, **changes})
        await _tell(
            connection, wanted["name"], {"changes": {d.field: {"from": d.found, "to": d.wanted} for d in repaired}}
        )
        differing = [difference for difference in differing if not difference.is_safe]
    checks = [ok(name, "repaired: " + "; ".join(_changed(difference) for difference in repaired))] if repaired else []
    if not differing:
        return checks or [ok(name, f"as naq makes it ({holds})")]
    told = "; ".join(difference.told() for difference in differing)
    make = warning if all(difference.is_harmless for difference in differing) else problem
    return [*checks, make(name, told, _advice(differing))]


def _advice(differing: list[Difference]) -> str:
    if any(difference.is_safe for difference in differing):
        return "'naq doctor --repair' mends what can be changed without loss"
    if all(difference.is_harmless for difference in differing):
        return "fine where it was set so on purpose; else check the NAQ_ settings here, or 'nats stream edit'"
    return "'nats stream edit' where the server allows it; what was stored under it may be lost by the change"


async def _consumer_checks(connection: Connection, repair: bool) -> list[Check]:
    checks: list[Check] = []
    for found in await _consumers(connection):
        config = found.get("config") or {}
        consumer = codec.text(config, "durable_name", codec.text(found, "name", "?"))
        queue = connection.names.queue_of(codec.text(config, "filter_subject", ""))
        name = f"consumer {consumer}"
        wanted = consumer_config(connection, queue)
        if consumer != wanted["durable_name"]:
            advice = (
                f"jobs it takes are not run by naq: 'nats consumer rm {connection.names.jobs} {consumer}' if unknown"
            )
            checks.append(problem(name, "naq did not make it, and it takes jobs out of the queues", advice))
            continue
        pairs = ((field, value, config.get(field, -1)) for field, value in wanted.items())
        differing = [Difference(*pair) for pair in pairs if pair[1] != pair[2]]
        if differing and repair:
            try:
                await ensure_consumer(connection, queue)
            except JetStreamError as exc:
                checks.append(problem(name, f"can't be repaired: {exc}", "see the server's message"))
                continue
            await _tell(
                connection, consumer, {"changes": {d.field: {"from": d.found, "to": d.wanted} for d in differing}}
            )
            checks.append(ok(name, "repaired: " + "; ".join(_changed(difference) for difference in differing)))
        elif differing:
            told = "; ".join(difference.told() for difference in differing)
            checks.append(
                warning(name, told, "the next worker of that queue sets it as its own settings say, or --repair")
            )
    return checks


async def _consumers(connection: Connection) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = await connection.api(f"CONSUMER.LIST.{connection.names.jobs}", {"offset": len(found)})
        page = [consumer for consumer in answer.get("consumers") or [] if isinstance(consumer, dict)]
        found += page
        if not page or len(found) >= codec.number(answer, "total", 0):
            return found


async def _stream(connection: Connection, name: str) -> dict[str, Any] | None:
    try:
        return await connection.api(f"STREAM.INFO.{name}")
    except JetStreamError as exc:
        if exc.code in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
            return None
        raise


async def _tell(connection: Connection, what: str, details: Mapping[str, Any]) -> None:
    event = JobEvent.of(
        JobEventType.OPERATOR_ACTION,
        actor=current_actor("naq doctor"),
        details={"action": "repair", "of": what, **details},
    )
    await Events(connection).write(event)


def _plain(field: str, value: Any) -> Any:
    if field in _LIMITS:
        return _reach(value)
    return sorted(value) if isinstance(value, list | tuple) else value


def _reach(limit: Any) -> float:
    """How far a limit lets a stream grow; without one, without end."""
    return limit if isinstance(limit, int | float) and limit > 0 else float("inf")


def _changed(difference: Difference) -> str:
    field, wanted, found = difference
    return f"{field} from {_shown(field, found)} to {_shown(field, wanted)}"


def _shown(field: str, value: Any) -> str:
    if field in _LIMITS and _reach(value) == float("inf"):
        return "unlimited"
    if field in _DURATIONS and isinstance(value, int | float):
        return f"{value / NANOSECONDS:g} s"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
