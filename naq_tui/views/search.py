"""The filter language of all lists: words, `field:value,other`, `!` for not, quotes for spaces. Pure.

What a job was called with is a field with places in it: `arg:42` is any argument with 42 in it, `arg.user.id:42` one at
that place, and with `=` in front of a value it is the whole of it: `arg.user.id:=42`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from naq_tui.views.called_with import Argument, is_at

ALIASES = {"fn": "function", "q": "queue", "wk": "worker", "id": "job", "args": "arg", "tags": "tag"}
"""Short names of fields; each counts only where the list has the field it stands for."""

MOST = 4_000
"""Characters of a filter that are read."""
ARGUMENT = "arg"
_NAME = r"(?i:args?)(?:\.[^\s\":.,]+)+|[A-Za-z_]+"
_TERM = re.compile(rf'(?P<no>!?)(?:(?P<name>{_NAME}):(?!//))?(?P<value>(?:"[^"]*(?:"|$)|[^\s"]+)*)')
_VALUE = re.compile(r'(?:"[^"]*(?:"|$)|[^,"]+)+')
_UNFINISHED = re.compile(rf'!?(?:(?P<name>{_NAME}):(?P<values>[^\s"]*)|(?P<word>(?i:args?)\.[^\s":,]*|[A-Za-z_]+))$')
_SUGGESTED = re.compile(r'[^\s",!]+')


@dataclass(frozen=True, slots=True)
class Term:
    """One condition."""

    field: str
    """Empty is the whole row."""
    values: tuple[str, ...]
    """In folded case; one of them must occur."""
    is_negated: bool = False
    path: tuple[str, ...] = ()
    """Where in the arguments, in folded case; empty is anywhere."""

    @property
    def label(self) -> str:
        """The term as it is typed."""
        value = ",".join(f'"{value}"' if " " in value else value for value in self.values)
        name = ".".join((self.field, *self.path))
        return f"{'!' if self.is_negated else ''}{f'{name}:' if name else ''}{value}"

    def holds(self, text: str) -> bool:
        """Whether a row holds that has this text in the field."""
        text = text.casefold()
        return any(value in text for value in self.values) is not self.is_negated

    def holds_in(self, call: Sequence[Argument]) -> bool:
        """Whether a job holds that was called so."""
        texts = [argument.text for argument in call if is_at(argument.path, self.path)]
        found = any(
            text == value[1:] if value.startswith("=") else value in text for value in self.values for text in texts
        )
        return found is not self.is_negated


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for: every term must hold; upper and lower case are the same."""

    text: str
    fields: Collection[str] | None = field(default=None, compare=False)
    """Names that the list has; None takes every name."""
    terms: tuple[Term, ...] = field(init=False, compare=False)
    problem: str = field(init=False, compare=False)
    """What could not be used of it, for the reader; empty where all could."""

    def __post_init__(self) -> None:
        terms, unknown = [], []
        for match in _TERM.finditer(self.text[:MOST]):
            name, value = (match["name"] or "").casefold(), match["value"]
            if not name:
                word = (value.replace('"', "") or match["no"]).casefold()
                if word:
                    terms.append(Term("", (word,), bool(match["no"] and value)))
                continue
            name, *path = name.split(".")
            resolved = _resolve(name, self.fields)
            values = tuple(v.replace('"', "").casefold() for v in _VALUE.findall(value) if v.strip('"'))
            if resolved is None:
                unknown.append(name)
            elif values:
                terms.append(Term(resolved, values, bool(match["no"]), tuple(path)))
        object.__setattr__(self, "terms", tuple(terms))
        object.__setattr__(self, "problem", self._told(unknown))

    def _told(self, unknown: list[str]) -> str:
        if not unknown or self.fields is None:
            return ""
        return f"no field {', '.join(unknown)} here: {' '.join(self.fields)}"

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.terms)

    @property
    def chips(self) -> tuple[str, ...]:
        return tuple(term.label for term in self.terms)

    def matches(self, row_text: str, fields: Callable[[], Mapping[str, str]] = dict) -> bool:
        """Whether a row with this text and these fields (asked for only where a term names one) is wanted."""
        return self.judge(row_text, fields) is True

    def judge(
        self,
        row_text: str,
        fields: Callable[[], Mapping[str, str]] = dict,
        call: Callable[[], Sequence[Argument] | None] = lambda: None,
        unknown: Collection[str] = (),
    ) -> bool | None:
        """Whether a row is wanted; None where it may be, but depends on a field that is `unknown` of it.

        `call` gives the arguments of the row's job, None where they are not known.
        """
        named: Mapping[str, str] | None = None
        is_known = True
        for term in self.terms:
            if term.field in unknown:
                is_known = False
            elif term.field == ARGUMENT and (self.fields is not None and ARGUMENT in self.fields):
                told = call()
                if told is None:
                    is_known = False
                elif not term.holds_in(told):
                    return False
            elif term.field:
                if named is None:
                    named = fields()
                if not term.holds(named.get(term.field, "")):
                    return False
            elif not term.holds(row_text):
                return False
        return True if is_known else None


def complete(text: str, fields: Iterable[str], values: Callable[[str], Iterable[str]]) -> str | None:
    """`text` with its last word completed to a field's name or to a known value of it; None where nothing fits.

    `values` gives those of a field, of `arg.user.id` those at that place, and of `arg.` the places there are.
    """
    match = _UNFINISHED.search(text)
    if match is None or (match.start() and not text[match.start() - 1].isspace()):
        return None
    names = tuple(fields)
    word, _, path = (match["word"] or match["name"]).casefold().partition(".")
    name = _resolve(word, names)
    if match["word"] and "." in match["word"]:
        found = _first(values(f"{name}."), path) if name else None
        return None if found is None else f"{text}{found[len(path) :]}:"
    if match["word"]:
        found = next((known for known in names if known.startswith(word)), None)
        return None if found is None else f"{text}{found[len(word) :]}:"
    if name is None:
        return None
    start = match["values"].rpartition(",")[2].casefold()
    # what stands in one cell may be several: tags, the queues of a worker
    known = (part for value in values(f"{name}.{path}" if path else name) for part in value.split(", "))
    found = _first(known, start)
    return None if found is None else text + found[len(start) :]


def _first(known: Iterable[str], start: str) -> str | None:
    """The first that goes on where `start` ends."""
    fitting = (text for text in known if _SUGGESTED.fullmatch(text))
    fitting = (text for text in fitting if text.casefold().startswith(start) and len(text) > len(start))
    return min(fitting, key=str.casefold, default=None)


def _resolve(name: str, fields: Collection[str] | None) -> str | None:
    """The field that `name` means; None where the list has no such field."""
    full = ALIASES.get(name, name)
    if fields is None or full in fields:
        return full
    if f"{full}s" in fields:
        return f"{full}s"
    return None
