"""Secrets out of sight: values are hidden by the name they have, and by patterns in any text.

The rules are set once, when the console starts; until then the built-in ones hold. Everything that makes text of
values asks here: reports, lists, copies and exports. `revealed` lifts the rules for one piece of synchronous work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from itertools import chain, islice
from typing import Any, Final, NamedTuple

MASK: Final = "•••"
"""Stands in place of what is hidden."""
_TAG: Final = "$naq"
_DEEPEST = 200
_NAMES = (
    "password",
    "passwd",
    "pass_phrase",
    "secret",
    "token",
    "api_key",
    "access_key",
    "private_key",
    "authorization",
    "credential",
    "cookie",
)
"""Hidden wherever they are part of a name, whatever joins its words: `X-Api-Key`, `userPassword`."""
_WORDS = ("pwd", "auth", "creds")
"""Hidden where they are a whole word of the name."""
_PIECE = 4_096
"""Characters of a long text that are searched between two pauses."""
_LONGEST = 65_536
"""Characters of what is hidden as one thing: where no end is found within them, all of the text behind is hidden."""
_REACH = 4_096
"""Characters behind a piece that patterns of one's own see."""
_NAME_PARTS = 50
"""Parts of a name that is no text that are looked at."""


class _Pattern(NamedTuple):
    """Something to hide in running text; all that tells where it may be is in lower case."""

    regex: re.Pattern[str]
    begins: tuple[str, ...]
    """With one of these it begins, or with what `leads` takes of the text before one: a plain search costs a hundredth
    of a pattern's."""
    needs: tuple[str, ...] = ()
    """One of these is in every text it is found in; of none, one of `begins`."""
    leads: re.Pattern[str] | None = None
    """Read backwards."""

    def may_be_in(self, folded: str) -> bool:
        return any(need in folded for need in self.needs or self.begins)

    def starts_in(self, text: str, first: int, end: int) -> list[int]:
        """Where from `first` to before `end` it may begin, in order."""
        reach = max(map(len, self.begins)) + _SCHEME
        at = max(0, first - reach)
        return [at + start for start in self.starts(_folded(text[at : end + reach]), first - at, end - at)]

    def starts(self, folded: str, first: int, end: int) -> list[int]:
        """The same, of a text that is folded already."""
        found: set[int] = set()
        longest = 0 if self.leads is None else _SCHEME
        for begin in self.begins:
            at = folded.find(begin, first, end + longest + len(begin) - 1)
            while at >= 0:
                if self.leads is None:
                    found.add(at)
                else:
                    lead = self.leads.match(folded[max(0, at - longest) : at][::-1])
                    found.update(range(max(first, at - (lead.end() if lead else 0)), min(at, end)))
                at = folded.find(begin, at + 1, end + longest + len(begin) - 1)
        return sorted(found)


_SCHEME = 21
"""Most characters of the scheme of an address."""
_PATTERNS = (
    # possessive, here and below: what is anybody's text must not be gone through more than once
    _Pattern(
        re.compile(
            r"(?P<url>\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)"
            r"(?:[^\s/@:\"']{0,200}+:(?!\d+[/?#])[^\s@\"']{0,300}+|[^\s/@\"']{1,300}+)@"
        ),
        ("://",),
        ("@",),
        re.compile(r"[a-z0-9+.-]{0,21}"),
    ),
    _Pattern(
        re.compile(r"(?P<scheme>\b(?i:bearer)\s+|\b(?i:basic)\s+(?=[a-z+/]*[0-9A-Z=]))[A-Za-z0-9._~+/=-]{6,}"),
        ("bearer", "basic"),
    ),
    _Pattern(re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}"), ("eyj",)),
    _Pattern(
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            r"[^-]*+(?:-(?!----END)[^-]*+)*+(?:-----END[A-Z0-9 ]{0,40}-----)?"
        ),
        ("-----begin ",),
        ("private key",),
    ),
    _Pattern(
        re.compile(
            r"\b(?:S[ACNOUX][A-Z2-7]{56}|AKIA[0-9A-Z]{16}|gh[oprsu]_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,})"
        ),
        ("sa", "sc", "sn", "so", "su", "sx", "akia", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "xox", "sk-"),
    ),
)
"""Logins in addresses, bearer and basic credentials, JWTs, private keys, NATS seeds and the keys of some services."""
_NAME = re.compile(r"[\w.-]*")
_GIVEN = r"[\w.-]{0,40}+(?:\\?[\"']?\s{0,3}(?:=>|[=:])|\\?[\"']\s{0,3},)\s{0,3}"
_SECRET = (
    r"(?:(?i:bearer|basic|digest|token)\s+)?"
    r"(?:\\\"[\s\S]*?(?:\\\"|\Z)|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[\[{(].*|[^\s,;&)}\]]+)"
)
"""The value behind a name in running text: quoted, in brackets (then all of the line), or up to the next gap."""


_Hide = Callable[[re.Match[str]], str]
"""What is shown in the place of what was found."""


def _hide_match(found: re.Match[str]) -> str:
    groups = found.groupdict()
    if groups.get("url"):
        return f"{groups['url']}{MASK}@"
    return f"{groups.get('scheme') or ''}{MASK}"


class Rules:
    """What is hidden.

    Args:
        keys: more names, each as whole words of a key: "pin" hides `card_pin`, not `shipping`.
        shown: names that are no secret after all.
        patterns: more regular expressions; what they match is hidden, where that takes a few thousand characters.
    """

    def __init__(self, keys: Iterable[str] = (), shown: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        keys = tuple(keys)
        self._parts = tuple(_joined(name) for name in _NAMES)
        self._words = tuple(tuple(_split(name)) for name in (*_WORDS, *keys))
        self._shown = frozenset(_joined(name) for name in shown)
        self._known: dict[str, bool] = {}
        names = "|".join(
            [*(name.replace("_", r"[_\-. ]?") for name in _NAMES), *(rf"\b{re.escape(name)}" for name in keys)]
        )
        named = re.compile(rf"((?:{names}){_GIVEN})({_SECRET})", re.IGNORECASE)
        begins = tuple(name.split("_")[0] for name in _NAMES) + tuple(map(_folded, keys))
        self._patterns: list[tuple[_Pattern, _Hide]] = [(pattern, _hide_match) for pattern in _PATTERNS]
        self._anywhere: list[tuple[re.Pattern[str], _Hide]] = []
        if all(name.isascii() for name in keys):
            self._patterns.append((_Pattern(named, begins), self._hide_named))
        else:  # letters that are the same but for their case are not known to be as many
            self._anywhere.append((named, self._hide_named))
        self._anywhere += [(re.compile(pattern), _hide_match) for pattern in patterns]

    def hides(self, key: Any) -> bool:
        """Whether values of this name are hidden."""
        name = _name_of(key)
        known = self._known.get(name)
        if known is None:
            if len(self._known) > 10_000:  # names come from the wire
                self._known.clear()
            known = self._known[name] = self._judge(name)
        return known

    def _judge(self, name: str) -> bool:
        joined = _joined(name)
        if joined in self._shown:
            return False
        if any(part in joined for part in self._parts):
            return True
        words = _split(name)
        return any(tuple(words[at : at + len(wanted)]) == wanted for wanted in self._words for at in range(len(words)))

    def text(self, text: str) -> str:
        """`text` with what looks like a secret hidden."""
        for passed in self.passes(text):
            text = passed
        return text

    def passes(self, text: str) -> Iterator[str]:
        """`text` after each thing that is looked for in it, the last time all is hidden; as it was where that takes
        long.

        For texts so long that whoever goes through them has to pause.
        """
        is_short = len(text) <= _PIECE
        folded = _folded(text) if is_short else ""
        for pattern, hide in self._patterns:
            if not is_short or pattern.may_be_in(folded):
                for passed in _Looked(pattern.starts_in, pattern.regex, hide).hidden_in(text):
                    yield passed
                if is_short and passed is not text:
                    folded = _folded(passed)
                text = passed
        for regex, hide in self._anywhere:
            for passed in _Looked(partial(_anywhere, regex), regex, hide).hidden_in(text):
                yield passed
            text = passed
        yield text

    def _hide_named(self, found: re.Match[str]) -> str:
        if not self._shown:
            return f"{found.group(1)}{MASK}"
        before = _NAME.match(found.string[max(0, found.start() - 40) : found.start()][::-1])
        name = _NAME.match(found.group(1))
        whole = f"{before.group()[::-1] if before else ''}{name.group() if name else ''}"
        return found.group() if _joined(whole) in self._shown else f"{found.group(1)}{MASK}"

    def value(self, value: Any, depth: int = 0) -> Any:
        """A copy of a JSON value, packed or not, with what is secret hidden."""
        if isinstance(value, str):
            return self.text(value)
        if depth > _DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            if value.get(_TAG) == "dict" and isinstance(value.get("v"), list):
                return {**value, "v": [self._pair(pair, depth) for pair in value["v"]]}
            return {key: self.under(key, item, depth) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, depth + 1) for item in value]
        return value

    def under(self, key: Any, value: Any, depth: int = 0) -> Any:
        """What is shown for `value` under this name: none and truth values tell nothing, so they stay."""
        if value is None or isinstance(value, bool):
            return value
        return MASK if self.hides(key) else self.value(value, depth + 1)

    def _pair(self, pair: Any, depth: int) -> Any:
        if isinstance(pair, list) and len(pair) == 2:
            return [self.value(pair[0], depth + 1), self.under(pair[0], pair[1], depth)]
        return self.value(pair, depth + 1)


class _Nothing(Rules):
    """Hides nothing."""

    def hides(self, key: Any) -> bool:
        return False

    def text(self, text: str) -> str:
        return text

    def passes(self, text: str) -> Iterator[str]:
        yield text

    def value(self, value: Any, depth: int = 0) -> Any:
        return value


def use(rules: Rules) -> None:
    """The rules from now on, everywhere in this process."""
    global _chosen
    _chosen = rules


def active() -> Rules:
    """The rules of the moment."""
    return _active.get() or _chosen


@contextmanager
def revealed(wanted: bool = True) -> Iterator[None]:
    """Hide nothing (where `wanted`) within the block, which must not await."""
    with using(_NOTHING if wanted else _chosen):
        yield


@contextmanager
def using(rules: Rules) -> Iterator[None]:
    """Hide by these rules within the block, which must not await."""
    before = _active.set(rules)
    try:
        yield
    finally:
        _active.reset(before)


class _Looked(NamedTuple):
    """How something is looked for."""

    starts: Callable[[str, int, int], Iterable[int]]
    """Where from one place of a text to before another it may begin, in order."""
    regex: re.Pattern[str]
    """What it is there."""
    hide: _Hide

    def hidden_in(self, text: str) -> Iterator[str]:
        """What is found hidden in the last one; `text` itself where nothing is, and between two pieces of it."""
        kept: list[str] = []
        done = 0
        for first in range(0, len(text), _PIECE):
            if first < done == len(text):
                break
            if first:
                yield text
            for at in self.starts(text, max(first, done), first + _PIECE):
                found = self.regex.match(text, at, at + _LONGEST) if at >= done else None
                if found is None or found.end() == at:
                    continue
                shown = self.hide(found)
                has_no_end = found.end() - at == _LONGEST and shown != found.group()
                kept += (text[done:at], shown)
                done = len(text) if has_no_end else found.end()
        yield "".join((*kept, text[done:])) if kept else text


def _anywhere(regex: re.Pattern[str], text: str, first: int, end: int) -> Iterator[int]:
    """For what can be anything: what takes more than `_REACH` characters to be told may not be found."""
    for found in regex.finditer(text, first, max(first, end) + _REACH):
        if found.start() >= end:
            return
        yield found.start()


def _name_of(key: Any) -> str:
    """A name as text: of one that is none as many of its parts as it is judged by."""
    if isinstance(key, str):
        return key[:500]
    parts: list[str] = []
    left = [key]
    while left and len(parts) < _NAME_PARTS:
        part = left.pop()
        if isinstance(part, Mapping):
            left += islice(chain.from_iterable(part.items()), _NAME_PARTS)
        elif isinstance(part, list | tuple):
            left += islice(part, _NAME_PARTS)
        else:
            parts.append(str(part)[:100])
    return " ".join(parts)


def _folded(text: str) -> str:
    """In lower case, letter by letter as patterns that ignore case take them, and as long as `text`."""
    if not text.isascii():
        text = text.replace("\u0130", "i").replace("\u0131", "i").replace("\u017f", "s")
    return text.lower()


def _joined(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _split(name: str) -> list[str]:
    """`cardPin`, `card_pin` and `CARD-PIN` are the words card, pin."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.casefold() for word in re.split(r"[\W_]+", spaced) if word]


_NOTHING = _Nothing()
_chosen = Rules()
_active: ContextVar[Rules | None] = ContextVar("active", default=None)
"""The rules within a block, None outside; each thread has its own, that of who started it with `asyncio.to_thread`."""
