"""What to start: the choices of the launch form, and the command they make."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from naq.errors import InvalidQueueNameError, NaqException
from naq.names import DEFAULT_QUEUE, check_queue_name

MAX_CONCURRENCY = 1000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class LaunchError(NaqException):
    """A local process can't be started or acted on; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """One worker or scheduler to run on this machine. `validate` tells what is wrong with it."""

    kind: Literal["worker", "scheduler"] = "worker"
    name: str = ""
    """Empty lets the supervisor choose (`worker-1`)."""
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    """Of a worker; at least one."""
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
        if self.name and not _NAME.fullmatch(self.name):
            problems["name"] = f"{self.name!r} can't be a name: use 1 to 64 letters, digits, '_', '.' or '-'"
        if self.cwd is not None and not self.cwd.is_dir():
            problems["cwd"] = f"{self.cwd} is not a folder"
        for variable in self.env:
            if not variable or "=" in variable or "\0" in variable:
                problems["env"] = f"{variable!r} can't be the name of a variable"
        if self.kind == "scheduler" or self.command is not None:
            return problems
        try:
            for queue in self.queues:
                check_queue_name(queue)
        except InvalidQueueNameError as exc:
            problems["queues"] = str(exc)
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
