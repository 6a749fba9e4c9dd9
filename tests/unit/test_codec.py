"""Values to JSON and back."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import sys
import types
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naq import codec
from naq.errors import SerializationError

BERLIN = ZoneInfo("Europe/Berlin")


class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    RUN = 4


class Point(NamedTuple):
    x: float
    y: float


class NamedPoint(namedtuple("NamedPointBase", "x y")):
    """Named tuples are often extended."""


@dataclass
class Line:
    amount: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    number: int
    lines: list[Line] = field(default_factory=list)
    placed: datetime | None = None


@dataclass
class Cautious:
    value: int

    def __post_init__(self) -> None:
        raise AssertionError("a payload runs no constructor")


@dataclass
class WithCache:
    value: int

    @functools.cached_property
    def twice(self) -> int:
        return self.value * 2


@dataclass
class DictLike(dict[str, int]):
    value: int = 1


class Text(str):
    __slots__ = ()


class NoOffset(tzinfo):
    def utcoffset(self, _moment: datetime | None) -> timedelta | None:
        return None


class Holder:
    class Inner(enum.Enum):
        ONE = 1


def through(value: Any) -> Any:
    """Over the wire and back."""
    return codec.unpack(codec.loads(codec.dumps(codec.pack(value))))


def same(left: Any, right: Any) -> bool:
    """Equal, of the same types all the way down, and NaN is NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (left == right and math.copysign(1, left) == math.copysign(1, right)) or (
            left != left and right != right
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, each.name), getattr(right, each.name)) for each in dataclasses.fields(left))
    if isinstance(left, datetime):
        return left == right and left.utcoffset() == right.utcoffset() and left.fold == right.fold
    return bool(left == right)


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"]))
)
hashable = st.one_of(
    st.booleans(),
    st.integers(),
    st.text("ab$naqü", max_size=4),
    st.binary(max_size=5),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(BERLIN)),  # noqa: DTZ001
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=False),
    st.sampled_from([*Colour, *Level, Right.READ, Right.READ | Right.RUN, HTTPStatus.OK]),
    st.builds(Point, st.integers(), st.integers()),
)
values = st.recursive(
    st.one_of(plain, hashable),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text("$naqv", max_size=5), inner, max_size=4),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.frozensets(hashable, max_size=4),
        st.builds(Line, amount=st.decimals(allow_nan=False), note=inner),
        st.builds(Point, inner, inner),
    ),
    max_leaves=12,
)
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
        st.fixed_dictionaries(
            {
                "$naq": st.one_of(
                    inner,
                    st.sampled_from(
                        ["datetime", "date", "time", "timedelta", "decimal", "uuid", "bytes", "int", "float"]
                    ),
                    st.sampled_from(["tuple", "set", "frozenset", "dict", "enum", "namedtuple", "dataclass"]),
                )
            },
            optional={
                "v": st.one_of(
                    inner,
                    st.lists(st.integers(-(10**12), 10**12), min_size=3, max_size=3),
                    st.fixed_dictionaries(
                        {
                            "t": st.sampled_from(["2026-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "10:00", "x"]),
                            "zone": st.one_of(
                                inner, st.sampled_from(["Europe/Berlin", "", "..", "/", "Europe", "a\0"])
                            ),
                            "fold": inner,
                        }
                    ),
                    st.fixed_dictionaries({"amount": inner, "note": inner}),
                    st.fixed_dictionaries({"x": inner, "y": inner}),
                    st.sampled_from(
                        ["nan", "0x10", "READ|RUN", "READ|NONE", "RED", "", "AA==", "1E+999999999999999999"]
                    ),
                ),
                "class": st.one_of(
                    inner,
                    st.sampled_from(
                        ["Colour", "Right", "Point", "Line", "DictLike", "Text", "same", "Holder.Inner"]
                    ).map(lambda name: f"{__name__}:{name}"),
                    st.sampled_from(["", ":", "os:system", "os:environ", "builtins:int", "sys:modules", "__main__:x"]),
                ),
            },
        ),
    ),
    max_leaves=10,
)


@given(values)
@settings(max_examples=400, deadline=None)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    assert same(through(value), value)


@given(json_values)
@settings(max_examples=800, deadline=None)
def test_whatever_comes_is_read_or_refused(packed: Any) -> None:
    refusal = ""
    try:
        codec.unpack(packed)
    except SerializationError as exc:
        refusal = str(exc)
    assert "\n" not in refusal
    assert len(refusal) < 600
    codec.dumps(codec.display(packed))
    assert codec.display_text(packed, None).isprintable()
    assert len(codec.display_text(packed, 20)) <= 20
    assert len(codec.display_call([packed], {"name": packed}, 20)) <= 20


@pytest.mark.parametrize(
    "value",
    [
        {"customer": 17, "amount": "12.50", "nested": [1, 2.5, None, True]},
        2**64,
        -(2**80),
        -0.0,
        math.nan,
        -math.inf,
        Decimal("12.50"),
        Decimal("Infinity"),
        UUID(int=7),
        b"\x00\xff",
        (1, (2, [3])),
        {"$naq": "bytes", "v": "AA=="},
        {1: "one", (2, 3): "pair", None: "none"},
        frozenset({1, 2}),
        time(12, 30, tzinfo=BERLIN),
        time(12, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        Colour.GREEN,
        Level.LOW,
        Right.READ | Right.RUN,
        Holder.Inner.ONE,
        HTTPStatus.NOT_FOUND,
        Point(1.0, 2.0),
        NamedPoint(1, {"deep": (1,)}),
        Invoice(1, [Line(Decimal(3), "ü")], datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=lambda value: f"{type(value).__name__}-{value!r:.20}",
)
def test_values_that_come_back(value: Any) -> None:
    assert same(through(value), value)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_datetime_keeps_zone_and_fold(fold: int) -> None:
    moment = datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=BERLIN)
    found = through(moment)
    assert (found.tzinfo.key, found.fold, found.utcoffset()) == ("Europe/Berlin", fold, moment.utcoffset())
    naive = through(datetime(2026, 1, 1, fold=fold))  # noqa: DTZ001
    assert (naive.tzinfo, naive.fold) == (None, fold)
    offset = through(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))))
    assert offset.utcoffset() == timedelta(hours=5, minutes=45)


def test_a_datetime_keeps_its_instant_where_zone_rules_differ() -> None:
    packed = {"$naq": "datetime", "v": {"t": "2026-07-01T12:00:00+05:00", "zone": "Europe/Berlin", "fold": 0}}
    found = codec.unpack(packed)
    assert found == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert found.tzinfo.key == "Europe/Berlin"


def test_a_dataclass_is_rebuilt_without_its_constructor() -> None:
    value = object.__new__(Cautious)
    value.value = 3
    assert through(value).value == 3


def test_a_cached_property_is_left_behind() -> None:
    value = WithCache(2)
    assert value.twice == 4
    assert vars(through(value)) == {"value": 2}


def test_plain_values_are_themselves() -> None:
    value = {"a": [1, "x", None, True, 1.5], "b": {}}
    packed = codec.pack(value)
    assert packed == value
    assert packed is not value


def cycle() -> list[Any]:
    inside: list[Any] = []
    inside.append(inside)
    return inside


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = (value,)
    return value


def with_attribute() -> Line:
    line = Line(Decimal(1))
    line.colour = "red"  # type: ignore[attr-defined]
    return line


def without_value() -> Line:
    line = Line(Decimal(1))
    del line.amount
    return line


@dataclass
class User:
    name: Any


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((1, {"user": object()}), {}, r"args\[1\]\['user'\] is a object, which can't travel: pass plain values"),
        ((1, User({"x": [{1, object}]})), {}, r"args\[1\]\.name\['x'\]\[0\]\[[01]\] is a type, .* pass its name"),
        ((), {"x": Text("a")}, r"kwargs\['x'\] is a .*\.Text, which can't travel: turn it into a plain str"),
        ((OrderedDict(a=1),), {}, r"args\[0\] is a collections.OrderedDict, .* plain dict"),
        ((bytearray(b"x"),), {}, r"args\[0\] is a bytearray"),
        ((print,), {}, r"args\[0\] is a builtin_function_or_method, .* pass its name as text"),
        ((Line,), {}, r"args\[0\] is a type"),
        (("\ud800",), {}, r"args\[0\] holds lone surrogates"),
        (({"\ud800": 1},), {}, r"args\[0\]\['\\ud800'\] holds lone surrogates"),
        (({(1, 2): {3: object()}},), {}, r"args\[0\]\[a tuple\]\[3\] is a object"),
        ((cycle(),), {}, r"args\[0\]\[0\]\[0\].* is nested deeper than 100 levels"),
        ((nested(101),), {}, r"is nested deeper than 100 levels"),
        ((with_attribute(),), {}, r"args\[0\] has an attribute 'colour' that is no field"),
        ((without_value(),), {}, r"args\[0\] has no value for its field 'amount'"),
        ((DictLike(),), {}, r"args\[0\] is a .*DictLike, .* plain dict"),
        ((make_dataclass("Local", ["x"])(1),), {}, r"args\[0\] is a types.Local, which nobody else can import"),
        ((Right(0),), {}, r"args\[0\] is <Right: 0>, which has no name: pass its value"),
        ((datetime(2026, 1, 1, tzinfo=NoOffset()),), {}, r"args\[0\] has a tzinfo that gives no offset"),
        ((), {1: 2}, r"kwargs\[1\] has a key that is no text"),
    ],
)
def test_what_cannot_travel_is_named(args: tuple[Any, ...], kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(SerializationError, match=message) as caught:
        codec.pack_call(args, kwargs)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_depth_that_is_allowed() -> None:
    assert same(through(nested(100)), nested(100))


def test_nested_too_deep_to_read() -> None:
    raw = b'{"$naq":"tuple","v":[' * 150 + b"]}" * 150
    with pytest.raises(SerializationError, match="nested deeper"):
        codec.unpack(codec.loads(raw))
    deep = json.loads('{"$naq":"int","v":' + "[" * 900 + "]" * 900 + "}")
    with pytest.raises(SerializationError, match="a str was expected"):
        codec.unpack(deep)
    assert codec.display_text(deep, 50).startswith("[[[")


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        ({"$naq": "pickle", "v": "gASV"}, "tagged 'pickle', which this version"),
        ({"$naq": ["x"]}, "tagged"),
        ({"$naq": "datetime", "v": "yesterday"}, "tagged 'datetime'"),
        ({"$naq": "bytes", "v": "a"}, "tagged 'bytes'"),
        ({"$naq": "timedelta", "v": [1, 2]}, "tagged 'timedelta'"),
        ({"$naq": "timedelta", "v": [10**15, 0, 0]}, "tagged 'timedelta'"),
        ({"$naq": "decimal", "v": 1.5}, "a str was expected"),
        ({"$naq": "set", "v": [[1]]}, "tagged 'set'"),
        ({"$naq": "dict", "v": [[1]]}, "tagged 'dict'"),
        ({"$naq": "enum", "class": f"{__name__}:Colour", "v": "BLUE"}, "tagged 'enum'"),
        ({"$naq": "enum", "class": f"{__name__}:Line", "v": "RED"}, "is no enum here"),
        ({"$naq": "dataclass", "class": f"{__name__}:Colour", "v": {}}, "is no dataclass here"),
        ({"$naq": "dataclass", "class": f"{__name__}:DictLike", "v": {"value": 1}}, "is no dataclass here"),
        ({"$naq": "dataclass", "class": f"{__name__}:Line", "v": {"amount": 1}}, "other fields here .*: note"),
        (
            {"$naq": "dataclass", "class": f"{__name__}:Line", "v": {"amount": 1, "note": 2, "__class__": 3}},
            "__class__",
        ),
        ({"$naq": "namedtuple", "class": f"{__name__}:Point", "v": {"x": 1}}, "other fields here"),
        ({"$naq": "dataclass", "class": "no.such.module:Line", "v": {}}, "import its module first"),
        ({"$naq": "dataclass", "class": f"{__name__}:codec.pack", "v": {}}, "not defined in that module"),
        ({"$naq": "dataclass", "class": f"{__name__}:Decimal", "v": {}}, "not defined in that module"),
        ({"$naq": "dataclass", "class": f"{__name__}:Holder.__class__", "v": {}}, "not defined in that module"),
        ({"$naq": "dataclass", "class": "__main__:Line", "v": {}}, "import its module first"),
    ],
)
def test_what_cannot_be_read_is_refused(packed: Any, message: str) -> None:
    with pytest.raises(SerializationError, match=message):
        codec.unpack(packed)


def test_a_payload_imports_nothing() -> None:
    assert "this" not in sys.modules
    with pytest.raises(SerializationError):
        codec.unpack({"$naq": "enum", "class": "this:Zen", "v": "x"})
    assert "this" not in sys.modules


def test_classes_may_be_found_elsewhere() -> None:
    packed = {"$naq": "dataclass", "class": "far.away:Line", "v": {"amount": 1, "note": "n"}}
    assert codec.unpack(packed, lambda reference: Line) == Line(1, "n")  # type: ignore[arg-type]


def test_classes_of_a_script_travel_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    main = types.ModuleType("__main__")
    main.__file__ = "/somewhere/billing.py"
    main.Bill = make_dataclass("Bill", ["x"], namespace={"__module__": "__main__"})  # type: ignore[attr-defined]
    main.Bill.__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", main)
    packed = codec.pack(main.Bill(1))
    assert packed == {"$naq": "dataclass", "class": "billing:Bill", "v": {"x": 1}}
    assert codec.unpack(packed) == main.Bill(1)


def test_loads_says_where() -> None:
    with pytest.raises(SerializationError, match="column") as caught:
        codec.loads(b'{"a": nope}')
    assert caught.value.raw == b'{"a": nope}'
    assert "\n" not in str(caught.value)


def test_dumps_refuses_what_is_not_plain() -> None:
    with pytest.raises(SerializationError, match="can't be written as JSON"):
        codec.dumps({"x": object()})


def test_reading_foreign_records() -> None:
    record = {"name": "a", "list": ["a", 1, "b"], "n": 3, "f": 2.5, "yes": True, "nan": math.nan, "none": None}
    assert codec.text(record, "name", "-") == "a"
    assert [codec.text(record, key, "-") for key in ("n", "none", "missing")] == ["-"] * 3
    assert codec.texts(record, "list") == ("a", "b")
    assert codec.texts(record, "name") == codec.texts(record, "missing") == ()
    assert (codec.number(record, "n", 0), codec.number(record, "f", 0)) == (3, 2.5)
    assert [codec.number(record, key, None) for key in ("yes", "nan", "none", "name", "missing")] == [None] * 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"sent": True}, '{"sent": true}'),
        ([], "[]"),
        ({}, "{}"),
        ((1, None, 2.5), "[1, null, 2.5]"),
        (math.inf, '"inf"'),
        (2**64, '"18446744073709551616"'),
        (Decimal("12.50"), '"12.50"'),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), '"2026-01-02T03:04:00+00:00"'),
        (datetime(2026, 1, 2, 3, 4, tzinfo=BERLIN), '"2026-01-02T03:04:00+01:00 Europe/Berlin"'),
        (timedelta(hours=26), '"1 day, 2:00:00"'),
        (b"a\xff", "\"b'a\\\\xff'\""),
        (Colour.RED, '"Colour.RED"'),
        (Point(1, 2), '{"Point": {"x": 1, "y": 2}}'),
        (Line(Decimal(1), "n"), '{"Line": {"amount": "1", "note": "n"}}'),
        ({1: "a", "1": "b"}, '{"1": "a", "\\"1\\"": "b"}'),
        ("tab\tescape\x1b[31m\u202e", '"tab\\tescape\\u001b[31m\\u202e"'),
        ("grüße 🎉", '"grüße 🎉"'),
    ],
)
def test_display(value: Any, shown: str) -> None:
    assert codec.display_text(codec.pack(value), None) == shown


def test_display_is_cut() -> None:
    assert codec.display_text(codec.pack({"sent": True}), 8) == '{"sent"…'
    assert codec.display_text(["x" * 10**6] * 3, 5) == '["xx…'
    assert codec.display(codec.pack(b"\x00" * 10**4)).endswith("… (10,000 bytes)")


def test_display_call() -> None:
    args, kwargs = codec.pack_call((2, 3), {"region": "eu"})
    assert codec.display_call(args, kwargs, None) == '2, 3, region="eu"'
    assert codec.display_call(args, kwargs, 9) == "2, 3, re…"
    assert codec.display_call([], {}, None) == codec.display_call("no", 3, None) == ""


def test_an_id_in_a_set_comes_back() -> None:
    ids = {uuid4(), uuid4()}
    assert through({"ids": ids, "day": date(2026, 1, 1)}) == {"ids": ids, "day": date(2026, 1, 1)}
