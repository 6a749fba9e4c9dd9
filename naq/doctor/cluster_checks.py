"""Where the streams are kept: copies wanted and standing, their leaders, servers that are away."""

from __future__ import annotations

from collections import Counter

from naq.connection import Connection
from naq.copies import read_copies
from naq.doctor.checks import Check, ok, problem, warning
from naq.models.copies import Copies

NAMED = 4
"""Streams that a line names."""


async def cluster_checks(connection: Connection) -> list[Check]:
    """Whether the number of copies fits the servers, and how the copies stand. Never raises for the server's sake."""
    wanted, servers, name = connection.settings.replicas, connection.cluster_size, connection.cluster_name
    if not name:
        if wanted > 1:
            advice = "NAQ_REPLICAS=1 here, or name a server of the cluster"
            return [problem("replicas", f"{wanted} wanted of a server that is in no cluster", advice)]
        return [ok("replicas", "1, on a server of its own")]
    return [_replicas(wanted, servers, name), *_standing(connection, await read_copies(connection))]


def _replicas(wanted: int, servers: int, cluster: str) -> Check:
    found = f"{wanted} wanted in cluster {cluster!r} of {servers} servers known"
    if wanted > servers:
        return problem("replicas", found, "start those that are down or add some, or set NAQ_REPLICAS to what there is")
    if wanted == 1 and servers > 2:
        advice = "NAQ_REPLICAS=3 and 'naq doctor --repair': one server's loss then stops nothing"
        return warning("replicas", found, advice)
    return ok("replicas", found)


def _standing(connection: Connection, found: list[Copies]) -> list[Check]:
    known = [copies for copies in found if not copies.error]
    unknown = [copies for copies in found if copies.error and "not found" not in copies.error]
    checks: list[Check] = []
    here = f"connected to {connection.server_name}"
    leaderless = [copies for copies in known if not copies.is_led]
    if leaderless:
        kept_on = ", ".join(sorted({server for copies in leaderless for server in copies.servers}))
        advice = (
            f"start the servers that are down: most of {kept_on} must be up. Until then nothing is stored in these or "
            "handed out, and whoever waits goes on by itself afterwards"
        )
        checks.append(problem("cluster", f"no leader for {_few(leaderless)}; {here}", advice))
    elif unknown:
        advice = "a cluster without a majority of its servers does not answer: see which of them are down"
        checks.append(problem("cluster", f"no answer about {_few(unknown)}; {here}", advice))
    away = sorted({server for copies in known for server in copies.away})
    if away:
        hit = [copies for copies in known if copies.away]
        advice = "start it again; where it never comes back: 'nats server cluster peer-remove', and add another"
        checks.append(problem("cluster", f"away: {', '.join(away)}, with copies of {_few(hit)}; {here}", advice))
    late = [copies for copies in known if copies.late]
    if late:
        by = "; ".join(f"{copies.stream} on {_late(copies)}" for copies in late[:NAMED])
        more = f" and {len(late) - NAMED} more" if len(late) > NAMED else ""
        advice = "wait for it before another server is stopped; if it never ends, see that server's log"
        checks.append(warning("cluster", f"catching up: {by}{more}", advice))
    if known and not checks:
        leads = Counter(copies.leader for copies in known)
        led = ", ".join(f"{server} leads {number}" for server, number in sorted(leads.items(), key=str))
        checks.append(ok("cluster", f"{here}; all copies of {len(known)} streams are current ({led})"))
    return checks


def _late(copies: Copies) -> str:
    return ", ".join(f"{copy.server} ({copy.behind:,} behind)" if copy.behind else copy.server for copy in copies.late)


def _few(found: list[Copies]) -> str:
    names = [copies.stream for copies in found]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
