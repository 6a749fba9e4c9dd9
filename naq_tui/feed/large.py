"""Large results, in the object store or in their records, made into values beside the keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any

from naq.client import AsyncClient
from naq.errors import SerializationError
from naq.kv import Entry
from naq.models.result import JobResult, ValueRef
from naq.results import record_of

AT_ONCE = 256 * 1024
"""Bytes of records that are made into values in one step."""


async def records(entries: Iterable[Entry]) -> AsyncIterator[tuple[Entry, JobResult | SerializationError | None]]:
    """Each entry of the bucket of results with its record, why that can't be read, or None where it was deleted.

    A message can hold megabytes, and a page of the bucket hundreds of them.
    """
    left = AT_ONCE
    for entry in entries:
        left -= len(entry.value)
        if left < 0:
            left = AT_ONCE
            await asyncio.sleep(0)
        try:
            yield entry, None if entry.is_deleted else await record(entry)
        except SerializationError as exc:
            yield entry, exc


async def record(entry: Entry) -> JobResult:
    """See `naq.results.record_of`."""
    if len(entry.value) <= AT_ONCE:
        return record_of(entry)
    return await asyncio.to_thread(record_of, entry, decoded)


async def read_value(client: AsyncClient, ref: ValueRef, told: Callable[[int], object]) -> Any:
    """See `Pages.read_value`."""
    raw = await client.results.value_bytes(ref, told)
    return await asyncio.to_thread(decoded, raw)


def decoded(raw: bytes) -> Any:
    """The JSON value in `raw`, for a thread beside that of the keys.

    A tenth as fast as the parsers in C, which hold the interpreter's lock from the first byte to the last: of
    megabytes that is up to a second without the keys, with this one they come in between.

    Raises:
        SerializationError: it is no JSON, or nested too deep.
    """
    decoder = json.JSONDecoder()
    decoder.scan_once = py_make_scanner(decoder)  # type: ignore[attr-defined]
    try:
        return decoder.decode(raw.decode())
    except RecursionError:
        raise SerializationError("the value is nested too deep to be shown", raw=raw) from None
    except ValueError as exc:
        raise SerializationError(f"the value is not JSON: {exc}", raw=raw) from None
