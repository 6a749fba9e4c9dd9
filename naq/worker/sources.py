"""The source files of a worker, watched for changes by their times: for development, so that nothing is installed.

Watched are the Python files below the working folder, and those of the named modules' packages where these lie
elsewhere (an installed package is not watched). At most `MAX_FILES`, found in at most `MAX_FOLDERS`.
"""

from __future__ import annotations

import ast
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger(__name__)

MAX_FILES = 5_000
MAX_FOLDERS = 2_000
_NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})


class Sources:
    """Files, and when each was last written."""

    def __init__(self, modules: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._roots = [folder, *_elsewhere(modules, folder)]
        self._is_warned = False
        self._seen = self._scan()

    def changed(self) -> set[Path]:
        """Files written, added or removed since the last call, relative to the folder where they are below it."""
        before, self._seen = self._seen, self._scan()
        paths = {path for path, _ in before.items() ^ self._seen.items()}
        return {path.relative_to(self._folder) if path.is_relative_to(self._folder) else path for path in paths}

    def _scan(self) -> dict[Path, int]:
        found: dict[Path, int] = {}
        for path in _files(self._roots):
            if len(found) >= MAX_FILES:
                if not self._is_warned:
                    log.warning("only %s source files are watched: start in the folder of your code", f"{MAX_FILES:,}")
                    self._is_warned = True
                break
            try:
                found[path] = path.stat().st_mtime_ns
            except OSError:
                continue  # removed in between
        return found


def syntax_error(paths: Iterable[Path]) -> str | None:
    """What keeps one of the files from being read as Python, with its place; None where nothing does."""
    for path in sorted(paths):
        try:
            source = path.read_bytes()
        except OSError:
            continue  # removed
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(source, filename=str(path))
        except SyntaxError as exc:
            return f"{path}, line {exc.lineno}: {exc.msg}"
        except ValueError as exc:
            return f"{path}: {exc}"
    return None


def _elsewhere(modules: Sequence[str], folder: Path) -> Iterator[Path]:
    """Folders and files of the modules' outermost packages, but for those below `folder` and installed ones."""
    for name in sorted({module.partition(".")[0] for module in modules}):
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            continue  # the worker says what is wrong with it
        places = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin or ""]
        for place in places[:1]:
            path = Path(place)
            if path.exists() and not path.is_relative_to(folder) and not _NOT_OURS & set(path.parts):
                yield path


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    folders = 0
    for root in roots:
        if root.is_file():
            yield root
            continue
        for place, below, names in os.walk(root):
            folders += 1
            if folders > MAX_FOLDERS:
                return
            below[:] = sorted(
                name
                for name in below
                if not name.startswith(".")
                and name not in _NOT_OURS
                and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))  # noqa: PTH110, PTH118
            )
            yield from (Path(place, name) for name in names if name.endswith(".py"))
