"""What the server's refusal of a write means: it lost a race, has no room, or can't just now."""

from __future__ import annotations

from typing import Any

WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_UNTOLD = 10071, 10164
STORE_FAILED, STORAGE_EXCEEDED = 10077, 10047
NO_ROOM_ON_SERVER = 10023
DUPLICATE_UNDER_WAY, TOO_MANY_REQUESTS, STREAM_OFFLINE = 10158, 10167, 10118
NOT_NOW_CODES = (DUPLICATE_UNDER_WAY, TOO_MANY_REQUESTS, STREAM_OFFLINE)


def is_conflict(error: dict[str, Any]) -> bool:
    """Whether an expected sequence did not hold."""
    return error.get("err_code") in (WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_UNTOLD)


def is_full(error: dict[str, Any]) -> bool:
    """Whether the stream has no room; some may be made."""
    code = error.get("err_code")
    return code == STORAGE_EXCEEDED or (code == STORE_FAILED and "exceeded" in described(error))


def is_passing(error: dict[str, Any]) -> bool:
    """Whether it is the refusal of a cluster that is electing, moving or starting, and not of this write."""
    if error.get("err_code") in NOT_NOW_CODES:
        return True
    is_unavailable = error.get("code") == 503 and error.get("err_code") != NO_ROOM_ON_SERVER
    return is_unavailable and "exceeded" not in described(error)


def described(error: dict[str, Any]) -> str:
    """In the server's words."""
    return str(error.get("description", "refused"))
