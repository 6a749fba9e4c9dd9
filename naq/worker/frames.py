"""Messages between a worker and the processes of its isolated jobs: a JSON object behind its length in four bytes."""

from __future__ import annotations

import struct
from typing import Any

from naq import codec
from naq.errors import SerializationError

HEADER = struct.Struct(">I")
SLACK_BYTES = 1 << 20
"""What a message may hold beside the value it carries: an error with its traceback, a log line."""


def frame(record: dict[str, Any]) -> bytes:
    """Raises SerializationError where it holds something that is not plain data."""
    data = codec.dumps(record)
    return HEADER.pack(len(data)) + data


def length_of(header: bytes, limit: int) -> int:
    """Bytes that follow. Raises SerializationError where they are more than `limit` and the slack."""
    (length,) = HEADER.unpack(header)
    if length > limit + SLACK_BYTES:
        raise SerializationError(f"a message of {length:,} bytes was announced, the limit is {limit:,}")
    return int(length)


def record_of(data: bytes) -> dict[str, Any]:
    """Raises SerializationError where it is no JSON object."""
    record = codec.loads(data)
    if not isinstance(record, dict):
        raise SerializationError("a JSON object was expected")
    return record
