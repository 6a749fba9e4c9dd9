"""A lease: at most one holder at a time, judged by the server's clock.

The record says who holds it; how old it is, the server's own timestamp says. It is taken and renewed by
compare-and-set, so a holder that was away too long finds out at its next renewal, and its revision is a fencing token.
"""

from __future__ import annotations

import logging
import time

from naq import codec
from naq.connection import Connection
from naq.errors import ConflictError, SerializationError
from naq.kv import Bucket

log = logging.getLogger(__name__)


class Lease:
    """One named lease, wanted by one holder."""

    def __init__(self, connection: Connection, key: str, holder: str, *, lease_s: float) -> None:
        self._connection = connection
        self._bucket = Bucket(connection, connection.names.locks)
        self._key = key
        self._holder = holder
        self.lease_s = lease_s
        self._revision = 0
        self._sure_until = 0.0
        self.other_holder: str | None = None
        """Who held it when it was last asked for; None where nobody did or it is ours."""
        self.free_in_s = 0.0
        """Seconds until the other holder's lease runs out unless it renews it, as of the last `acquire`."""

    @property
    def bucket(self) -> Bucket:
        return self._bucket

    @property
    def is_held(self) -> bool:
        """Whether it was ours at the last `acquire` or `renew`."""
        return self._revision > 0

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have it: one that was stopped, or cut off, finds it doubtful at once."""
        return self.sure_for_s > 0

    @property
    def sure_for_s(self) -> float:
        """Seconds for which nobody else can have it yet; 0 where it is doubtful."""
        return max(0.0, self._sure_until - time.monotonic()) if self.is_held else 0.0

    async def acquire(self) -> bool:
        """Take it if it is free or has run out; True where it is ours now."""
        asked_at = time.monotonic()
        entry = await self._bucket.get(self._key)
        try:
            if entry is None:
                self._revision = await self._bucket.create(self._key, self._record())
            else:
                age_s = (self._connection.server_now() - entry.saved_at).total_seconds()
                holder = _holder_of(entry.value)
                if age_s < self.lease_s and holder != self._holder:
                    self.other_holder = holder
                    self.free_in_s = self.lease_s - age_s
                    return False
                self._revision = await self._bucket.update(self._key, self._record(), revision=entry.revision)
        except ConflictError:
            self.free_in_s = self.lease_s  # taken by another this very moment
            return False
        self.other_holder, self._sure_until = None, asked_at + self.lease_s
        return True

    async def renew(self) -> bool:
        """Keep it; False where it was lost in between."""
        asked_at = time.monotonic()
        try:
            self._revision = await self._bucket.update(self._key, self._record(), revision=self._revision)
        except ConflictError:
            self._revision = 0
            return False
        self._sure_until = asked_at + self.lease_s
        return True

    async def release(self) -> None:
        """Give it back, so that another need not wait for it to run out; harmless if it is not ours any more."""
        if self._revision:
            try:
                await self._bucket.delete(self._key, revision=self._revision, patience_s=2.5)
            except ConflictError:
                log.debug("lease %s had passed on", self._key)
            self._revision = 0

    def _record(self) -> bytes:
        return codec.dumps({"holder": self._holder})


def _holder_of(value: bytes) -> str:
    try:
        record = codec.loads(value)
    except SerializationError:
        return "?"
    return codec.text(record, "holder", "?") if isinstance(record, dict) else "?"
