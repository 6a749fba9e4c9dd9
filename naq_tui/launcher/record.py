"""State files: how the next console finds the processes that this one leaves behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from naq.models.times import format_time, parse_time
from naq.server.watch import process_identity
from naq.settings import mask_url
from naq_tui.launcher.crashes import Run
from naq_tui.launcher.spec import HANGUP_POLICIES, RESTART_POLICIES, LaunchSpec


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One running process as its state file tells it."""

    process_id: str
    pid: int
    identity: str
    """As of `naq.server.watch.process_identity`: a pid alone may be somebody else's by now."""
    started_at: datetime
    log_path: Path
    owner_pid: int
    owner_identity: str
    spec: LaunchSpec
    """Without variables: their names only are kept."""
    variables: tuple[str, ...] = ()
    """Names of those that the spec gave."""
    connection: tuple[str, ...] = ()
    """Names of those by which it finds its server."""
    is_stop_asked: bool = False
    restarts: int = 0
    last_run: Run | None = None
    """Its last life that ended."""

    @property
    def is_running(self) -> bool:
        return process_identity(self.pid) == self.identity

    @property
    def has_owner(self) -> bool:
        """Whether the console that watches it is still there."""
        return process_identity(self.owner_pid) == self.owner_identity

    def save(self, folder: Path) -> None:
        """Write it in one step, readable by this user only. Secrets are left out: no variables, no URL with one.

        Raises OSError.
        """
        spec = self.spec
        url = spec.server_url
        text = json.dumps(
            {
                "process_id": self.process_id,
                "pid": self.pid,
                "identity": self.identity,
                "started_at": format_time(self.started_at),
                "log_path": str(self.log_path),
                "owner_pid": self.owner_pid,
                "owner_identity": self.owner_identity,
                "kind": spec.kind,
                "name": spec.name,
                "queues": spec.queues,
                "modules": spec.modules,
                "concurrency": spec.concurrency,
                "server_url": url if url is not None and mask_url(url) == url else None,
                "cwd": None if spec.cwd is None else str(spec.cwd),
                "command": spec.command,
                "recipe": spec.recipe,
                "restart": spec.restart,
                "hangup": spec.hangup,
                "reload": spec.reload,
                "variables": self.variables,
                "connection": self.connection,
                "is_stop_asked": self.is_stop_asked,
                "restarts": self.restarts,
                "last_run": None if self.last_run is None else _told(self.last_run),
            }
        )
        path = record_path(folder, self.process_id)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


def record_path(folder: Path, process_id: str) -> Path:
    return folder / f"{process_id}.json"


def read_records(folder: Path) -> Iterator[tuple[Path, ProcessRecord | None]]:
    """The state files of a folder, oldest first, each with its record, None where it isn't one."""
    records = ((path, _read(path)) for path in folder.glob("*.json"))
    yield from sorted(records, key=lambda item: item[1].started_at.timestamp() if item[1] else 0.0)


def _told(run: Run) -> dict[str, Any]:
    return {
        "started_at": format_time(run.started_at),
        "ended_at": format_time(run.ended_at),
        "exit_code": run.exit_code,
        "was_asked": run.was_asked,
    }


def _run_of(values: Any) -> Run | None:
    """The run that was told so; None where there is none, or it can't be read."""
    if not isinstance(values, dict):
        return None
    started_at, ended_at, code = (
        parse_time(values.get("started_at")),
        parse_time(values.get("ended_at")),
        values.get("exit_code"),
    )
    if started_at is None or ended_at is None or not (code is None or type(code) is int):
        return None
    return Run(started_at, ended_at, code, values.get("was_asked") is True)


def _read(path: Path) -> ProcessRecord | None:
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        started_at = parse_time(values["started_at"])
        log_name = os.path.basename(values["log_path"])  # noqa: PTH119  (never outside the folder)
        if started_at is None or values["kind"] not in ("worker", "scheduler") or values["process_id"] != path.stem:
            return None
        if log_name in ("", ".", ".."):
            return None
        spec = LaunchSpec(
            kind=values["kind"],
            name=str(values["name"]),
            queues=tuple(map(str, values["queues"])),
            modules=tuple(map(str, values["modules"])),
            concurrency=int(values["concurrency"]),
            server_url=values["server_url"],
            cwd=None if values["cwd"] is None else Path(values["cwd"]),
            command=None if values["command"] is None else tuple(map(str, values["command"])),
            recipe=str(values.get("recipe", "")),
            restart=restart if (restart := values.get("restart")) in RESTART_POLICIES else "never",
            reload=values.get("reload") is True,
            hangup=hangup if (hangup := values.get("hangup")) in HANGUP_POLICIES else "keep",
        )
        return ProcessRecord(
            process_id=path.stem,
            pid=int(values["pid"]),
            identity=str(values["identity"]),
            started_at=started_at,
            log_path=path.parent / log_name,
            owner_pid=int(values["owner_pid"]),
            owner_identity=str(values["owner_identity"]),
            spec=spec,
            variables=tuple(map(str, values.get("variables", ()))),
            connection=tuple(map(str, values.get("connection", ()))),
            is_stop_asked=values.get("is_stop_asked") is True,
            restarts=int(values.get("restarts", 0)),
            last_run=_run_of(values.get("last_run")),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
