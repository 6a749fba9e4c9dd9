"""A releaser that kills itself with SIGKILL as it calls a named method: `python -m … METHOD`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from naq.client import AsyncClient
from naq.dependencies.releaser import Releaser


async def main(method: str) -> None:
    async def die(*_args: Any, **_options: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(Releaser, method, die)
    async with AsyncClient() as client:
        await Releaser(client.connection).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
