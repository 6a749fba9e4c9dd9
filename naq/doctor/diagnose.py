"""All checks of a server and of the system on it, each of which may fail without the others."""

from __future__ import annotations

from naq.connection import Connection
from naq.doctor.checks import Check, guarded, problem
from naq.doctor.cluster_checks import cluster_checks
from naq.doctor.drift import topology_checks
from naq.doctor.permissions import has_no_answers, permission_checks
from naq.doctor.server_checks import server_checks
from naq.doctor.system_checks import system_checks
from naq.errors import JetStreamUnavailableError, NaqConnectionError
from naq.settings import Settings


async def diagnose(settings: Settings, *, repair: bool = False) -> list[Check]:
    """Look at everything; nothing is changed or made, unless `repair` asks for it (see `naq.doctor.drift`).

    Raises:
        ConfigurationError: the settings can't be used.
    """
    connection = Connection(settings, name="naq doctor")
    try:
        await connection.open()
    except NaqConnectionError as exc:
        return [problem("server", str(exc), "nothing else can be checked before it answers")]
    try:
        permissions = await guarded("permissions", lambda: permission_checks(connection))
        if has_no_answers(connection):
            return permissions  # no question would ever be answered
        try:
            checks = await server_checks(connection)
        except JetStreamUnavailableError as exc:
            return [problem("jetstream", str(exc), "nothing else can be checked before it is there"), *permissions]
        except NaqConnectionError as exc:
            advice = "nothing else can be checked before it answers"
            return [problem("jetstream", str(exc), advice), *permissions, *await cluster_checks(connection)]
        checks += permissions
        topology = await guarded("streams", lambda: topology_checks(connection, repair=repair))
        checks += topology
        if any(check.name.startswith("stream ") for check in topology):
            checks += await guarded("system", lambda: system_checks(connection))
        return checks
    finally:
        await connection.close()
