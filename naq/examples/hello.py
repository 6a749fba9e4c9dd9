"""One function, called here and run there.

$ naq worker -m naq.examples.hello
$ python -m naq.examples.hello
Hello, world!
Hello, Ada! Hello, Grace! Hello, Edsger!
"""

from __future__ import annotations

import asyncio

import naq


def greet(name: str) -> str:
    return f"Hello, {name}!"


async def main() -> None:
    job = await naq.enqueue(greet, "world")
    print(await job.result(timeout=10))
    many = await naq.group([(greet, (name,)) for name in ("Ada", "Grace", "Edsger")])
    print(*await many.wait(timeout=10))


if __name__ == "__main__":
    asyncio.run(main())
