"""What is done to records of one kind, in words: for the question, the log and what is said at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from naq_tui.acting.bulk import AT_ONCE
from naq_tui.format import many, plural

Act = Callable[..., Awaitable[Any]]
"""`act(key, reason=…, action_id=…)` does it to one record; returns what came of it. Raises NaqException."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One kind of action."""

    name: str
    noun: str
    """What it is done to: "job", "queue", …"""
    past: str
    effect: str
    effect_of_many: str = ""
    """Empty is `effect`."""
    answer: str = ""
    """The words of the choice that does it; empty is `name`, of one thing with "it" behind it."""
    at_once: int = AT_ONCE
    """How many are under way at most where it is done to many."""
    outcome: Callable[[Sequence[Any]], str] = lambda answers: ""
    """What is said behind `past`, of the answers of those it was done to."""

    def choice(self, number: int) -> str:
        """`pause it`, `pause`."""
        return self.answer or (f"{self.name} it" if number == 1 else self.name)

    def effect_on(self, number: int) -> str:
        return (self.effect_of_many if number > 1 else "") or self.effect

    def done(self, names: Sequence[str], answers: Sequence[Any]) -> str:
        """`Schedule nightly paused`, `12 queues emptied: 48 jobs deleted`, `2 of 3 workers asked to stop`."""
        outcome = self.outcome(answers)
        if len(names) == len(answers) == 1:
            return f"{self.noun.capitalize()} {names[0]} {self.past}{outcome}"
        whole = plural(len(names), self.noun)
        number = whole if len(answers) == len(names) else f"{len(answers):,} of {whole}"
        return f"{number} {self.past}{outcome}"

    @property
    def nouns(self) -> str:
        return many(self.noun)


def named(names: Sequence[str], noun: str) -> str:
    """`schedule nightly`, `3 schedules: digest, minutely, nightly`; of very many the first five."""
    if len(names) == 1:
        return f"{noun} {names[0]}"
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return f"{plural(len(names), noun)}: {shown}"
