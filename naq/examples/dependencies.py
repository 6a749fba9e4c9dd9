"""Jobs that wait for other jobs: a chord, a chain, and one that cleans up whatever happens.

$ naq worker -m naq.examples.dependencies
$ python -m naq.examples.dependencies
chord: 10 words
chain: <h1>THE END</h1>
broken: DependencyFailed
cleaned up
"""

from __future__ import annotations

import asyncio

import naq

PAGES = ["it was a dark night", "and it rained", "ever on"]


def count_words(page: str) -> int:
    return len(page.split())


def add_up(counts: list[int]) -> str:
    """Gets the values of all jobs before it."""
    return f"{sum(counts)} words"


def shout(text: str) -> str:
    return text.upper()


def as_title(text: str) -> str:
    return f"<h1>{text}</h1>"


def tear(page: str) -> str:
    raise OSError(f"{page} is torn")


def clean_up() -> str:
    return "cleaned up"


async def main() -> None:
    total = await naq.chord([(count_words, (page,)) for page in PAGES], (add_up, ()))
    print("chord:", await total.result(timeout=10))

    title = (await naq.chain([(shout, ("the end",)), (as_title, ())]))[-1]
    print("chain:", await title.result(timeout=10))

    torn = await naq.enqueue(tear, "page 7")
    behind = await naq.enqueue(shout, depends_on=torn, pass_results=True)
    always = await naq.enqueue(clean_up, depends_on=[torn, behind], allow_failed=True)
    try:
        await behind.result(timeout=10)
    except naq.JobExecutionError as exc:
        print("broken:", exc.error_type)
    print(await always.result(timeout=10))


if __name__ == "__main__":
    asyncio.run(main())
