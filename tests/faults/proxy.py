"""A TCP proxy between one program and the server, which can cut, hold and slow the line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 16 * 1024


class Proxy:
    """One line; every connection made through it shares its fate."""

    def __init__(self, port: int) -> None:
        """`port` is the server's, on this machine."""
        self._upstream = port
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._delay_s = 0.0
        self._bytes_a_second = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            self._flows.set()
            self._drop()

    async def cut(self, seconds: float) -> None:
        """Close every connection, and each new one, for so long."""
        self._is_cut = True
        self._drop()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._is_cut = False

    async def hold(self, seconds: float) -> None:
        """Pass nothing on for so long; the connections stay open, and what was sent arrives then."""
        self._flows.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flows.set()

    async def slow(self, seconds: float, *, delay_s: float, bytes_a_second: float) -> None:
        """Pass everything on later, and no more than so much, for so long."""
        self._delay_s, self._bytes_a_second = delay_s, bytes_a_second
        try:
            await asyncio.sleep(seconds)
        finally:
            self._delay_s = self._bytes_a_second = 0.0

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        both = (writer, up_writer)
        self._writers.update(both)
        try:
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        finally:
            self._writers.difference_update(both)
            for each in both:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(CHUNK):
                await self._flows.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s + len(data) / self._bytes_a_second)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
