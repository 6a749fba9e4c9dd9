"""What is hidden stays hidden, whatever shape it comes in."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq_tui.jsontext import one_line
from naq_tui.masking import MASK, Rules, active, revealed
from naq_tui.views.report import Report
from tests.reports import texts_of

RULES = Rules()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_password",
        "userPassword",
        "X-Api-Key",
        "apikey",
        "access_token",
        "refreshToken",
        "Authorization",
        "client_secret",
        "aws-secret-access-key",
        "credentials",
        "passwd",
        "Set-Cookie",
        "pwd",
        "auth",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert RULES.hides(name)


@pytest.mark.parametrize(
    "name", ["Authorization", "client_secret", "aws-secret-access-key", "credentials", "Set-Cookie", "pwd", "auth"]
)
def test_more_names_of_secrets(name: str) -> None:
    assert RULES.hides(name)


@pytest.mark.parametrize("name", ["user", "author", "tokyo", "pass", "queue", "key", "authority", "pwdx"])
def test_names_of_no_secrets(name: str) -> None:
    assert not RULES.hides(name)


def test_the_users_own_names_and_exceptions() -> None:
    rules = Rules(keys=["pin", "iban"], shown=["max_tokens"], patterns=["CARD-[0-9]+"])
    assert [rules.hides(name) for name in ("pin", "cardPin", "card_pin", "shipping", "IBAN")] == [
        True,
        True,
        True,
        False,
        True,
    ]
    assert not rules.hides("max_tokens")
    assert rules.hides("tokens")
    assert rules.text("max_tokens=4096, token=abc, pin: 1234, CARD-4711") == (
        f"max_tokens=4096, token={MASK}, pin: {MASK}, {MASK}"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nats://joe:s3cret@prod:4222/x", f"nats://{MASK}@prod:4222/x"),
        ("at nats://tokentoken@prod:4222", f"at nats://{MASK}@prod:4222"),
        ("postgres://u:p/w@db/x", f"postgres://{MASK}@db/x"),
        ("http://localhost:8080/a@b", "http://localhost:8080/a@b"),
        ("Authorization: Bearer abc.def-ghi", f"Authorization: {MASK}"),
        ("curl -H 'bearer abcdefgh12'", f"curl -H 'bearer {MASK}'"),
        (f"token {JWT} refused", f"token {MASK} refused"),
        (f"cut {JWT[:30]}", f"cut {MASK}"),
        ("password=hunter2, user=joe", f"password={MASK}, user=joe"),
        ("{'password': 'hunter two', 'n': 1}", f"{{'password': {MASK}, 'n': 1}}"),
        ('{"api_key": "a\\"b c", "n": 1}', f'{{"api_key": {MASK}, "n": 1}}'),
        (r"\"secret\": \"a b\", \"n\": 1", rf"\"secret\": {MASK}, \"n\": 1"),
        ("--token=abc --queue=mail", f"--token={MASK} --queue=mail"),
        ("DB_PASSWORD => x y", f"DB_PASSWORD => {MASK} y"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nx\n-----END RSA PRIVATE KEY-----!", f"{MASK}!"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEcut", MASK),
        ("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY", MASK),
        ("a basic authentication failed", "a basic authentication failed"),
        ("the password is wrong", "the password is wrong"),
        ("3 jobs, 4 s", "3 jobs, 4 s"),
    ],
)
def test_secrets_in_running_text(text: str, shown: str) -> None:
    assert RULES.text(text) == shown


def test_none_and_truth_values_are_no_secrets() -> None:
    assert RULES.value({"password": None, "token": False, "secret": 5, "user": "joe"}) == {
        "password": None,
        "token": False,
        "secret": MASK,
        "user": "joe",
    }


def test_searching_a_large_text_takes_no_time_that_grows_with_its_square() -> None:
    # each of these made a careless pattern run for minutes
    for text in ("a" * 1_000_000, "password" * 100_000, "x://" * 200_000, "eyJ" * 300_000, "token=" * 100_000):
        RULES.text(text)
    one_line(["password" * 100_000, {"n": "x://" * 200_000}])


KEYS = st.sampled_from(["password", "apiKey", "X-Auth-Token", "client_secret", "Authorization"])
SECRET = st.text("abcdefghijklmnopqrstuvwxyz", min_size=9, max_size=12).map(lambda text: f"Zq{text}")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
HOLDERS = st.sampled_from(
    [
        lambda key, secret: {key: secret},
        lambda key, secret: {key: {"deep": [1, secret]}},
        lambda key, secret: {key: [secret, secret]},
        lambda key, secret: {"$naq": "dict", "v": [[key, secret], [1, 2]]},
        lambda key, secret: {"$naq": "dataclass", "class": "shop:Login", "v": {"user": "joe", key: secret}},
        lambda key, secret: {key: {"$naq": "decimal", "v": secret}},
        lambda key, secret: {"headers": f"{key}: {secret}"},
        lambda key, secret: json.dumps({key: secret}),
        lambda key, secret: repr({key: secret}),
        lambda key, secret: f"call failed with {key}={secret}",
    ]
)
AROUND = st.sampled_from(
    [
        lambda value, more: value,
        lambda value, more: {"args": [more, value], "kwargs": {"x": value}},
        lambda value, more: [[[value]], more],
        lambda value, more: {"$naq": "tuple", "v": [value, more]},
        lambda value, more: {"a": more, "b": {"c": {"d": value}}},
    ]
)


@given(KEYS, SECRET, HOLDERS, AROUND, PLAIN)
def test_a_masked_value_is_nowhere_in_what_is_shown(key: str, secret: str, holder: Any, around: Any, more: Any) -> None:
    value = around(holder(key, secret), more)
    report = Report("x")
    report.value("x", value)
    report.text("text", str(value))
    report.text("long", f"{value!s:<5000}")
    report.traceback(f"Traceback (most recent call last):\nValueError: {value}")
    assert secret not in "\n".join(texts_of(report))
    assert secret not in one_line(value, 5_000)
    assert secret not in json.dumps(active().value(value))
    with revealed():
        assert secret in one_line(value, 50_000)
    assert secret not in one_line(value, 5_000), "hidden again after the block"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31m" * 200_000,
        "\u65e5\u672c" * 500_000,
        "token" * 200_000,
        "token='" * 150_000,
        "password: " * 100_000,
        "a://b:c" * 140_000 + "@",
        "-----BEGIN PRIVATE KEY-----" * 40_000,
    ],
    ids=["escapes", "wide", "a name", "a quote", "gaps", "addresses", "keys"],
)
def test_a_megabyte_is_gone_through_in_a_moment(text: str) -> None:
    begun = time.process_time()
    shown = active().text(f"{text} api_key=hunter2")
    assert time.process_time() - begun < 1
    assert "hunter2" not in shown


@pytest.mark.parametrize("name", ["PAS\u017fword", "to\u212aen", "author\u0130zation", "P\u0131N"])
def test_letters_that_are_taken_for_plain_ones_hide_too(name: str) -> None:
    assert Rules(keys=("pin",)).text(f"{name}=hunter2 ok") == f"{name}={MASK} ok"
    assert (
        Rules(keys=("pin", "\u03c3\u03bf\u03c5")).text(f"\u03a3\u039f\u03a5=a {name}=b")
        == f"\u03a3\u039f\u03a5={MASK} {name}={MASK}"
    )
