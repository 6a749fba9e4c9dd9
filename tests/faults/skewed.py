"""`naq` in a process whose clock is off: `python -m tests.faults.skewed SECONDS worker …`.

The clock is moved before anything of naq is loaded: `time.time`, and what `datetime` takes from it.
"""

from __future__ import annotations

import datetime as datetime_module
import sys
import time
from typing import Any

_Real = datetime_module.datetime
_real_time = time.time


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Real)


def move(seconds: float) -> None:
    """Have this process believe that it is so much later."""
    ahead = datetime_module.timedelta(seconds=seconds)

    class Moved(_Real, metaclass=_Kind):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _Real.now(tz) + ahead

        @classmethod
        def utcnow(cls) -> Any:
            return _Real.now(datetime_module.UTC).replace(tzinfo=None) + ahead

        def __new__(cls, *args: Any, **options: Any) -> Any:
            return _Real(*args, **options)

        @classmethod
        def fromisoformat(cls, text: str) -> Any:
            return _Real.fromisoformat(text)

        @classmethod
        def fromtimestamp(cls, *args: Any, **options: Any) -> Any:
            return _Real.fromtimestamp(*args, **options)

    datetime_module.datetime = Moved  # type: ignore[misc]
    time.time = lambda: _real_time() + seconds


if __name__ == "__main__":
    move(float(sys.argv[1]))
    from naq.cli.main import main

    sys.exit(main(sys.argv[2:]))
