"""Compare-and-set on buckets, where the link is lost between a write and its answer."""

from __future__ import annotations

from typing import Any

import pytest

from naq.client import AsyncClient
from naq.errors import ConflictError
from naq.kv import Bucket
from naq.outbox import Outbox, PublishAck

pytestmark = pytest.mark.nats


@pytest.fixture
def bucket(client: AsyncClient) -> Bucket:
    return Bucket(client.connection, client.connection.names.control)


@pytest.fixture
def sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write is stored, and sent again as after a lost answer; the second answer counts."""
    publish = Outbox.publish

    async def twice(self: Outbox, subject: str, data: bytes, **options: Any) -> PublishAck:
        await publish(self, subject, data, **options)
        return await publish(self, subject, data, **options)

    monkeypatch.setattr(Outbox, "publish", twice)


@pytest.mark.usefixtures("sent_twice")
async def test_a_write_that_is_sent_again_does_not_stand_in_its_own_way(bucket: Bucket) -> None:
    made = await bucket.create("key", b"one")
    changed = await bucket.update("key", b"two", revision=made)
    entry = await bucket.get("key")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"two", changed)
    await bucket.delete("key", revision=changed)
    assert await bucket.get("key") is None
    again = await bucket.create("key", b"three")
    assert again > changed


async def test_what_somebody_else_wrote_stays_in_the_way(bucket: Bucket) -> None:
    made = await bucket.create("key", b"one")
    await bucket.update("key", b"two", revision=made)
    for attempt in (bucket.create("key", b"x"), bucket.update("key", b"two", revision=made)):
        with pytest.raises(ConflictError):
            await attempt
    with pytest.raises(ConflictError):
        await bucket.delete("key", revision=made)
    entry = await bucket.get("key")
    assert entry is not None
    assert entry.value == b"two"
