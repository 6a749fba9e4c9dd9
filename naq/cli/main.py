"""The `naq` command: parses, calls the library, prints; no logic of its own.

Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted. A traceback is shown only with `--debug`.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from naq import __version__
from naq.cli.parser import Parser, nearest
from naq.display import inert
from naq.errors import NaqException

EPILOG = """examples:
  naq server                                   run a NATS server with JetStream here
  naq worker mail reports -m myapp.tasks       run jobs of two queues
  naq enqueue myapp.tasks:add 2 3 --json       enqueue a job, print its id
  naq events --follow                          watch every state change
"""

_COMMANDS = {
    "worker": ("naq.cli.worker", "run jobs"),
    "scheduler": ("naq.cli.scheduler", "fire schedules"),
    "server": ("naq.cli.server", "run the bundled NATS server in the foreground"),
    "enqueue": ("naq.cli.enqueue", "put one call into a queue"),
    "result": ("naq.cli.result", "show what became of a job"),
    "job": ("naq.cli.job", "show, retry, cancel and delete jobs"),
    "events": ("naq.cli.events", "read or follow the audit log"),
    "stats": ("naq.cli.stats", "tell how much ran, how long it waited and ran"),
    "workers": ("naq.cli.workers", "list, stop and forget workers and schedulers"),
    "list-workers": ("naq.cli.list_workers", "list workers and schedulers, dead ones too"),
    "schedules": ("naq.cli.schedules", "list, add, pause, resume, trigger and cancel schedules"),
    "queues": ("naq.cli.queues", "list, pause, resume and purge queues"),
    "doctor": ("naq.cli.doctor", "check the server, the streams, the workers and the whole log"),
    "bench": ("naq.cli.bench", "measure what the server and this machine reach"),
    "permissions": ("naq.cli.permissions", "print what a role needs, for a nats-server's configuration"),
    "purge": ("naq.cli.purge", "remove every waiting job of a queue"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. What it raises becomes one line."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    try:
        code = _run(argv)
        sys.stdout.flush()  # here, where a reader that went away is no surprise
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader (head, less) went away: not an error; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except NaqException as exc:
        if "--debug" in argv:
            raise
        print(f"naq: {_one_line(exc)}", file=sys.stderr)
        return exc.exit_code
    except Exception as exc:
        if "--debug" in argv:
            raise
        print(f"naq: {type(exc).__name__}: {_one_line(exc)} (--debug shows where)", file=sys.stderr)
        return 1


def _run(argv: list[str]) -> int:
    try:
        parser = _parser(argv)
        args = parser.parse_args(argv)
        args.argv = argv
    except SystemExit as ending:  # after --help, or a complaint
        return ending.code if isinstance(ending.code, int) else 0
    if not hasattr(args, "run"):
        parser.print_help()
        return 2
    code: int = args.run(args)
    return code


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A ctrl+c counts after this: in the middle of their import, modules written in C (orjson) end the process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _one_line(exc: Exception) -> str:
    return inert(" ".join(str(exc).split())) or "no more is known"


def _parser(argv: Sequence[str]) -> Parser:
    parser = Parser(
        prog="naq",
        description="A task queue on NATS JetStream with an append-only audit log. 'naq-console' is its screen.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"naq {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    wanted = next((word for word in argv if not word.startswith("-")), None)
    if wanted is not None and wanted not in _COMMANDS:
        parser.error(f"there is no command {wanted!r}{nearest(wanted, [*_COMMANDS])}")
    for name, (module, summary) in _COMMANDS.items():
        if name == wanted:
            with _uninterrupted():
                command = import_module(module)  # only the one that runs
            command.register(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


if __name__ == "__main__":
    sys.exit(main())
