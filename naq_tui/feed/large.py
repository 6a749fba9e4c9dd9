"""Results too large for their record, read from the object store and made into values beside the keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any

from naq.client import AsyncClient
from naq.errors import SerializationError
from naq.models.result import ValueRef


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
