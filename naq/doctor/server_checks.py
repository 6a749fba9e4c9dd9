"""What a server has to be for naq, as far as it can be told over NATS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from naq import codec
from naq.connection import Connection
from naq.doctor.checks import Check, Level, ok, problem, size, warning
from naq.doctor.cluster_checks import cluster_checks
from naq.jetstream import JetStreamError
from naq.topology import stream_configs

OLDEST = (2, 10, 0)
FEATURES: tuple[tuple[tuple[int, int, int], str], ...] = (
    ((2, 11, 0), "result_ttl per job, batched reads of the log"),
    ((2, 12, 0), "atomic batches"),
    ((2, 14, 0), "fast batches of enqueue_many"),
)
USUAL_PAYLOAD = 2**20
SKEW_WARNING_S = 2.0
SKEW_PROBLEM_S = 60.0
NEARLY_FULL = 0.8
FULL = 0.95
EMBEDDED = "naq-embedded"
SYNC_ADVICE = "set 'sync_interval: 1s' in its jetstream block: at its default a power cut loses the last half minute"


async def server_checks(connection: Connection) -> list[Check]:
    """The server itself, its JetStream and its clock."""
    started_at = time.monotonic()
    answer = await connection.api("INFO")
    spent_ms = (time.monotonic() - started_at) * 1000
    return [
        ok("server", f"{connection.settings.server_label} answers in {spent_ms:.1f} ms"),
        _version(connection.server_version),
        *_limits(connection, answer),
        _payload(connection.max_payload),
        _sync(connection.server_name),
        await _clock(connection),
        *await cluster_checks(connection),
    ]


def _version(version: tuple[int, int, int]) -> Check:
    text = ".".join(map(str, version))
    lacking = [feature for since, feature in FEATURES if version < since]
    if version < OLDEST:
        return problem("version", f"nats-server {text} is older than 2.10", "update the server")
    if not lacking:
        return ok("version", f"nats-server {text}, with everything naq can use")
    told = f"nats-server {text} lacks: {'; '.join(lacking)}"
    if version < FEATURES[0][0]:
        return warning("version", told, "naq works without; update the server to 2.11 or later to have it")
    return ok("version", told)


def _limits(connection: Connection, info: Mapping[str, Any]) -> list[Check]:
    limits = info.get("limits")
    limits = limits if isinstance(limits, dict) else {}
    checks = []
    for what, used_field, limit_field in (("storage", "storage", "max_storage"), ("memory", "memory", "max_memory")):
        reserved = codec.number(info, f"reserved_{what}", 0)
        # 2.10 tells a negative one as a huge one
        used = max(codec.number(info, used_field, 0), reserved if reserved < 2**62 else 0)
        limit = codec.number(limits, limit_field, -1)
        name = f"jetstream {what}"
        if limit < 0:
            checks.append(ok(name, f"{size(used)} used or reserved; the account has no limit, the server may"))
            continue
        told = f"{size(used)} of {size(limit)} used or reserved, {size(max(0.0, limit - used))} left"
        share = used / limit if limit else 0.0
        if what == "memory" or share < NEARLY_FULL:
            checks.append(ok(name, told))
        else:
            advice = "raise the account's limit, or keep less: NAQ_EVENTS_MAX_BYTES, NAQ_EVENTS_MAX_AGE, NAQ_RESULT_TTL"
            checks.append((problem if share >= FULL else warning)(name, told, advice))
    most, standing = codec.number(limits, "max_streams", -1), codec.number(info, "streams", 0)
    needed = len(stream_configs(connection)) + 1
    if 0 <= most < needed:
        advice = f"naq needs {needed}: raise max_streams of the account"
        checks.append(problem("jetstream streams", f"{standing:.0f} of {most:.0f} allowed", advice))
    else:
        checks.append(ok("jetstream streams", f"{standing:.0f}, {'no limit' if most < 0 else f'{most:.0f} allowed'}"))
    return checks


def _payload(largest: int) -> Check:
    told = f"messages up to {size(largest)}"
    if largest < USUAL_PAYLOAD:
        return warning("max_payload", told, "jobs and records have to fit into one: set max_payload to 1MB or more")
    return ok("max_payload", told)


def _sync(server_name: str) -> Check:
    if server_name == EMBEDDED:
        return ok("sync_interval", "1 s, as the bundled server is run")
    told = "can't be told over NATS (the server's monitoring port or its configuration says it)"
    return Check(name="sync_interval", level=Level.UNKNOWN, found=told, advice=SYNC_ADVICE)


async def _clock(connection: Connection) -> Check:
    try:
        skew_s = (await connection.sync_clock()).total_seconds()
    except JetStreamError:
        return Check(name="clock", level=Level.UNKNOWN, found="can't be told before the log exists")
    told = f"this machine is {abs(skew_s):.3f} s {'behind' if skew_s > 0 else 'ahead of'} the server"
    if abs(skew_s) < SKEW_WARNING_S:
        return ok("clock", told)
    make = warning if abs(skew_s) < SKEW_PROBLEM_S else problem
    return make("clock", told, "nothing dies of it, but times in the log will mislead: run NTP on both machines")
