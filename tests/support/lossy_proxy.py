"""Proxy in front of a Redis server that loses replies, as a network does."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

from attrs import define


async def nothing() -> None:
    """Do nothing."""


@define
class LossyProxy:
    """A proxy on a free port.

    The replies to the next ``lose`` scripts are lost, and their connections closed. ``meanwhile``
    is awaited after the server has run such a script and before its client notices.
    """

    server_port: int
    port: int = 0
    lose: int = 0
    meanwhile: Callable[[], Awaitable[object]] = nothing

    @classmethod
    @asynccontextmanager
    async def open(cls, server_port: int) -> AsyncGenerator[Self]:
        """Open a proxy, and close it at the end."""
        proxy = cls(server_port)
        server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on the commands and replies of one connection."""
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        try:
            # A client of Redis sends a command when it has the reply to the one before.
            while command := await reader.read(1 << 20):
                server_writer.write(command)
                reply = await server_reader.read(1 << 20)
                if b"EVALSHA" in command and self.lose:
                    self.lose -= 1
                    await self.meanwhile()
                    return
                writer.write(reply)
        except ConnectionError:
            pass  # the client or the server has closed it
        finally:
            writer.close()
            server_writer.close()
