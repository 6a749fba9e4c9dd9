"""Every verb of `naq`: what its help, its --json and its complaints are like, found by walking the parsers."""

from __future__ import annotations

import argparse
import shlex
import signal
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from naq.cli import main as cli
from naq.cli.main import main

PRINTS_NOTHING = {"worker", "scheduler"}
"""They run until they are stopped; what they say is their log."""
GROUPS = {"job"}
"""They do nothing without a verb."""


def verbs() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """`queues`, `queues list`, … and the parser of each."""
    for name in cli._COMMANDS:
        top = _commands(cli._parser([name]))[name]
        yield name, top
        for verb, parser in _commands(top).items():
            yield f"{name} {verb}", parser


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


PARSERS = dict(verbs())


def examples_of(verb: str) -> list[list[str]]:
    epilog = PARSERS[verb].epilog or ""
    return [shlex.split(line)[1:] for line in epilog.splitlines() if line.strip().startswith("naq ")]


def test_every_verb_is_walked() -> None:
    assert {
        "events",
        "queues purge",
        "schedules edit",
        "workers stop",
        "workers forget",
        "job retry",
        "list-workers",
    } <= set(PARSERS)


@pytest.mark.parametrize("verb", PARSERS)
def test_help_shows_an_example_that_parses(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = examples_of(verb)
    assert examples, f"naq {verb} --help has no example"
    for words in examples:
        assert " ".join(words).startswith(verb), f"the example of naq {verb} is one of another: {words}"
        args = cli._parser(words).parse_args(words)
        assert callable(args.run)
    assert main([*verb.split(), "--help"]) == 0
    out, err = capsys.readouterr()
    assert "example:\n  naq " in out
    assert err == ""


@pytest.mark.parametrize("verb", [verb for verb in PARSERS if verb not in PRINTS_NOTHING | GROUPS])
def test_json_can_be_asked_for(verb: str) -> None:
    words = [word for word in examples_of(verb)[0] if word != "--json"]
    assert cli._parser(words).parse_args(words).json is False
    words.append("--json")
    assert cli._parser(words).parse_args(words).json is True


@pytest.mark.parametrize("verb", [verb for verb in PARSERS if " " in verb])
def test_options_given_before_the_verb_hold(verb: str) -> None:
    words = examples_of(verb)[0]
    before = [words[0], "--server", "nats://there:4222", "--json", *words[1:]]
    args = cli._parser(before).parse_args(before)
    assert (args.server, args.json) == ("nats://there:4222", True)


@pytest.mark.parametrize("verb", PARSERS)
def test_an_unknown_option_is_one_line(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*examples_of(verb)[0], "--no-such-option"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"naq: unknown argument '--no-such-option' ('naq {verb}")
    assert err.endswith("--help' tells more)\n")


def test_what_is_asked_wrongly_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words, says in (
        (["evnts"], "there is no command 'evnts', did you mean 'events'?"),
        (["queues", "pause"], "arguments are required: QUEUE"),
        (["queues", "frob"], "invalid choice: 'frob'"),
        (["--no-such-option"], "unknown argument '--no-such-option'"),
        (["events", "--limit", "x\n\x1b[2J"], r"invalid int value: 'x\n\x1b[2J'"),
        (["result", "some-job", "--wait", "-3"], "seconds from 0 were expected"),
        (["events", "--since", "yesterday"], "is no time"),
        (["events", "--type", "a b"], "event type 'A B' is not valid"),
        (["permissions", "king"], "(choose from 'producer', 'worker'"),
        (["enqueue", "--context", "none-such", "naq.examples.tasks:add", "1", "2"], "none-such"),
    ):
        assert main(words) == 2, words
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), err
        assert says in err


def test_an_interrupt_waits_until_a_command_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = []

    def interrupted(name: str) -> ModuleType:
        signal.raise_signal(signal.SIGINT)
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr(cli, "import_module", interrupted)
    assert main(["events", "--limit", "-1"]) == 130
    assert imported == ["naq.cli.events"]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_what_the_console_is_asked_wrongly_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from naq_tui.cli import main as console

    with pytest.raises(SystemExit) as ended:
        console(["--bogus"])
    told = "naq-console: unknown argument '--bogus' ('naq-console --help' tells more)\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, told)


def test_a_fault_of_its_own_is_one_line_without_debug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_args: argparse.Namespace) -> int:
        raise LookupError("first\nsecond")

    monkeypatch.setattr("naq.cli.events.run", fails)
    assert main(["events"]) == 1
    assert capsys.readouterr().err == "naq: LookupError: first second (--debug shows where)\n"
    with pytest.raises(LookupError):
        main(["events", "--debug"])


def test_wide_text_keeps_the_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    from naq.cli.common import print_table

    print_table(("queue", "waiting"), [("郵便", "1"), ("mail\x1b", "1,000")], right=("waiting",))
    assert capsys.readouterr().out.splitlines() == [
        "QUEUE     WAITING",
        "郵便            1",
        r"mail\x1b    1,000",
    ]
