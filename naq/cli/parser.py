"""The command line's parser: an argument that can't be used is told in one line, as every other error is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that ends with one line and exit code 2; subcommands are made of the same class."""

    def error(self, message: str) -> NoReturn:
        told = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
        self.exit(2, f"{self.prog.split()[0]}: {told} ('{self.prog} --help' tells more)\n")

    def parse_args(self, args: Sequence[str], namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        """As always, but what nobody knows is told by the subcommand that it was given to."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: argparse.ArgumentParser = getattr(parsed, "parser", self)
            parser.error(f"unknown argument {unknown[0]!r}")
        return parsed


def nearest(word: str, words: Sequence[str]) -> str:
    """`, did you mean 'worker'?`, or nothing where nothing is like it."""
    import difflib

    found = difflib.get_close_matches(word, words, 1)
    return f", did you mean {found[0]!r}?" if found else ""
