"""Server of a login's pages: what other programs of the machine can do to it."""

import asyncio
import socket
from contextlib import ExitStack, suppress

from arena_groups.cli.loopback_server import LoginPage, serving
from tests.support.waiting import HANG_TIMEOUT

VISIT = b"GET /here HTTP/1.1\r\nHost: x\r\n\r\n"


async def respond(path: str, query: str) -> LoginPage:
    return LoginPage(200, f"{path} {query}")


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname(), timeout=HANG_TIMEOUT)


def finish(idle: list[socket.socket]) -> None:
    for each in idle:
        with suppress(OSError):  # some are closed
            each.sendall(VISIT)
            each.recv(1)


async def test_many_idle_connections_at_once_do_not_close_that_of_the_browser() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        browser = stack.enter_context(connect(listener))
        browser.sendall(VISIT)
        idle = [stack.enter_context(connect(listener)) for _ in range(110)]
        async with serving(listener, respond):
            answer = await asyncio.to_thread(browser.recv, 4096)
            await asyncio.to_thread(finish, idle)
        assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_connections_of_others_are_bounded() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        async with serving(listener, respond):
            idle = [
                stack.enter_context(await asyncio.to_thread(connect, listener)) for _ in range(200)
            ]
            assert await asyncio.to_thread(idle[0].recv, 1) == b""
            idle[-1].sendall(VISIT)
            answer = await asyncio.to_thread(idle[-1].recv, 4096)
            await asyncio.to_thread(finish, idle[:-1])
        assert answer.startswith(b"HTTP/1.1 200 OK")
