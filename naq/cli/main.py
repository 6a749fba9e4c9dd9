"""The `naq` command: parses, calls the library, prints; no logic of its own.

Exit codes: 0 done, 1 failed, 2 wrong usage or input. A traceback is shown only with `--debug`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from naq import __version__
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
    "workers": ("naq.cli.workers", "list, stop and forget workers and schedulers"),
    "list-workers": ("naq.cli.list_workers", "list workers and schedulers, dead ones too"),
    "schedules": ("naq.cli.schedules", "list, add, pause, resume, trigger and cancel schedules"),
    "queues": ("naq.cli.queues", "list, pause, resume and purge queues"),
    "purge": ("naq.cli.purge", "remove every waiting job of a queue"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(argv)
    args = parser.parse_args(argv)
    if not hasattr(args, "run"):
        parser.print_help()
        return 2
    return guarded(args.run, args)


def guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command and turn what it raises into one line and an exit code."""
    try:
        return run(args)
    except NaqException as exc:
        if getattr(args, "debug", False):
            raise
        print(f"naq: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader (head, less) went away: not an error; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="naq",
        description="A task queue on NATS JetStream with an append-only audit log. 'naq-console' is its screen.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"naq {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    wanted = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, summary) in _COMMANDS.items():
        if name == wanted:
            import_module(module).register(subparsers)  # only the command that runs is imported
        else:
            subparsers.add_parser(name, help=summary)
    return parser


if __name__ == "__main__":
    sys.exit(main())
