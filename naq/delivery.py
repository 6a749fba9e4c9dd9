"""What a JetStream delivery says of itself in its reply subject."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from naq.models.times import from_nanoseconds


class Delivery(NamedTuple):
    """`$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, read."""

    deliveries: int
    """How often the server remembers having handed this message out, this time included; a crash makes it forget."""
    stream_seq: int
    stored_at: datetime
    pending: int
    """Messages of the consumer still behind this one."""

    @classmethod
    def parse(cls, reply: str) -> Delivery:
        """Raises ValueError where `reply` is no JetStream delivery."""
        tokens = reply.split(".")
        if len(tokens) >= 11:  # with domain and account behind $JS.ACK
            tokens = tokens[2:]
        if len(tokens) < 9:
            raise ValueError(f"not a JetStream delivery: {reply!r}")
        try:
            stored_at = from_nanoseconds(int(tokens[7]))
        except OverflowError:
            raise ValueError(f"not a JetStream delivery: {reply!r}") from None
        return cls(int(tokens[4]), int(tokens[5]), stored_at, int(tokens[8]))


class Received(NamedTuple):
    """One job as delivered."""

    queue: str
    data: bytes
    reply: str
    """Where to acknowledge it."""
    delivery: Delivery
    arrived_at: float
    """By the loop's clock."""
