"""A secret that lets naq in is found nowhere afterwards: logs, events, screens, crash reports, files, arguments."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from naq import codec
from naq.client import AsyncClient
from naq.contexts import load_context
from naq.eventlog import read_page
from naq.examples import tasks
from naq.settings import Settings
from naq_tui import keys
from naq_tui.app import make_console
from naq_tui.feed.nats import NatsFeed
from naq_tui.launcher import LaunchSpec, Supervisor
from naq_tui.opening import environment_of
from naq_tui.snapshot import snapshot
from tests.conftest import child, run_naq
from tests.integration.configured import configured
from tests.integration.keys import Key, Operator
from tests.integration.test_access import write_context

pytestmark = pytest.mark.nats

CANARY = "canary-4711"
WAYS = ("url", "password", "token", "creds", "nkey")


@asynccontextmanager
async def trusting(way: str, folder: Path, base: Settings) -> AsyncIterator[tuple[Settings, list[str]]]:
    """A server, settings that open it, and the secrets in them that must be seen nowhere."""
    store, secrets = f'jetstream {{ store_dir: "{folder}/store" }}\n', [CANARY]
    if way == "token":
        demands, given = f"authorization {{ token: {CANARY} }}", {"token": CANARY}
    elif way == "creds":
        operator = Operator()
        content = operator.creds()
        (folder / "mail.creds").write_text(content)
        secrets = [line for line in content.splitlines() if len(line) > 30 and not line.startswith("-")]
        demands, given = operator.configuration(), {"creds": str(folder / "mail.creds")}
    elif way == "nkey":
        key = Key.make("U")
        (folder / "mail.nk").write_text(key.seed)
        secrets = [key.seed]
        demands, given = f"authorization {{ users: [{{ nkey: {key.public} }}] }}", {"nkey": str(folder / "mail.nk")}
    else:
        demands = f"authorization {{ user: mail, password: {CANARY} }}"
        given = {"user": "mail", "password": CANARY} if way == "password" else {}
    async with configured(folder, f"{store}{demands}\n") as server:
        url = server.url.replace("//", f"//mail:{CANARY}@") if way == "url" else server.url
        yield base.with_(nats_url=url, **given), secrets


def arguments_below(pid: int) -> Iterator[str]:
    """The command lines of a process and of all it has started."""
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended in between, or a zombie
            yield " ".join(process.cmdline())


@pytest.mark.parametrize("way", WAYS)
async def test_no_secret_is_seen_anywhere(way: str, tmp_path: Path, settings: Settings) -> None:
    server, state = tmp_path / "server", tmp_path / "state"
    server.mkdir()
    seen: dict[str, str] = {}
    async with trusting(way, server, settings) as (mine, secrets):
        seen["settings"] = f"{mine!r} {mine} {mine.server_label}"
        async with AsyncClient(mine) as client:
            fleet = ("worker", "default", "-m", "naq.examples.tasks", "--processes", "2")
            async with child(mine, *fleet) as workers, child(mine, "scheduler") as scheduler:
                job = await client.enqueue(tasks.add, 1, 2)
                assert await job.result(timeout=30) == 3
                failing = await client.enqueue(tasks.fail)
                await client.results.wait_record(failing.job_id, timeout=30)
                seen["fleet"] = "\n".join(arguments_below(workers.pid))
                assert seen["fleet"].count("naq") >= 3, "the parent and two workers"
                supervisor = Supervisor(state, environment=environment_of(mine))
                launched = supervisor.launch(LaunchSpec(modules=("naq.examples.tasks",), queues=("other",)))
                other = await client.enqueue(tasks.add, 2, 2, queue_name="other")
                assert await other.result(timeout=30) == 4
                seen["launched"] = "\n".join(arguments_below(psutil.Process().pid))
                assert "other" in seen["launched"]
                for screen in keys.SCREENS if way == "url" else ("processes",):
                    feed = NatsFeed(mine)
                    console = make_console(feed, supervisor, commands=feed.commands)
                    seen[f"screen {screen}"] = await snapshot(console, screen, "text", (160, 50))
                supervisor.kill(launched)
                await supervisor.close("kill")
                for process in (workers, scheduler):
                    process.terminate()
                    assert process.stdout is not None
                    seen[f"log {process.pid}"] = (await process.stdout.read()).decode()
            for arguments in (
                ("doctor",),
                ("events", "--json"),
                ("result", "none", "--debug"),
                ("list-workers", "--json"),
            ):
                _, out, err = await run_naq(mine, *arguments)
                seen[" ".join(arguments)] = out + err
            wrong = mine.with_(nats_url=(mine.nats_url or "").rsplit(":", 1)[0] + ":1", connect_timeout_s=0.5)
            _, out, err = await run_naq(wrong, "queues", "list", "--debug")
            assert "Traceback" in err
            seen["crash"] = out + err
            for stream in (client.connection.names.events, f"KV_{client.connection.names.results}"):
                page = await read_page(client.connection, stream, {"seq": 1, "batch": 1000, "next_by_subj": ">"})
                assert page.messages
                seen[stream] = "".join(message.data.decode() for message in page.messages)
        for file in state.rglob("*"):
            if file.is_file():
                seen[str(file)] = file.read_text(errors="replace")
    assert any(str(state) in place for place in seen)
    for place, text in seen.items():
        assert text, place
        for secret in secrets:
            assert secret not in text, place


def test_a_context_does_not_print_its_secrets(settings: Settings) -> None:
    write_context("mail", {"url": "nats://127.0.0.1:1", "user": "mail", "password": CANARY})
    context = load_context("mail", os.environ)
    assert context is not None
    assert CANARY not in repr(context)
    assert codec.dumps(context.settings()).count(CANARY.encode()) == 1, "it is there, and not shown"
