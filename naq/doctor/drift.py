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
from naq.connection import Connection
from naq.doctor.checks import Check, ok, problem, size, warning
from naq.events import Events
from naq.jetstream import JetStreamError
from naq.models.event import JobEvent, JobEventType
from naq.topology import (
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


Repairs = list[tuple[str, dict[str, Any]]]
"""What was changed, with the details to be told."""


class Difference(NamedTuple):
    """One field that is not as wanted; None stands for a field that is absent."""

    field: str
    wanted: Any
    found: Any

    @property
    def is_harmless(self) -> bool:
        return self.field in _HARMLESS

    @property
    def is_safe(self) -> bool:
        """Whether the change loses nothing of what is stored."""
        if self.field in _SWITCHES or self.field in _SWITCHES_OF_THE_LOG:
            return self.wanted is True
        if self.field in _LIMITS:
            return _reach(self.wanted) > _reach(self.found)
        if self.field == "discard":
            return bool(self.wanted == "new")  # refuses where the old way dropped
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
    repairs: Repairs | None = [] if repair else None
    checks: list[Check] = []
    for config in wanted:
        checks += await _check_stream(connection, config, standing[config["name"]], repairs)
    objects = objects_config(connection)
    made = await _stream(connection, objects["name"])
    if made is not None:  # the first large result makes it
        checks += await _check_stream(connection, objects, made, repairs)
    if standing[connection.names.jobs] is not None:
        checks += await _consumer_checks(connection, repairs)
    for what, details in repairs or ():  # only now is the log there with certainty
        await _tell(connection, what, details)
    return checks


async def _check_stream(
    connection: Connection, wanted: dict[str, Any], standing: dict[str, Any] | None, repairs: Repairs | None
) -> list[Check]:
    """One stream; repaired where `repairs`, which takes what was done, is given."""
    stream = wanted["name"]
    name = f"stream {stream}"
    found = (standing or {}).get("config") or {}
    differing = differences(wanted, found) if standing is not None else []
    mended = [difference for difference in differing if difference.is_safe]
    try:
        if standing is None:
            if repairs is None:
                advice = "'naq doctor --repair' makes it, and so does the next worker that starts"
                return [problem(name, "does not exist", advice)]
            await connection.api(f"STREAM.CREATE.{stream}", wanted)
            repairs.append((stream, {"created": True}))
            return [ok(name, "was missing and is made")]
        checks: list[Check] = []
        if repairs is not None and mended:
            await connection.api(f"STREAM.UPDATE.{stream}", {**found, **{d.field: d.wanted for d in mended}})
            repairs.append((stream, _changes(mended)))
            checks.append(_repaired(name, mended))
            differing = [difference for difference in differing if not difference.is_safe]
    except JetStreamError as exc:
        return [problem(name, f"can't be repaired: {exc}", "see what the server says")]
    if not differing:
        state = standing.get("state") or {}
        holds = f"{codec.number(state, 'messages', 0):,.0f} messages, {size(codec.number(state, 'bytes', 0))}"
        return checks or [ok(name, f"as naq makes it ({holds})")]
    # a limit of the log cuts its old end; one of the other streams would lose or refuse what is needed
    is_log = stream == connection.names.events
    is_harmless = all(d.is_harmless or (is_log and d.field == "max_bytes") for d in differing)
    make = warning if is_harmless else problem
    return [*checks, make(name, "; ".join(difference.told() for difference in differing), _advice(differing))]


def _advice(differing: list[Difference]) -> str:
    if any(difference.is_safe for difference in differing):
        return "'naq doctor --repair' mends what can be changed without loss"
    if all(difference.is_harmless for difference in differing):
        return "fine where it was set so on purpose; else check the NAQ_ settings here, or 'nats stream edit'"
    return "'nats stream edit' where the server allows it; what was stored under it may be lost by the change"


async def _consumer_checks(connection: Connection, repairs: Repairs | None) -> list[Check]:
    checks: list[Check] = []
    for found in await _consumers(connection):
        config = found.get("config") or {}
        consumer = codec.text(config, "durable_name", codec.text(found, "name", "?"))
        queue = connection.names.queue_of(codec.text(config, "filter_subject", ""))
        name = f"consumer {consumer}"
        wanted = consumer_config(connection, queue)
        if consumer != wanted["durable_name"]:
            advice = f"if nobody knows it: 'nats consumer rm {connection.names.jobs} {consumer}'"
            checks.append(problem(name, "naq did not make it, and it takes jobs out of the queues", advice))
            continue
        pairs = ((field, value, config.get(field, -1)) for field, value in wanted.items())
        differing = [Difference(*pair) for pair in pairs if pair[1] != pair[2]]
        if not differing:
            continue
        if repairs is None:
            advice = "the next worker of that queue sets it as its own settings say, or --repair"
            checks.append(warning(name, "; ".join(difference.told() for difference in differing), advice))
            continue
        try:
            await ensure_consumer(connection, queue)
        except JetStreamError as exc:
            checks.append(problem(name, f"can't be repaired: {exc}", "see what the server says"))
            continue
        repairs.append((consumer, _changes(differing)))
        checks.append(_repaired(name, differing))
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
        if exc.code == STREAM_NOT_FOUND:
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


def _changes(differing: list[Difference]) -> dict[str, Any]:
    return {"changes": {d.field: {"from": d.found, "to": d.wanted} for d in differing}}


def _repaired(name: str, differing: list[Difference]) -> Check:
    told = (f"{d.field} from {_shown(d.field, d.found)} to {_shown(d.field, d.wanted)}" for d in differing)
    return ok(name, f"repaired: {'; '.join(told)}")


def _shown(field: str, value: Any) -> str:
    if field in _LIMITS and _reach(value) == float("inf"):
        return "unlimited"
    if field in _DURATIONS and isinstance(value, int | float):
        return _span(value / NANOSECONDS)
    if field == "max_bytes" and isinstance(value, int | float):
        return size(value)
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
