"""Logging for naq's programs. The library itself only logs to `naq.*` loggers and configures nothing."""

from __future__ import annotations

import logging
import sys
from typing import Any

from naq.display import inert


class InertFormatter(logging.Formatter):
    """Log lines that can neither steer a terminal nor pass for more than one: messages hold texts of jobs."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = inert(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(map(inert, super().formatException(ei).split("\n")))


def _is_ours_to_tell(record: logging.LogRecord) -> bool:
    """asyncio says of each write to a connection that is gone that it is gone; naq has said so once."""
    return record.msg != "socket.send() raised exception."


def setup_logging(level: int | str = logging.INFO) -> None:
    """Write naq's log lines to standard error, times in UTC.

    Raises ValueError for a level that `logging` does not know.
    """
    import time

    formatter = InertFormatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logger = logging.getLogger("naq")
    logger.setLevel(level.upper() if isinstance(level, str) else level)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logging.getLogger("asyncio").addFilter(_is_ours_to_tell)
