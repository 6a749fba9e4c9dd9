"""Acknowledge deliveries, and settle one that comes while its job is still at work here."""

from __future__ import annotations

from naq import codec
from naq.connection import Connection
from naq.models.job import Job
from naq.topology import NANOSECONDS
from naq.worker.run import Run

WOUND_UP_S = 0.25


async def ack(connection: Connection, reply: str, kind: bytes = b"+ACK") -> None:
    """Ack without holding the slot for the answer: what decides is stored, and a job delivered again finds it."""
    connection.outbox.ack(reply, kind)


def again_in(delay_s: float) -> bytes:
    """The answer that has a delivery come again after `delay_s` seconds."""
    return b"-NAK " + codec.dumps({"delay": int(delay_s * NANOSECONDS)})


async def adopt(connection: Connection, running: Run, job: Job, reply: str) -> None:
    """A job came that runs here: its run acks this delivery from now on."""
    if running.job.retries_asked == job.retries_asked:
        running.reply = reply
    else:  # retried by hand while its failed run is being wound up: not that run's to ack
        await ack(connection, reply, again_in(WOUND_UP_S))
