"""Jobs found by what they were called with: places, whole values, secrets, bounds, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq_tui.store.identity import Same
from naq_tui.views.called_with import LONGEST, MOST, arguments
from naq_tui.views.search import Needle

NAMES = ("function", "error", "tag", "arg")
CALL = {
    "args": [4_217, {"to": "Customer-042", "lines": [{"sku": "A-7", "count": 3}, {"sku": "B-1", "count": 12}]}],
    "kwargs": {"user": {"id": 42, "name": "Zoë Quinn"}, "copies": 420, "dry": True, "none": None, "password": "p-4711"},
}


def judged(text: str, call: Any = CALL, unknown: tuple[str, ...] = ()) -> bool | None:
    return Needle(text, NAMES).judge(
        "send_invoice", dict, lambda: None if call is None else arguments(Same(call)), unknown
    )


@pytest.mark.parametrize(
    ("needle", "found"),
    [
        ("arg:customer-042", True),
        ("args:CUSTOMER", True),
        ("arg:43", False),
        ("arg.user.id:42", True),
        ("arg.USER.ID:42", True),
        ("arg.user.id:4", True),
        ("arg.user.id:=4", False),
        ("arg.user.id:=42", True),
        ("arg.copies:=42", False),
        ("arg.user:42", True),
        ("arg.id:42", False),
        ("arg.0:4217", True),
        ("arg.1.to:customer", True),
        ("arg.to:customer", True),
        ("arg.lines.sku:b-1", True),
        ("arg.1.lines.0.sku:b-1", False),
        ("arg.1.lines.1.sku:b-1", True),
        ("arg.lines.count:=3,=12", True),
        ("arg.dry:=true", True),
        ("arg.none:=null", True),
        ('arg.user.name:"zoë quinn"', True),
        ("!arg.user.id:42", False),
        ("!arg.user.id:43", True),
        ("arg.user.id:42 send", True),
        ("arg.user.id:42 build", False),
        ("arg.user.id:", True),
        ("arg:4711", False),
        ("arg.password:p", False),
    ],
)
def test_what_is_found(needle: str, found: bool) -> None:
    assert judged(needle) is found


def test_what_is_not_known_is_told_apart_from_what_does_not_match() -> None:
    assert judged("arg:42", None) is None
    assert judged("!arg:42", None) is None, "nor is it known to be without"
    assert judged("arg:42 build", None) is False, "for another reason"
    assert judged("tag:x", CALL, ("tag",)) is None
    assert judged("send", None, ("arg", "tag")) is True
    assert Needle("arg:42", NAMES).matches("send_invoice") is False


def test_a_place_is_a_field_only_of_arguments_and_only_where_there_are_some() -> None:
    assert Needle("arg.user.id:42", ("type",)).problem == "no field arg here: type"
    assert Needle("example.com:80", NAMES).chips == ("example.com:80",)
    assert Needle("argument.of:x", NAMES).terms[0].field == ""
    assert Needle('!Arg.User.Id:=42,"a b"', NAMES).chips == ('!arg.user.id:=42,"a b"',)


def test_hostile_arguments_are_bounded() -> None:
    deep: Any = ["x"]
    for _ in range(150):
        deep = {"k": [deep]}
    call = {"args": [deep, "y" * 1_000_000 + "end", list(range(100_000))], "kwargs": {"\x1b": "\x1b]0;t\x07"}}
    found = arguments(Same(call))
    assert len(found) == MOST
    assert max(len(argument.text) for argument in found) <= LONGEST + 1
    assert all(argument.text.isprintable() for argument in found)
    assert arguments(Same({"args": 5, "kwargs": ["x"]})) == arguments(Same({"kwargs": ["x"]}))
    assert arguments(Same({})) == ()


@given(
    st.text(max_size=60),
    st.dictionaries(st.text(max_size=5), st.recursive(st.integers() | st.text(max_size=5) | st.none(), st.lists)),
)
def test_any_filter_judges_any_call(text: str, kwargs: dict[str, Any]) -> None:
    needle = f"arg.{text}:{text} arg:{text}"
    assert judged(needle, {"args": [], "kwargs": kwargs}) in (True, False)
    Needle(needle, NAMES)
