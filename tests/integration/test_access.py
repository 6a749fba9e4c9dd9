"""Every way in that a server may demand: with what is right all of naq works, with what is wrong one line says so."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from naq.client import AsyncClient
from naq.connection import Connection, LinkState
from naq.errors import ConfigurationError, NaqConnectionError
from naq.examples import tasks
from naq.settings import Settings
from naq_tui.feed.nats import NatsFeed
from naq_tui.store.updates import LinkChanged
from tests.conftest import child, run_naq
from tests.integration.configured import ConfiguredServer, configured
from tests.integration.keys import Certificates, Key, Operator, certificates

pytestmark = pytest.mark.nats

WAYS = ("password", "token", "url", "nkey", "creds", "context", "tls", "client certificate")


class Guarded:
    """A server that demands something, with settings that have it and settings that have something else."""

    def __init__(self, server: ConfiguredServer, right: Settings, wrong: Settings, said: str) -> None:
        self.server, self.right, self.wrong, self.said = server, right, wrong, said


@asynccontextmanager
async def guarded(way: str, folder: Path, base: Settings) -> AsyncIterator[Guarded]:
    """One server for each of `WAYS`."""
    store = f'jetstream {{ store_dir: "{folder}/store" }}\n'
    said, wrong = "refused the credentials", dict[str, str]()
    if way in ("password", "url", "context"):
        demands = "authorization { user: mail, password: right-secret }"
        right, wrong = {"user": "mail", "password": "right-secret"}, {"user": "mail", "password": "wrong-secret"}
    elif way == "token":
        demands, right, wrong = "authorization { token: right-secret }", {"token": "right-secret"}, {"token": "no"}
    elif way == "nkey":
        mine, other = Key.make("U"), Key.make("U")
        demands = f"authorization {{ users: [{{ nkey: {mine.public} }}] }}"
        for name, key in (("right", mine), ("wrong", other)):
            (folder / f"{name}.nk").write_text(key.seed + "\n")
        right, wrong = {"nkey": str(folder / "right.nk")}, {"nkey": str(folder / "wrong.nk")}
    elif way == "creds":
        operator = Operator()
        demands = operator.configuration()
        (folder / "right.creds").write_text(operator.creds())
        (folder / "wrong.creds").write_text(Operator().creds())
        right, wrong = {"creds": str(folder / "right.creds")}, {"creds": str(folder / "wrong.creds")}
    else:
        server, user = certificates(folder, "server"), certificates(folder, "user")
        other = certificates(folder, "other", ca="other-ca")
        demands = f'tls {{ cert_file: "{server.cert}", key_file: "{server.key}", ca_file: "{server.ca}"'
        if way == "tls":
            demands, right, wrong = demands + " }", {"tls_ca": server.ca}, {"tls_ca": other.ca}
            said = "is not one that the CA in NAQ_NATS_TLS_CA vouches for"
        else:
            demands += ", verify: true }"
            right = _identity(user, server.ca)
            wrong = _identity(other, server.ca)
            said = "does not accept the client certificate"
    async with configured(folder, f"{store}{demands}\n") as running:
        if way == "url":
            address = running.url.replace("//", "//{}@")
            good, bad = ({"nats_url": address.format(f"mail:{word}-secret")} for word in ("right", "wrong"))
        elif way == "context":
            good, bad = {"context": "good"}, {"context": "bad"}
            for context, values in (("good", right), ("bad", wrong)):
                write_context(context, {"url": running.url, **values})
        else:
            good, bad = {"nats_url": running.url, **right}, {"nats_url": running.url, **wrong}
        if way == "context":
            settings = [Settings.load(**of, prefix=base.prefix).with_(events_max_bytes=0) for of in (good, bad)]
        else:
            settings = [base.with_(**of) for of in (good, bad)]
        yield Guarded(running, settings[0], settings[1], said)


def _identity(of: Certificates, ca: str) -> dict[str, str]:
    return {"tls_ca": ca, "tls_cert": of.cert, "tls_key": of.key}


def write_context(name: str, values: dict[str, str]) -> None:
    """A context as the `nats` command line keeps it."""
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "nats" / "context"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(values))


@pytest.mark.parametrize("way", WAYS)
async def test_the_right_credentials_open_everything(way: str, tmp_path: Path, settings: Settings) -> None:
    async with guarded(way, tmp_path, settings) as there:
        async with AsyncClient(there.right) as client:
            # what is started finds the context by its name, as its user would have it
            mine = replace(settings, nats_url=None, context="good") if way == "context" else there.right
            job = await client.enqueue(tasks.add, 2, 3)
            async with (
                child(mine, "worker", "default", "-m", "naq.examples.tasks"),
                child(mine, "scheduler"),
            ):
                assert await job.result(timeout=20) == 5
                later = await client.enqueue_in(0.1, tasks.add, 3, 4)
                assert await later.result(timeout=20) == 7
            code, out, err = await run_naq(mine, "result", job.job_id, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["value"] == 5
        assert await first_link(there.right) == ("live", "")
        assert not there.server.told("authentication error")


@pytest.mark.parametrize("way", WAYS)
async def test_the_wrong_ones_are_told_in_one_line_and_not_tried_again_and_again(
    way: str, tmp_path: Path, settings: Settings
) -> None:
    async with guarded(way, tmp_path, settings) as there:
        with pytest.raises(NaqConnectionError, match=there.said) as refused:
            await AsyncClient(there.wrong).open()
        told = [str(refused.value)]
        for arguments in (("result", "x"), ("worker", "-m", "naq.examples.tasks"), ("scheduler",)):
            code, out, err = await run_naq(there.wrong, *arguments)
            assert (code, out) == (1, ""), arguments
            told.append(err)
        state, message = await first_link(there.wrong)
        assert state == "failed"
        for line in (*told, message):
            assert there.said in line
            assert there.server.url.rsplit(":", 1)[1] in line, "which server"
            assert len(line.splitlines()) == 1
            assert "secret" not in line
        attempts = there.server.told("authentication error") + there.server.told("TLS handshake error")
        # one each, and another where the word of refusal was lost with the link
        assert 5 <= len(attempts) <= 10


async def first_link(settings: Settings) -> tuple[str, str]:
    """What the console's feed says of its link, once that is decided."""
    feed = NatsFeed(settings)
    batches = feed.batches()
    try:
        async with asyncio.timeout(10):
            async for batch in batches:
                for update in batch:
                    if isinstance(update, LinkChanged) and update.state in ("live", "failed"):
                        return update.state, update.message
    finally:
        await batches.aclose()  # type: ignore[attr-defined]
    raise AssertionError("it never came to anything")


async def test_nothing_is_said_to_a_server_without_the_tls_that_was_asked_for(
    tmp_path: Path, settings: Settings
) -> None:
    mine = certificates(tmp_path, "user")
    async with configured(tmp_path, "authorization { user: mail, password: right-secret }") as server:
        asked = settings.with_(nats_url=server.url, tls_ca=mine.ca, user="mail", password="right-secret")
        with pytest.raises(NaqConnectionError, match="offers no TLS"):
            await Connection(asked).open()
        with pytest.raises(NaqConnectionError, match="offers no TLS"):
            await Connection(asked.with_(nats_url=server.url.replace("nats://", "tls://"))).open()


async def test_a_missing_client_certificate_is_named(tmp_path: Path, settings: Settings) -> None:
    async with guarded("client certificate", tmp_path, settings) as there:
        bare = settings.with_(nats_url=there.right.nats_url, tls_ca=there.right.tls_ca)
        with pytest.raises(NaqConnectionError, match="wants a client certificate: set NAQ_NATS_TLS_CERT"):
            await Connection(bare).open()


@pytest.mark.parametrize("content", ["", "hello\n", "-----BEGIN NATS USER JWT-----\nx\n", "SUAWRONG-canary\n"])
async def test_files_that_hold_something_else_are_named_without_their_content(
    tmp_path: Path, settings: Settings, content: str
) -> None:
    file = tmp_path / "file"
    file.write_text(content)
    for kind in ("creds", "nkey"):
        with pytest.raises(ConfigurationError, match=str(file)) as refused:
            await Connection(settings.with_(**{kind: str(file)})).open()
        assert "canary" not in str(refused.value)


async def test_a_worker_outlives_revoked_and_rotated_credentials(tmp_path: Path, settings: Settings) -> None:
    def configuration(password: str) -> str:
        return f'jetstream {{ store_dir: "{tmp_path}/store" }}\nauthorization {{ user: a, password: {password} }}\n'

    async with configured(tmp_path, configuration("right")) as server:
        mine = settings.with_(nats_url=server.url, user="a", password="right")
        async with AsyncClient(mine) as client, child(mine, "worker", "-m", "naq.examples.tasks") as process:
            job = await client.enqueue(tasks.add, 1, 1)
            assert await job.result(timeout=20) == 2
            states: list[tuple[LinkState, str | None]] = []
            lost, back = asyncio.Event(), asyncio.Event()
            client.connection.on_state(lambda state: states.append((state, client.connection.lost_because)))
            client.connection.on_state(lambda state: (lost if state is LinkState.LOST else back).set())
            await server.reload(configuration("other"))
            async with asyncio.timeout(10):
                await lost.wait()
            await server.until_true(lambda: server.told("authentication error")[3:])  # all three connections
            await server.reload(configuration("right"))
            async with asyncio.timeout(15):
                await back.wait()
            job = await client.enqueue(tasks.add, 2, 2)
            assert await job.result(timeout=20) == 4
            assert process.returncode is None
        said = f"{server.url} refused the credentials: check what NAQ_NATS_USER, NAQ_NATS_PASSWORD holds"
        assert (LinkState.LOST, said) in states
        assert len(server.told("authentication error")) < 20, "no storm"


async def test_a_credentials_file_is_read_again_when_its_token_has_expired(tmp_path: Path, settings: Settings) -> None:
    operator, file = Operator(), tmp_path / "naq.creds"
    file.write_text(operator.creds(lives_s=3))
    async with configured(
        tmp_path, f'jetstream {{ store_dir: "{tmp_path}/store" }}\n{operator.configuration()}'
    ) as server:
        mine = settings.with_(nats_url=server.url, creds=str(file))
        async with AsyncClient(mine) as client:
            reasons: asyncio.Queue[str | None] = asyncio.Queue()
            client.connection.on_state(lambda _state: reasons.put_nowait(client.connection.lost_because))
            async with asyncio.timeout(30):
                assert "it may have expired" in (await reasons.get() or "")
                file.write_text("half writ")
                while "is no credentials file" not in (await reasons.get() or ""):
                    pass
                file.write_text(operator.creds())
                while await reasons.get() is not None:
                    pass
            assert client.connection.state is LinkState.LIVE
            assert await client.inspector.queues() == []
