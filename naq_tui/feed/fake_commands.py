"""What the console does to a made-up system: remembered, not done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from naq.calls import Call
from naq.errors import NaqException
from naq_tui.feed.sample_jobs import job_id
from naq_tui.format import many


class FakeCommands:
    """Remembers what was asked for, as (verb, noun's id)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.reasons: list[str | None] = []
        self.clones: list[tuple[str, list[Any], dict[str, Any]]] = []
        self.added: list[tuple[Call, dict[str, Any], datetime | timedelta | None]] = []
        """Jobs and schedules: what is called, with which options, when."""
        self.changes: list[dict[str, Any]] = []
        """What schedules were changed by."""
        self.parts: list[tuple[str, str]] = []
        """What was asked for as part of an action on many: the action's id, and the key."""
        self.told: list[tuple[str, dict[str, Any]]] = []
        """What was done on this machine: action and details."""
        self.refuses: dict[str, NaqException] = {}
        """What is raised by key: a job, queue, schedule or worker; "" is any."""
        self.refused = 0

    def _note(self, verb: str, key: str, reason: str | None, action_id: str | None = None) -> None:
        refusal = self.refuses.get(key) or self.refuses.get("")
        if refusal is not None:
            self.refused += 1
            raise refusal
        self.calls.append((verb, key))
        self.reasons.append(reason)
        if action_id is not None:
            self.parts.append((action_id, key))

    async def begin(self, verb: str, noun: str, keys: Sequence[str], *, reason: str | None = None) -> str:
        self._note(f"begin {verb} {many(noun)}", str(len(keys)), reason)
        return "action-1"

    async def finish(self, action_id: str, verb: str, noun: str, *, done: int, refused: int) -> None:
        self._note(f"finish {verb} {many(noun)}", f"{done} done, {refused} refused", None)

    async def tell(self, action: str, details: Mapping[str, Any], *, reason: str | None = None) -> str:
        if "" in self.refuses:
            raise self.refuses[""]
        self.told.append((action, dict(details)))
        self.reasons.append(reason)
        return "action-1"

    async def enqueue_job(
        self,
        call: Call,
        options: Mapping[str, Any],
        *,
        due: datetime | timedelta | None = None,
        reason: str | None = None,
    ) -> str:
        self._note("enqueue", str(options["queue_name"]), reason)
        self.added.append((call, dict(options), due))
        return job_id(4_001)

    async def create_schedule(
        self, call: Call, options: Mapping[str, Any], *, run_at: datetime | None = None, reason: str | None = None
    ) -> str:
        made = str(options.get("schedule_id") or options.get("job_id") or job_id(4_002))
        self._note("create", made, reason)
        self.added.append((call, dict(options), run_at))
        return made

    async def pause_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None:
        self._note("pause", schedule_id, reason, action_id)

    async def resume_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None:
        self._note("resume", schedule_id, reason, action_id)

    async def cancel_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> None:
        self._note("cancel", schedule_id, reason, action_id)

    async def trigger_schedule(
        self, schedule_id: str, *, reason: str | None = None, action_id: str | None = None
    ) -> str:
        self._note("trigger", schedule_id, reason, action_id)
        return job_id(4_000)

    async def modify_schedule(self, schedule_id: str, changes: Mapping[str, Any], *, reason: str | None = None) -> None:
        self._note("modify " + ", ".join(sorted(changes)), schedule_id, reason)
        self.changes.append(dict(changes))

    async def pause_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        self._note("pause queue", queue, reason, action_id)

    async def resume_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        self._note("resume queue", queue, reason, action_id)

    async def purge_queue(self, queue: str, *, reason: str | None = None, action_id: str | None = None) -> int:
        self._note("purge", queue, reason, action_id)
        return 12

    async def retry_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        self._note("retry", job_id, reason, action_id)

    async def cancel_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> str:
        self._note("cancel job", job_id, reason, action_id)
        return "CANCELLED"

    async def delete_job(self, job_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        self._note("delete", job_id, reason, action_id)

    async def clone_job(
        self,
        job_id: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        new_id: str,
        reason: str | None = None,
        action_id: str | None = None,
    ) -> str:
        self._note("clone", job_id, reason, action_id)
        self.clones.append((job_id, list(args), dict(kwargs)))
        return new_id

    async def stop_worker(
        self, worker_id: str, *, now: bool = False, reason: str | None = None, action_id: str | None = None
    ) -> None:
        self._note("stop now" if now else "stop", worker_id, reason, action_id)

    async def forget_worker(self, worker_id: str, *, reason: str | None = None, action_id: str | None = None) -> None:
        self._note("forget", worker_id, reason, action_id)
