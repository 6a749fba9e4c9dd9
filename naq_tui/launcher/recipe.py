"""Launch recipes: what is started here again and again, by name, from the config file.

[recipes.mail]
modules = ["shop.tasks"]
queues = ["mail:3", "default"]
processes = 2
restart = "on-failure"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from naq_tui.launcher.spec import MAX_PROCESSES, LaunchError, LaunchSpec

KINDS = ("worker", "scheduler")
_WORKER_ONLY = ("modules", "queues", "concurrency", "reload")
_FIELDS = {
    "kind": "kind",
    "modules": "modules",
    "queues": "queues",
    "concurrency": "concurrency",
    "environment": "env",
    "folder": "cwd",
    "restart": "restart",
    "hangup": "hangup",
    "reload": "reload",
}
"""Field of the spec by the name of its entry."""
_ENTRIES = (*_FIELDS, "processes")


class RecipeProblem(NamedTuple):
    """An entry that makes a recipe unusable."""

    entry: tuple[str, ...]
    """Where it stands: ("recipes", "mail", "queues")."""
    reason: str

    def __str__(self) -> str:
        return f"{'.'.join(self.entry)}: {self.reason}"


class RecipeError(LaunchError):
    """A recipe can't be used; `problems` has one for each bad entry."""

    def __init__(self, problems: tuple[RecipeProblem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named launch."""

    name: str
    spec: LaunchSpec
    """Of each of its processes; `spec.recipe` is the recipe's name."""
    processes: int = 1
    """How many one launch of it starts."""


def recipe_of(name: str, table: object) -> Recipe:
    """The recipe that a table of the config file makes.

    The folder it names is looked for at each launch, not here: it may come and go.

    Raises:
        RecipeError: it can't be used.
    """
    where = ("recipes", name)
    if not isinstance(table, Mapping):
        raise RecipeError((RecipeProblem(where, f"a table was expected: [recipes.{name}]"),))
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for entry, value in table.items():
        if entry not in _ENTRIES:
            near = get_close_matches(str(entry), _ENTRIES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_ENTRIES)}"
            problems[entry] = f"no entry of a recipe: {hint}"
            continue
        try:
            values[entry] = _READERS[entry](value)
        except ValueError as exc:
            problems[entry] = str(exc)
    processes = values.pop("processes", 1)
    spec = replace(LaunchSpec(recipe=name), **{_FIELDS[entry]: value for entry, value in values.items()})
    if spec.kind == "scheduler":
        problems |= {entry: "a scheduler has none" for entry in _WORKER_ONLY if entry in table}
    entry_of = {field: entry for entry, field in _FIELDS.items()}
    for field, reason in replace(spec, cwd=None).validate().items():
        problems.setdefault(entry_of.get(field, ""), reason)
    if problems:
        raise RecipeError(
            tuple(RecipeProblem((*where, entry) if entry else where, reason) for entry, reason in problems.items())
        )
    return Recipe(name, spec, processes)


def recipes_of(tables: object) -> tuple[dict[str, Recipe], tuple[RecipeProblem, ...]]:
    """The recipes that can be used, by name in the file's order, and a problem for each entry that can't."""
    if tables is None:
        return {}, ()
    if not isinstance(tables, Mapping):
        return {}, (RecipeProblem(("recipes",), "tables were expected: [recipes.mail]"),)
    recipes: dict[str, Recipe] = {}
    problems: list[RecipeProblem] = []
    for name, table in tables.items():
        try:
            recipes[name] = recipe_of(name, table)
        except RecipeError as exc:
            problems += exc.problems
    return recipes, tuple(problems)


def _kind(value: object) -> str:
    if value not in KINDS:
        raise ValueError(f"{value!r} is none: use {' or '.join(map(repr, KINDS))}")
    return str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, not {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"a list of texts was expected, not {value!r}")
    return tuple(value)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a whole number was expected, not {value!r}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false was expected, not {value!r}")
    return value


def _processes(value: object) -> int:
    number = _number(value)
    if not 1 <= number <= MAX_PROCESSES:
        raise ValueError(f"{number} is not possible: use 1 to {MAX_PROCESSES}")
    return number


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError('a table was expected, like { LANG = "C" }')
    for name, text in value.items():
        if not isinstance(text, str | int | float) or isinstance(text, bool):
            # its value stays out of the message: it may be a secret
            raise ValueError(f"{name} is neither a text nor a number")
    return {str(name): str(text) for name, text in value.items()}


def _folder(value: object) -> Path:
    try:
        return Path(_text(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"{value!r:.100} is the home of nobody here") from None


_READERS = {
    "kind": _kind,
    "modules": _texts,
    "queues": _texts,
    "concurrency": _number,
    "environment": _environment,
    "folder": _folder,
    "restart": _text,
    "hangup": _text,
    "reload": _flag,
    "processes": _processes,
}
