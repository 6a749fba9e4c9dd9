"""What to start: the choices of the launch form, and the command they make."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from naq.errors import InvalidQueueNameError, NaqException
from naq.names import DEFAULT_QUEUE, check_queue_name

MAX_CONCURRENCY = 1000
MAX_PROCESSES = 64
"""Most that one launch starts."""
MAX_WEIGHT = 1000

RestartPolicy = Literal["never", "on-failure", "always"]
HangupPolicy = Literal["keep", "drain", "kill"]
RESTART_POLICIES: tuple[RestartPolicy, ...] = get_args(RestartPolicy)
HANGUP_POLICIES: tuple[HangupPolicy, ...] = get_args(HangupPolicy)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class LaunchError(NaqException):
    """A local process can't be started or acted on; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """One worker or scheduler to run on this machine. `validate` tells what is wrong with it."""

    kind: Literal["worker", "scheduler"] = "worker"
    name: str = ""
    """Empty lets the supervisor choose (`worker-1`, or `mail-1` of a recipe named mail)."""
    recipe: str = ""
    """Name of the recipe it is launched from; those of one recipe are scaled together. Empty: it stands alone."""
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    """Of a worker, each with its weight where it has one (`mail:3`); at least one."""
    modules: tuple[str, ...] = ()
    """Of a worker: modules whose functions may run, `pkg.tasks` or `pkg.*`; at least one."""
    concurrency: int = 10
    """Of a worker: jobs at once."""
    server_url: str | None = None
    """None leaves it to the environment. It may hold a secret, so it travels by environment only."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables on top of the console's own."""
    cwd: Path | None = None
    """Folder to start in, where its modules are looked for; None is the console's."""
    restart: RestartPolicy = "never"
    """Whether it is started again when it ended without being asked to: never, after a failure, or always."""
    hangup: HangupPolicy = "keep"
    """What becomes of it when the console loses its terminal: it runs on, is drained, or is killed."""
    reload: bool = False
    """Of a worker: start again when a source file changes (for development)."""
    ends_with_console: bool = False
    """Whether it also ends when the console is killed with -9 (Linux)."""
    command: tuple[str, ...] | None = None
    """Replaces the command that the other fields make; used by tests."""

    def command_line(self) -> list[str]:
        """The command to run; it holds no secret."""
        if self.command is not None:
            return list(self.command)
        line = [sys.executable, "-m", "naq", self.kind]
        if self.name:
            line.append(f"--name={self.name}")
        if self.kind == "worker":
            for module in self.modules:
                line += ["-m", module]
            line.append(f"--concurrency={self.concurrency}")
            if self.reload:
                line.append("--reload")
            if any(queue.startswith("-") for queue in self.queues):
                line.append("--")
            line += self.queues
        return line

    def display(self) -> str:
        """The command as a person would type it."""
        line = self.command_line()
        if line[:3] == [sys.executable, "-m", "naq"]:
            line = ["naq", *line[3:]]
        return shlex.join(line)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables to start it with: `base`, the server's address, then those of `env`."""
        # a child without a terminal would keep its output back until it ends
        variables = {**base, "PYTHONUNBUFFERED": "1"}
        if self.server_url is not None:
            variables["NAQ_NATS_URL"] = self.server_url
        return {**variables, **self.env}

    def validate(self) -> dict[str, str]:
        """What is wrong, one sentence by the name of its field; empty where nothing is."""
        problems: dict[str, str] = {}
        for field_name, name in (("name", self.name), ("recipe", self.recipe)):
            if name and not _NAME.fullmatch(name):
                problems[field_name] = f"{name!r} can't be a name: use 1 to 64 letters, digits, '_', '.' or '-'"
        if self.cwd is not None and not _is_folder(self.cwd):
            problems["cwd"] = f"{self.cwd} is not a folder"
        for variable, value in self.env.items():
            if not variable or "=" in variable or "\0" in variable + value:
                problems["env"] = f"{variable!r} can't be the name of a variable"
        if self.restart not in RESTART_POLICIES:
            problems["restart"] = f"{self.restart!r} is no restart policy: {', '.join(RESTART_POLICIES)}"
        if self.hangup not in HANGUP_POLICIES:
            problems["hangup"] = f"{self.hangup!r} is no hang-up policy: {', '.join(HANGUP_POLICIES)}"
        if self.kind == "worker" and self.command is None:
            problems |= self._validate_worker()
        return problems

    def _validate_worker(self) -> dict[str, str]:
        problems: dict[str, str] = {}
        for queue in self.queues:
            name, colon, weight = queue.partition(":")
            try:
                check_queue_name(name)
            except InvalidQueueNameError as exc:
                problems["queues"] = str(exc)
            if colon and not _is_weight(weight):
                problems["queues"] = f"{queue!r}: a weight above 0 and up to {MAX_WEIGHT} is needed, as in 'mail:3'"
        if not self.queues:
            problems["queues"] = f"name a queue to serve, for example {DEFAULT_QUEUE!r}"
        for module in self.modules:
            if not all(part.isidentifier() for part in module.removesuffix(".*").split(".")):
                problems["modules"] = f"{module!r} can't be a module: write it like 'myapp.tasks' or 'myapp.*'"
        if not self.modules:
            problems["modules"] = "name a module whose functions may run, for example 'naq.examples.tasks'"
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            problems["concurrency"] = f"{self.concurrency} jobs at once is not possible: use 1 to {MAX_CONCURRENCY}"
        return problems


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # longer than any name, or with a NUL in it
        return False


def _is_weight(text: str) -> bool:
    try:
        return 0 < float(text) <= MAX_WEIGHT
    except ValueError:
        return False
