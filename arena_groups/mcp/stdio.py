"""Standard input and output as transport: the end of the input is the end of the server."""

import asyncio
import io
import os
import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

from mcp.server import MCPServer

__all__ = ["serve_stdio"]

CLOSING_TIMEOUT = 1.0  # seconds, for calls that are under way
CHUNK = 65_536  # bytes


async def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve the host at the other end of standard input and output, until it closes the input.

    A cancellation closes the input, too: the calls under way are cancelled. It has no effect while
    the host reads nothing of a full output.

    Args:
        server: Server from :func:`arena_groups.mcp.create_server`.

    Raises:
        OSError: Standard output cannot be written: ``BrokenPipeError`` if the host has gone.
    """
    with _closeable_stdin() as writer:
        served = asyncio.create_task(server.run_stdio_async())
        try:
            await asyncio.wait([served])
        finally:
            with suppress(OSError):  # it is closed
                writer.shutdown(socket.SHUT_WR)
            await asyncio.wait([served], timeout=CLOSING_TIMEOUT)
            served.cancel()
            await asyncio.wait([served])
    try:
        served.result()
    except ExceptionGroup as group:
        raise _first_error(group) from None


@contextmanager
def _closeable_stdin() -> Generator[socket.socket, None, None]:
    """Replace standard input by a copy, and yield the socket whose end is the end of the copy.

    The library reads in a thread, and nothing can end a thread that waits for input.
    """
    reader, writer = socket.socketpair()
    source, before = sys.stdin.fileno(), sys.stdin
    thread = threading.Thread(target=_copy, args=(source, writer), daemon=True)
    with reader, reader.makefile("rb") as stream:
        sys.stdin = io.TextIOWrapper(stream, encoding="utf-8")
        thread.start()
        try:
            yield writer
        finally:
            sys.stdin = before


def _copy(source: int, target: socket.socket) -> None:
    """Copy until the end of the input or of its reader, then close the copy."""
    with suppress(OSError), target:
        while chunk := os.read(source, CHUNK):
            target.sendall(chunk)


def _first_error(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    if isinstance(error, ExceptionGroup):
        return _first_error(cast("ExceptionGroup[Exception]", error))
    return error
