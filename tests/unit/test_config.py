"""The user's file: what is wrong in it is told by file, line and reason, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from naq_tui.config import Config, load_config, parse_config
from naq_tui.config_example import EXAMPLE, write_example

PATH = Path("/etc/naq/config.toml")


def told(text: str) -> list[str]:
    return [str(problem).removeprefix(f"{PATH}:") for problem in parse_config(text, PATH).problems]


def test_everything_that_can_be_written_is_read() -> None:
    config = parse_config(
        """
theme = "naq-light"
context = "prod"
timezone = "Europe/Berlin"
times = "absolute"
ascii = true
mouse = false
bell = true
read_only = true
[keys]
"queue.purge" = "ctrl+d"
copy = ["y", "ctrl+y"]
[masking]
keys = ["iban"]
shown = ["max_tokens"]
patterns = ["sk-[a-z]+"]
[contexts.prod]
server = "nats://prod:4222"
creds = "/home/me/prod.creds"
production = true
[recipes.mail]
queues = ["mail"]
""",
        PATH,
    )
    assert config.problems == ()
    assert (config.theme, config.context, config.timezone, config.times) == (
        "naq-light",
        "prod",
        "Europe/Berlin",
        "absolute",
    )
    assert (config.ascii, config.mouse, config.bell, config.read_only) == (True, False, True, True)
    assert config.keys == {"queue.purge": ("ctrl+d",), "copy": ("y", "ctrl+y")}
    assert (config.mask_keys, config.mask_shown, config.mask_patterns) == (("iban",), ("max_tokens",), ("sk-[a-z]+",))
    prod = config.contexts["prod"]
    assert (prod.server, prod.creds, prod.production, prod.read_only) == (
        "nats://prod:4222",
        "/home/me/prod.creds",
        True,
        None,
    )
    assert config.tables == {"recipes": {"mail": {"queues": ["mail"]}}}


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ('\ntheem = "x"', 2, "did you mean theme?"),
        ("# one\n\nascii = 1", 3, "ascii: true or false"),
        ('timezone = "Mars/Olympus"', 1, "'Mars/Olympus' is no time zone"),
        ('times = "soon"', 1, '"relative" or "absolute"'),
        ('[keys]\n"queue.purge" = 4', 2, "a key or a list of keys"),
        ("[keys]\nqueue.purge = 4", 2, "keys.queue.purge: a key"),
        ('keys = "x"', 1, "a table was expected"),
        ('[masking]\npatterns = ["("]', 2, "is not a regular expression"),
        (f'[masking]\npatterns = ["{"a" * 501}"]', 2, "501 characters is too long: 500 at most"),
        ("[masking]\nkey = []", 2, "there is no setting masking.key"),
        ('[contexts.prod]\nserver = "nats://x"\nproducton = true', 3, "did you mean production?"),
        ("[contexts]\nprod = 4", 2, "a table was expected: [contexts.prod]"),
        ('note = """\nascii = 4\n"""\nmouse = 4', 4, "mouse: true or false"),
    ],
)
def test_a_wrong_entry_is_told_by_its_line_and_the_others_hold(text: str, line: int, word: str) -> None:
    problems = told(text)
    where, _, reason = problems[-1].partition(": ")
    assert (int(where), word in reason) == (line, True), problems


def test_what_was_meant_to_protect_protects_where_it_is_written_wrong() -> None:
    config = parse_config('read_only = "yes"\n[contexts.prod]\nproduction = "yes"', PATH)
    assert config.read_only
    assert config.contexts["prod"].production
    assert [problem.line for problem in config.problems] == [1, 3]


def test_a_mask_that_is_refused_takes_no_other_with_it() -> None:
    config = parse_config('[masking]\npatterns = ["sk-.+", "(", "pk-.+"]\nkeys = ["iban", 4]\nshown = []', PATH)
    assert (config.mask_patterns, config.mask_keys, config.mask_shown) == (("sk-.+", "pk-.+"), ("iban",), ())
    assert [problem.line for problem in config.problems] == [2, 3]


def test_a_file_that_is_too_long_makes_the_console_read_only(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'theme = "naq-light"\n# {"é" * 100_000}')
    config = load_config(tmp_path / "config.toml")
    assert (config.read_only, config.theme) == (True, None)
    assert "longer than 100,000 characters" in config.problems[0].reason


def test_a_file_that_is_no_toml_makes_the_console_read_only_and_names_the_line() -> None:
    config = parse_config('theme = "naq-dark"\nread_only = \n', PATH)
    assert config.read_only
    assert config.theme is None
    assert config.problems[0].line == 2
    assert "the console is read-only" in config.problems[0].reason


def test_no_file_says_nothing_and_an_unreadable_one_is_told(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.toml") == Config(path=tmp_path / "config.toml")
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    config = load_config(tmp_path / "config.toml")
    assert config.read_only
    assert "can't be read" in config.problems[0].reason


def test_the_example_is_valid_with_and_without_its_comment_signs(tmp_path: Path) -> None:
    path = write_example(tmp_path / "naq" / "config.toml")
    assert load_config(path).problems == ()
    with pytest.raises(FileExistsError):
        write_example(path)
    lines = [line.removeprefix("# ") for line in EXAMPLE.splitlines()[2:]]
    config = parse_config("\n".join(lines), PATH)
    assert config.problems == ()
    assert config.contexts["prod"].nats_context == "prod"
