"""What the user writes for the console: `config.toml` in the configuration folder. It is only ever read.

A wrong entry is told with its file, line and reason and has no effect, except where it was meant to protect: an
unreadable file makes the console read-only, an unusable `production` or `read_only` counts as true.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from naq_tui.text import safe

FILE_NAME = "config.toml"
_LONGEST = 100_000
_LONGEST_PATTERN = 500
"""Characters. Python takes long to read and to compile what is longer, and people don't write it."""


class Problem(NamedTuple):
    """An entry that can't be used."""

    path: Path
    line: int
    """From 1; 0 where no line is to blame."""
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}" if self.line else f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEntry:
    """A `[contexts.NAME]` table: one system, by where it is or by the context of the `nats` command line to use."""

    name: str
    server: str | None = None
    """Address(es), comma separated; None uses `nats_context`."""
    nats_context: str | None = None
    """A context of the `nats` command line; None is the one of the same name, if `server` is None too."""
    prefix: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    creds: str | None = None
    nkey: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    production: bool = False
    read_only: bool | None = None
    """None is read-only where it is production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be written; None means that nothing is said about it."""

    theme: str | None = None
    context: str | None = None
    """Opened where the command line names neither a server nor a context."""
    timezone: str | None = None
    """"UTC", "local" or an IANA name."""
    times: str | None = None
    """"relative" or "absolute"; None gives each column the one that suits it."""
    ascii: bool = False
    mouse: bool = True
    bell: bool = False
    """Whether the terminal's bell rings when something breaks."""
    read_only: bool = False
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by the id of an action."""
    mask_keys: tuple[str, ...] = ()
    mask_shown: tuple[str, ...] = ()
    mask_patterns: tuple[str, ...] = ()
    contexts: Mapping[str, ContextEntry] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    """Top-level entries that other parts of the console read for themselves, as they were written."""
    problems: tuple[Problem, ...] = ()
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Line of each entry and table by its path."""
    path: Path = Path(FILE_NAME)

    def problem(self, entry: tuple[str, ...], reason: str) -> Problem:
        """A problem with an entry, at its line."""
        return Problem(self.path, _nearest(self.lines, entry), reason)


ELSEWHERE = frozenset({"recipes"})
"""Top-level tables that are read by other parts of the console."""


def config_folder() -> Path:
    """NAQ_CONFIG_DIR, else this user's configuration folder."""
    folder = os.environ.get("NAQ_CONFIG_DIR")
    if folder:
        return Path(folder).expanduser()
    from platformdirs import user_config_path

    return user_config_path("naq", appauthor=False)


def load_config(path: Path | None = None) -> Config:
    """The file at `path` (None is this user's); a file that isn't there says nothing. Never raises."""
    path = config_folder() / FILE_NAME if path is None else path
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
    except FileNotFoundError:
        return Config(path=path)
    except (OSError, UnicodeDecodeError) as exc:
        return _unreadable(path, 0, f"it can't be read ({exc}): the console is read-only")
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> Config:
    """The entries of `text`; `path` is what problems are reported with."""
    if len(text) > _LONGEST:
        return _unreadable(path, 0, f"it is longer than {_LONGEST:,} characters: the console is read-only")
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        found = re.search(r"\(at line (\d+)", str(exc))
        line = int(found.group(1)) if found else len(text.splitlines())
        reason = re.sub(r" \(at .*\)$", "", str(exc))
        return _unreadable(path, line, f"{reason}: nothing of the file is used, and the console is read-only")
    return _Reading(values, entry_lines(text), path).config()


def _unreadable(path: Path, line: int, reason: str) -> Config:
    return Config(path=path, read_only=True, problems=(Problem(path, line, safe(reason, 300)),))


class _Reading:
    """One pass over the parsed file."""

    def __init__(self, values: dict[str, Any], lines: Mapping[tuple[str, ...], int], path: Path) -> None:
        self._values, self._lines, self._path = values, lines, path
        self._problems: list[Problem] = []

    def config(self) -> Config:
        found: dict[str, Any] = {}
        tables: dict[str, Any] = {}
        for name, value in self._values.items():
            if name in ELSEWHERE:
                tables[name] = value
            elif name in _READERS:
                self._take(found, (name,), value, _READERS[name], protects=name == "read_only")
            elif name == "keys":
                found["keys"] = self._keys(value)
            elif name == "masking":
                found |= self._masking(value)
            elif name == "contexts":
                found["contexts"] = self._contexts(value)
            else:
                self._refuse((name,), f"there is no setting {name!r}{_meant(name, _TOP)}")
        return Config(**found, tables=tables, problems=tuple(self._problems), lines=dict(self._lines), path=self._path)

    def _refuse(self, entry: tuple[str, ...], reason: str) -> None:
        self._problems.append(Problem(self._path, _nearest(self._lines, entry), safe(reason, 300)))

    def _take(
        self,
        found: dict[str, Any],
        entry: tuple[str, ...],
        value: Any,
        read: Callable[[Any], Any],
        *,
        protects: bool = False,
    ) -> None:
        """Put the value under the entry's last name, or refuse it."""
        try:
            found[entry[-1]] = read(value)
        except ValueError as exc:
            if protects:
                found[entry[-1]] = True
            self._refuse(entry, f"{'.'.join(entry)}: {exc}{'; taken as true' if protects else ''}")

    def _table(self, entry: tuple[str, ...], value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self._refuse(entry, f"{'.'.join(entry)}: a table was expected: [{'.'.join(entry)}]")
        return {}

    def _keys(self, value: Any) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for action, given in _flat(self._table(("keys",), value)):
            entry = ("keys", *action.split("."))
            given = [given] if isinstance(given, str) else given
            if isinstance(given, list) and given and all(isinstance(key, str) and key.strip() for key in given):
                found[action] = tuple(key.strip() for key in given)
            else:
                self._refuse(entry, f"keys.{action}: a key or a list of keys was expected")
        return found

    def _masking(self, value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, given in self._table(("masking",), value).items():
            read = {"keys": _texts, "shown": _texts, "patterns": _patterns}.get(name)
            if read is None:
                self._refuse(("masking", name), f"there is no setting masking.{name}: keys, shown or patterns")
                continue
            # each on its own: one that is refused must not bring to light what the others hide
            for part in [[item] for item in given] if isinstance(given, list) else [given]:
                taken: dict[str, Any] = {}
                self._take(taken, ("masking", name), part, read)
                found[f"mask_{name}"] = (*found.get(f"mask_{name}", ()), *taken.get(name, ()))
        return found

    def _contexts(self, value: Any) -> dict[str, ContextEntry]:
        found: dict[str, ContextEntry] = {}
        for name, table in self._table(("contexts",), value).items():
            taken: dict[str, Any] = {}
            for key, given in self._table(("contexts", name), table).items():
                entry = ("contexts", name, key)
                protects = key in ("production", "read_only")
                if key in _CONTEXT_KEYS:
                    self._take(taken, entry, given, _flag if protects else _text, protects=protects)
                else:
                    self._refuse(entry, f"there is no setting contexts.{name}.{key}{_meant(key, _CONTEXT_KEYS)}")
            found[name] = ContextEntry(name=name, **taken)
        return found


def entry_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line, from 1, of every `[table]` and `key =` of a TOML file, by its path."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    open_quotes = ""
    for number, line in enumerate(text.splitlines(), 1):
        if open_quotes:
            open_quotes = "" if open_quotes in line else open_quotes
            continue
        stripped = line.strip()
        if stripped.startswith("["):
            path = _path_of(stripped)
            if path:
                table = path
                lines.setdefault(table, number)
        elif "=" in stripped and not stripped.startswith("#"):
            head, _, value = stripped.partition("=")
            path = _path_of(f"{head} = 0")
            if path:
                lines.setdefault((*table, *path), number)
                if path[-1] and "." in path[-1]:
                    lines.setdefault((*table, *path[:-1], *path[-1].split(".")), number)
            open_quotes = next((q for q in ('"""', "'''") if value.count(q) == 1), "")
    return lines


def _path_of(line: str) -> tuple[str, ...]:
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(value, dict | list) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        name, value = next(iter(value.items()))
        path.append(name)
    return tuple(path)


def _nearest(lines: Mapping[tuple[str, ...], int], entry: tuple[str, ...]) -> int:
    """The line of the entry, else of the innermost table around it that has one, else 0."""
    for length in range(len(entry), 0, -1):
        if entry[:length] in lines:
            return lines[entry[:length]]
    return 0


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """`job.retry = …` and `"job.retry" = …` are the same."""
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((before + name, value))
    return found


def _meant(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError('text in quotes was expected, like "name"')
    return value.strip()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false was expected")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise ValueError('a list of texts was expected, like ["iban", "pin"]')
    return tuple(text.strip() for text in value)


def _patterns(value: Any) -> tuple[str, ...]:
    patterns = _texts(value)
    for pattern in patterns:
        if len(pattern) > _LONGEST_PATTERN:
            raise ValueError(
                f"a pattern of {len(pattern):,} characters is too long: {_LONGEST_PATTERN} at most, "
                "several patterns do the same"
            )
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as exc:
            raise ValueError(f"{pattern!r} is not a regular expression: {exc}") from None
    return patterns


def _times(value: Any) -> str:
    if value not in ("relative", "absolute"):
        raise ValueError('"relative" or "absolute" was expected')
    return str(value)


def zone_name(value: Any) -> str:
    """`value` where it is "UTC", "local" or a known IANA name. Raises ValueError, with the reason."""
    name = _text(value)
    if name not in ("UTC", "local"):
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError(f'{name!r} is no time zone: "UTC", "local" or one like "Europe/Berlin"') from None
    return name


_READERS: dict[str, Callable[[Any], Any]] = {
    "theme": _text,
    "context": _text,
    "timezone": zone_name,
    "times": _times,
    "ascii": _flag,
    "mouse": _flag,
    "bell": _flag,
    "read_only": _flag,
}
_TOP = (*_READERS, "keys", "masking", "contexts", *ELSEWHERE)
_CONTEXT_KEYS = tuple(entry.name for entry in fields(ContextEntry) if entry.name != "name")
