"""Targets: what people type or write into files. Filters, times, cron texts, arguments, configuration."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import tempfile
from collections.abc import Callable
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from naq import callables, codec
from naq.cli import common, enqueue, job, main, schedule_options, worker
from naq.contexts import load_context
from naq.errors import ConfigurationError, FunctionReferenceError, SerializationError
from naq.eventquery import EventQuery
from naq.jobfilter import JobFilter
from naq.models.event import StoredEvent
from naq.names import Names
from naq.scheduler import cron
from naq.settings import Settings, mask_url
from naq_tui import keys, masking
from naq_tui.config import parse_config, zone_name
from naq_tui.config_example import EXAMPLE
from naq_tui.contexts import known_contexts
from naq_tui.export import ExportError, checked_path, default_name
from naq_tui.keys import rebound
from naq_tui.launcher.environment import format_environment, parse_environment
from naq_tui.launcher.recipe import recipes_of
from naq_tui.launcher.record import read_records
from naq_tui.remembered import Remembered
from naq_tui.snapshot import checked_screen, checked_size
from naq_tui.store.rows import event_row
from naq_tui.views.event_filter import FIELDS, EventFilter, moment_problem
from naq_tui.views.moment import parse_moment
from naq_tui.views.search import Needle, complete
from tests.fuzz.harness import Target
from tests.fuzz.hostile import either, is_harmless, mangled, spoilt, text, wire
from tests.fuzz.seeds import RECORDS, T0

_NEW_YORK = ZoneInfo("America/New_York")
_NEEDLES = (
    "type:failed queue:mail",
    '!error:"time out" worker:w-3,w-4 word',
    "since:-1h until:14:03 fn:send",
    "user:ada entity:job job:0198",
)
_MOMENTS = ("14:03", "14:03:20.5", "-20m", "1h 30m ago", "yesterday 9:00", "mon 8:15", "2026-11-24T14:03Z", "#184223")
_CRONS = ("*/15 * * * *", "0 2 * * 1-5", "30 0 2 l * *", "0 0 29 2 *", "@hourly", "5 4 * jan-mar mon#2", "0 9 * * l5")
_SPANS = ("90s", "1h30m", "2d", "0.5h", "15m", "1d2h3m4.5s")
_REFERENCES = ("shop.tasks:send", "naq.examples.tasks:add", "tests.fuzz.hostile:text", "os:system", "a.b:C.d")
_COMMANDS = (
    ["enqueue", "naq.examples.tasks:add", "2", 'name={"a": [1]}', "--rate", "api=10/1", "--at-once", "c=1"],
    ["events", "--type", "FAILED", "--queue", "mail", "--since", "2h", "-n", "5"],
    ["job", "retry", "--error", "TimeoutError", "--queue", "mail", "--dry-run"],
    ["schedules", "add", "a:b", "--cron", "0 2 * * *", "--args", "[1]", "--jitter", "30s", "--repeat", "none"],
    ["worker", "mail:3", "low", "-m", "naq.examples.tasks", "--timeout", "mail=30", "--concurrency", "5"],
    ["workers", "stop", "w-3", "--wait", "5"],
    ["queues", "purge", "mail", "--yes"],
    ["result", "j-1", "--wait", "3"],
)
_CONFIG = "\n".join(line.removeprefix("# ") for line in EXAMPLE.splitlines()[3:] if line)
_TABLES: dict[str, Any] = {
    "theme": "naq-light",
    "timezone": "Europe/Berlin",
    "times": "relative",
    "ascii": True,
    "read_only": False,
    "keys": {"queue.purge": "ctrl+d", "copy": ["y", "ctrl+y"]},
    "masking": {"keys": ["iban"], "shown": ["max_tokens"], "patterns": ["sk-[a-z]{20,}"]},
    "contexts": {"prod": {"nats_context": "prod", "production": True}, "dev": {"server": "nats://a:1", "token": "t"}},
    "recipes": {
        "mail": {"modules": ["shop.tasks"], "queues": ["mail:3"], "concurrency": 10, "environment": {"LANG": "C"}},
        "tick": {"kind": "scheduler", "restart": "on-failure", "hangup": "keep", "processes": 2},
    },
}
_SAVED = {"theme": "naq-dark", "zone": "UTC", "times": "relative", "views": {"a": {"place": "jobs"}}, "launch": {}}


def _typed(*made: str) -> Callable[[random.Random], Any]:
    """Makes something like what a person types, with mistakes."""

    def make(rng: random.Random) -> str:
        chance = rng.random()
        if chance < 0.2:
            return text(rng)
        found = rng.choice(made)
        if chance < 0.3:
            found = f"{found} {rng.choice(made)}"
        elif chance > 0.95:
            found += text(rng)[:200]
        if chance < 0.7:  # a slip of the finger
            place = rng.randrange(len(found) + 1)
            found = found[:place] + rng.choice('0123456789:/*,-!. adhmsz"#l') + found[place + rng.randint(0, 2) :]
        return found if chance < 0.9 else mangled(rng, found.encode("utf-8", "replace")).decode("utf-8", "replace")

    return make


@cache
def _events() -> tuple[StoredEvent, ...]:
    return tuple(
        StoredEvent.from_stream(seq, T0, "naq.events.job.failed.mail", wire(record))
        for seq, record in enumerate(RECORDS["event"][:6], 1)
    )


def _filter(given: str) -> None:
    needle = Needle(given, FIELDS)
    needle.matches("some row", lambda: {"queue": "mail"})
    moment_problem(needle, T0)
    assert all(isinstance(chip, str) for chip in needle.chips)
    complete(given, FIELDS, lambda name: ["mail", "reports", "\x1b[1m"])
    wanted = EventFilter(needle, T0)
    query = wanted.query()
    for stored in _events():
        is_wanted = wanted.matches(event_row(stored))
        assert query.is_wanted(stored) is is_wanted
        # what spares work leaves out nothing that is wanted
        if is_wanted:
            assert query.may_want(stored.raw)
            event = stored.event
            assert event is not None
            if query.wants_subject is not None:
                assert query.wants_subject(event.entity, event.type.lower(), event.queue or "_")
    # the chips typed again mean the same, where no quote is part of a value
    if '"' not in given and "," not in given and len(given) < 1_000:
        again = Needle(" ".join(needle.chips), FIELDS)
        assert [term for term in again.terms if term.field] == [term for term in needle.terms if term.field]


def _moment(given: str) -> None:
    for zone in (UTC, _NEW_YORK):
        found = parse_moment(given, T0, zone)
        assert isinstance(found, int) or found.tzinfo is UTC


def _cron(given: str) -> None:
    cron.in_words(given)
    spec = cron.check_cron(given, "Europe/Berlin")
    due = cron.next_run(spec, "Europe/Berlin", T0)
    assert due > T0
    assert cron.check_cron(spec) == spec
    assert cron.in_words(spec)


def _span(given: str) -> None:
    assert cron.MIN_INTERVAL_S <= cron.parse_interval(given) <= cron.MAX_INTERVAL_S


def _arguments(words: list[str]) -> None:
    positional, named = enqueue.parse_arguments(words)
    codec.dumps(codec.pack_call(tuple(positional), named))


def _in_zone(given: str) -> Any:
    return schedule_options._time("2026-01-01", "--start", given)


_DEAR = (_in_zone,)
"""A name that is no zone is compared with all that are: not for every input."""


def _options(given: str) -> None:
    """The readers of single options, each with its own complaint."""
    for read, refusals in (
        (enqueue._rate, ConfigurationError),
        (enqueue._at_once, ConfigurationError),
        (enqueue._moment, ConfigurationError),
        (enqueue._delay, ConfigurationError),
        (common.seconds, (ValueError, argparse.ArgumentTypeError)),
        (lambda it: common.moment(it, "--since"), ConfigurationError),
        (lambda it: worker._weighted([it]), ConfigurationError),
        (lambda it: worker._timeouts([it]), ConfigurationError),
        (lambda it: job._json(it, dict, "--kwargs", "{}"), ConfigurationError),
        (schedule_options._json(list), argparse.ArgumentTypeError),
        (schedule_options._interval, argparse.ArgumentTypeError),
        (schedule_options._or_none(int), ValueError),
        (lambda it: schedule_options._time(it, "--start", "Europe/Berlin"), ConfigurationError),
        (_in_zone, ConfigurationError),
        (lambda it: EventQuery(types=frozenset({it.upper()}), queue=it).subject(Names()), ConfigurationError),
        (lambda it: JobFilter.of(status=it), ConfigurationError),
        (zone_name, ValueError),
        (checked_size, ConfigurationError),
        (checked_screen, ConfigurationError),
        (checked_path, ExportError),
    ):
        if read in _DEAR and len(given) % 8:
            continue
        with contextlib.suppress(refusals):  # type: ignore[arg-type]
            read(given)  # type: ignore[operator]
    assert default_name(given, T0).isprintable()
    assert isinstance(mask_url(given), str)


def _command(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code: object = 0
        try:
            main._parser(words).parse_args(words)
        except SystemExit as ending:
            code = ending.code
    assert code in (0, 2)
    assert all(line.isprintable() for line in err.getvalue().splitlines()), err.getvalue()[:500]


def _reference(given: str) -> None:
    allowed = callables.ModuleAllowList(["naq.examples.*", "tests.fuzz.hostile"])
    found = callables.resolve(given, allowed)
    assert type(found) is type(_reference)
    assert found.__module__.startswith(("naq.examples.", "tests.fuzz.hostile"))
    assert "__" not in given.replace("tests.fuzz", "")


def _settings(given: dict[str, str]) -> None:
    assert isinstance(Settings.load(given).server_label, str)


def _config(given: str) -> None:
    config = parse_config(given, Path("config.toml"))
    assert all(is_harmless(str(problem)) for problem in config.problems)
    _, refused = rebound(keys.ACTIONS, config.keys)
    assert refused.keys() <= config.keys.keys()
    _, problems = recipes_of(config.tables.get("recipes"))
    for problem in problems:
        assert problem.reason
    for context in known_contexts(config, {"XDG_CONFIG_HOME": "/nonexistent"}):
        assert isinstance(context.name, str)
    masking.Rules(config.mask_keys, config.mask_shown, config.mask_patterns)


def _tables(given: Any) -> None:
    _config(_toml(given) if isinstance(given, dict) else str(given))


def _toml(table: dict[str, Any]) -> str:
    """As TOML, with what it has no form for as texts."""

    def written(item: Any) -> str:
        if isinstance(item, dict):
            return "{" + ", ".join(f"{json.dumps(str(key))} = {written(part)}" for key, part in item.items()) + "}"
        if isinstance(item, list):
            return "[" + ", ".join(map(written, item)) + "]"
        if isinstance(item, bool):
            return str(item).lower()
        if isinstance(item, int | float):
            return repr(item)
        return json.dumps(str(item))

    return "\n".join(f"{json.dumps(key)} = {written(item)}" for key, item in table.items())


@cache
def _folder() -> Path:
    # removed at the end of the process
    _folder.held = tempfile.TemporaryDirectory(prefix="naq-fuzz-")  # type: ignore[attr-defined]
    return Path(_folder.held.name)  # type: ignore[attr-defined]


def _saved(raw: bytes) -> None:
    path = _folder() / "console.json"
    path.write_bytes(raw)
    kept = Remembered(path)
    assert kept.theme is None or isinstance(kept.theme, str)
    assert isinstance(kept.view("a"), dict)
    assert isinstance(kept.launch_choice("worker"), dict)
    assert isinstance(kept.times, str)
    assert kept.zone is None or zone_name(kept.zone)


def _process(raw: bytes) -> None:
    folder = _folder() / "processes"
    folder.mkdir(exist_ok=True)
    (folder / "p-1.json").write_bytes(raw)
    for _, record in read_records(folder):
        if record is not None:
            assert record.log_path.parent == folder
            assert isinstance(record.spec.display(), str)
            record.spec.validate()


def _context(raw: bytes) -> None:
    folder = _folder() / "nats" / "context"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "c.json").write_bytes(raw)
    env = {"XDG_CONFIG_HOME": str(_folder())}
    assert Settings.load(env, context="c").server_label
    assert load_context("c", env) is not None


def _environment(given: str) -> None:
    variables = parse_environment(given)
    assert parse_environment(format_environment(variables)) == {**variables}


_PROCESS = {
    "process_id": "p-1",
    "pid": 1,
    "identity": "1-1",
    "started_at": "2026-11-24T14:07:12.400000Z",
    "log_path": "/var/lib/naq/p-1.log",
    "owner_pid": 1,
    "owner_identity": "1-1",
    "kind": "worker",
    "name": "mail",
    "queues": ["mail"],
    "modules": ["shop.tasks"],
    "concurrency": 10,
    "server_url": None,
    "cwd": None,
    "command": None,
    "recipe": "mail",
    "restart": "always",
    "hangup": "keep",
    "reload": False,
    "variables": ["LANG"],
    "connection": ["NAQ_NATS_URL"],
    "is_stop_asked": False,
    "restarts": 3,
}
_CONTEXT = {"url": "nats://a:4222", "user": "u", "password": "p", "creds": "", "inbox_prefix": "_INBOX", "token": "t"}
_SETTINGS = {
    "NAQ_NATS_URL": "nats://u:p@localhost:4222,localhost:4223",
    "NAQ_PREFIX": "naq",
    "NAQ_REPLICAS": "3",
    "NAQ_ACK_WAIT": "30",
    "NAQ_RESULT_TTL": "1e3",
    "NAQ_INBOX_PREFIX": "_INBOX.a",
}


def _file(record: Any) -> Callable[[random.Random], bytes]:
    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.4:
            return mangled(rng, json.dumps(record).encode())
        return wire(spoilt(rng, record))

    return make


def _words(rng: random.Random) -> list[str]:
    made = ['{"a": [1, 2]}', "3", "name=5", "x=[1]", "true", "text", '"quoted"', "a=1e999", "k=nan"]
    return [rng.choice(made) if rng.random() < 0.5 else text(rng) for _ in range(rng.randint(1, 4))]


def _command_words(rng: random.Random) -> list[str]:
    words = list(rng.choice(_COMMANDS))
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(1, len(words)) if len(words) > 1 else 0
        if rng.random() < 0.3:
            words.insert(place, text(rng))
        elif rng.random() < 0.6:
            words[place] = text(rng)
        else:
            words[place] = mangled(rng, words[place].encode("utf-8", "replace")).decode("utf-8", "surrogateescape")
    return words


def _variables(rng: random.Random) -> dict[str, str]:
    found = spoilt(rng, _SETTINGS)
    return {key: str(item) for key, item in found.items()} if isinstance(found, dict) else {"NAQ_NATS_URL": str(found)}


TARGETS = (
    Target("filter language", _typed(*_NEEDLES), _filter),
    Target("moments", _typed(*_MOMENTS), _moment, (ValueError,), 3),
    Target("cron texts", _typed(*_CRONS), _cron, (ConfigurationError,)),
    Target("durations", _typed(*_SPANS), _span, (ConfigurationError,), 3),
    Target("arguments of enqueue", _words, _arguments, (ConfigurationError, SerializationError), 2),
    Target("options of commands", either(text, _typed(*_MOMENTS, *_SPANS, "api=10/1", "mail:3", "[1]")), _options),
    Target("command lines", _command_words, _command, (), 0),
    Target("function references", _typed(*_REFERENCES), _reference, (FunctionReferenceError,), 2),
    Target("settings", _variables, _settings, (ConfigurationError,), 2),
    Target(
        "config.toml",
        either(_typed(_CONFIG), lambda rng: mangled(rng, _CONFIG.encode()).decode("utf-8", "replace")),
        _config,
        (),
        0,
    ),
    Target("config.toml, tables", lambda rng: spoilt(rng, _TABLES), _tables, (), 0),
    Target("what the console remembers", _file(_SAVED), _saved),
    Target("records of processes", _file(_PROCESS), _process),
    Target("contexts of nats", _file(_CONTEXT), _context, (ConfigurationError,)),
    Target("environment of a process", _typed("LANG=C A='b c'", 'X="y" Z='), _environment, (ValueError,)),
)
