"""Whose turn it is: which queue gets the next slot of a worker that serves several.

Weights are shares of the slots taken while all queues have work (start-time fair queueing: each start moves its queue
on by 1/weight, the queue that has moved least comes next). A queue that had nothing waiting gains no credit by it, and
a slot is never kept free for it. In strict order a queue comes next only when those before it have nothing waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from naq.errors import ConfigurationError

MAX_WEIGHT = 1000


class Turns:
    """The order between the queues of one worker."""

    def __init__(
        self, queues: Sequence[str], weights: Mapping[str, float] | None = None, *, strict: bool = False
    ) -> None:
        """`weights` from above 0 to 1,000, 1 where a queue has none; with `strict` the order of `queues` decides.

        Raises:
            ConfigurationError: a weight of a queue that is not served or out of range, or weights with `strict`.
        """
        weights = weights or {}
        if strict and weights:
            raise ConfigurationError("weights and strict order exclude each other: give one of them")
        for queue, weight in weights.items():
            if queue not in queues:
                raise ConfigurationError(f"queue {queue!r} has a weight but is not served: name it among the queues")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= MAX_WEIGHT:
                raise ConfigurationError(
                    f"the weight of queue {queue!r} must be a number above 0, at most {MAX_WEIGHT:,}, not {weight!r}"
                )
        self._step = {queue: 1 / weights.get(queue, 1) for queue in queues}
        self._at = dict.fromkeys(queues, 0.0)
        self.is_strict = strict

    def next(self, has_waiting: Callable[[str], bool | None]) -> str | None:
        """The queue that gets a free slot; None where nothing waits or it can't be told yet.

        `has_waiting` says of a queue whether a job of it waits here, None where its answer is under way.
        """
        in_order = self._at if self.is_strict else sorted(self._at, key=self._at.__getitem__)
        for queue in in_order:
            waits = has_waiting(queue)
            if waits is None:
                return None
            if waits:
                return queue
        return None

    def took(self, queue: str, has_waiting: Callable[[str], bool | None]) -> None:
        """`queue` got the slot."""
        if self.is_strict:
            return
        start = self._at[queue]
        for other, at in self._at.items():
            # what had nothing waiting starts level with the others, without credit for its rest
            if at < start and has_waiting(other) is False:
                self._at[other] = start
        self._at[queue] = start + self._step[queue]
        least = min(self._at.values())
        if least > 1e6:  # keeps the sums exact in a worker that runs for months
            self._at = {name: at - least for name, at in self._at.items()}
