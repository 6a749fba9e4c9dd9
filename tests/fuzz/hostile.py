"""Text and values that are made to do harm, and valid records spoilt with them."""

from __future__ import annotations

import copy
import json
import random
import re
import unicodedata
from collections.abc import Callable
from typing import Any

PAYLOADS = {
    "escapes": "\x1b[2J\x1b]0;owned\x07\x1b]52;c;aGk=\x07\x1b[?1049lx",
    "c1": "\x9b2J\x9d0;owned\x9cx",
    "bidi": "\u202egnp.exe\u2066abc\u2069\u200f",
    "markup": "[red]x[/red] [@click=app.quit]y[/] [/] [link=http://a]z",
    "controls": "a\x00b\x07c\x08d\re\nf\tg\x7fh",
    "wide": "日本語のとても長い文字列 👩‍👩‍👧‍👦 ❤️ 1️⃣ 👍🏽",
    "combining": "a" + "\u0301" * 400,
    "invisible": "a\u200bb\u00adc\U000e0041d\ufeffe",
    "separators": "a\u2028b\u2029c\x85d",
    "surrogate": "a\ud800b",
    "long": "x" * 1_000_000,
}
"""One text of each kind that has ever fooled a terminal."""

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "＝1", "＋1", "－1", "＠x", "\ufeff=1")

_TEXTS = (
    *(text for name, text in PAYLOADS.items() if name != "long"),
    *FORMULAS,
    "",
    " ",
    ".",
    "..",
    "*",
    ">",
    "a.b",
    "__class__",
    "os:system",
    "$naq",
    "password=hunter2",
    "nats://user:secret@host",
    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "{}",
    "[]",
    "null",
    "NaN",
    "1e400",
    "0",
    "-1",
    "9" * 25,
    "0x" + "f" * 40,
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-24T14:03:00.123456Z",
    "2026-11-24T14:03:00+23:59",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "\u0661\u0662\u0663",
    "²",
    "\ufffd",
    "İ",
    "ﬀ",
    "Ａ",
    "\U0010ffff",
    "\x1b]8;;http://evil\x07link\x1b]8;;\x07",
    "\x1bP$q\x1b\\",
    "%s%n{0.__class__}",
    "line one\nline two\r\nline three",
    "UTC",
    "../../etc/passwd",
    "Europe/Berlin",
)
_NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    10**30,
    10**400,
    0.1,
    -0.0,
    1e-320,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)
_TAGS = (
    "tuple",
    "set",
    "frozenset",
    "dict",
    "datetime",
    "date",
    "time",
    "timedelta",
    "decimal",
    "uuid",
    "bytes",
    "int",
    "float",
    "enum",
    "namedtuple",
    "dataclass",
    "else",
)
_DEEP = re.compile(r'"(?:\\u0000)DEEP(\[|\{):(\d+)"')
_PARTS = tuple("abcxyz019 _-.,:;=/\\'\"[]{}()<>#@!*+%$&|~^`\t\n\r\x00\x07\x1b\x7f\x85\x9b\u0301\u200e\u202e日é👍\ud800")


def is_harmless(text: str) -> bool:
    """Whether nothing in one line can do anything to a terminal: no control, no bidi mark, nothing invisible."""
    if text.isascii():
        return text.isprintable()
    return not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u200d\ufeff"
        for c in text
    )


def text(rng: random.Random) -> str:
    """A text: one of the known bad ones, a long one now and then, or characters at random."""
    choice = rng.random()
    if choice < 0.6:
        return rng.choice(_TEXTS)
    if choice < 0.61:
        return rng.choice(("x", "=", "日", "\x1b[1m", "a\u0301", "token=", '"', "-1 ", "1m")) * rng.choice((300, 5_000))
    if choice < 0.611:
        unit = rng.choice(("x", "日本", "\x1b[31m", "password: ", "a\n", "nats://", "token.", '"', "a\u0301"))
        return unit * (rng.choice((100_000, 1_000_000)) // len(unit))
    return "".join(rng.choices(_PARTS, k=rng.randint(0, 24)))


def value(rng: random.Random, depth: int = 0) -> Any:
    """A JSON value of any shape; a nesting of ten thousand levels is a text that `wire` spells out."""
    kind = rng.randint(0, 12 if depth < 4 else 8)
    if kind <= 4:
        return text(rng)
    if kind <= 6:
        return rng.choice(_NUMBERS)
    if kind <= 8:
        return rng.choice((None, True, False))
    if kind <= 10:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    if kind == 11 and rng.random() < 0.03:
        return f"\x00DEEP{rng.choice('[{')}:{rng.choice((90, 150, 900, 1_100, 10_000))}"
    if kind == 11:
        return tagged(rng, depth)
    return {text(rng)[:200]: value(rng, depth + 1) for _ in range(rng.randint(0, 4))}


def tagged(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """A packed value whose tag and body may not go together."""
    body: Any = value(rng, depth + 1)
    if rng.random() < 0.4:
        body = rng.choice(([[1, 2]], [1, 2, 3], "1.5", "0xff", "AAAA", {"t": "2026-01-01T00:00:00", "zone": "UTC"}))
    found = {"$naq": rng.choice(_TAGS), "v": body}
    if rng.random() < 0.5:
        found["class"] = rng.choice(("naq.models.result:Attempt", "decimal:Decimal", "os:_Environ", text(rng)))
    return found


def spoilt(rng: random.Random, record: Any) -> Any:
    """A copy of a valid record with one to three things wrong in it, at any depth."""
    record = copy.deepcopy(record)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        record = _spoil(rng, record)
    return record


def _spoil(rng: random.Random, found: Any) -> Any:
    if isinstance(found, dict) and found and rng.random() < 0.95:
        key = rng.choice(list(found))
        act = rng.random()
        if act < 0.25:
            del found[key]
        elif act < 0.3:
            found[text(rng)[:200]] = value(rng)
        elif isinstance(found[key], dict | list) and act < 0.7:
            found[key] = _spoil(rng, found[key])
        else:
            found[key] = value(rng)
        return found
    if isinstance(found, list) and found and rng.random() < 0.9:
        place = rng.randrange(len(found))
        act = rng.random()
        if act < 0.2:
            del found[place]
        elif act < 0.3:
            found.extend(found[:50])
        elif act < 0.6:
            found[place] = _spoil(rng, found[place])
        else:
            found[place] = value(rng)
        return found
    return value(rng)


def wire(record: Any) -> bytes:
    """JSON as somebody else may write it: NaN, lone surrogates, numbers of any size, any nesting."""
    written = json.dumps(record, ensure_ascii=True)
    if "DEEP" in written:
        written = _DEEP.sub(_nested, written)
    return written.encode()


def _nested(found: re.Match[str]) -> str:
    levels = int(found[2])
    return "[" * levels + "]" * levels if found[1] == "[" else '{"a":' * levels + "1" + "}" * levels


def mangled(rng: random.Random, raw: bytes) -> bytes:
    """Bytes with a few of them changed, lost, doubled or added."""
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if data:
                data[place % len(data)] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randint(1, 8)]
            case 2:
                data[place:place] = rng.randbytes(rng.randint(1, 4))
            case 3:
                data[place:place] = data[place : place + rng.randint(1, 40)]
            case 4:
                del data[place:]
            case _:
                data[place:place] = rng.choice(
                    (b"\xff\xfe", b"\\ud800", b"\x1b[2J", b"1e999", b"[" * 2_000, b'"', b"\r\n")
                )
    return bytes(data)


def either(*makers: Callable[[random.Random], Any]) -> Callable[[random.Random], Any]:
    """What one of the makers, chosen at random, makes."""
    return lambda rng: rng.choice(makers)(rng)
