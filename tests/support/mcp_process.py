"""Processes of the command ``arena-groups mcp``, and official clients of them."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import IO, Any

import httpx2
from attrs import frozen
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from arena_groups.sandbox import Sandbox
from tests.support.command_line import COMMAND
from tests.support.environment import clean_environment
from tests.support.mcp import Host
from tests.support.waiting import HANG_TIMEOUT

INITIALIZE: Mapping[str, object] = {
    "jsonrpc": "2.0",
    "id": "open",
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    },
}


def access_to(sandbox: Sandbox) -> dict[str, str]:
    """Return the variables with which a command uses a sandbox, as its owner."""
    return {"ARENA_BASE_URL": sandbox.url, "ARENA_TOKEN": sandbox.tokens.owner}


def request(number: int, method: str, **params: object) -> dict[str, object]:
    """Return a message that asks for an answer."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


@contextmanager
def running(*options: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command, and end it at the end of the block."""
    process = subprocess.Popen(
        [*COMMAND, "mcp", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(**variables),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving_pipes(*options: str, **variables: str) -> "Iterator[Pipes]":
    """Start the command and open a session with it by the handshake."""
    with running(*options, **variables) as process:
        pipes = Pipes(process)
        pipes.send(INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert pipes.receive()["id"] == "open"
        yield pipes


@frozen
class Pipes:
    """Host of a process that writes and reads the bytes itself."""

    process: subprocess.Popen[bytes]

    @property
    def stdin(self) -> IO[bytes]:
        """Standard input of the process."""
        assert self.process.stdin is not None
        return self.process.stdin

    def send(self, *messages: Mapping[str, object] | bytes) -> None:
        """Write messages, or lines that are none."""
        for each in messages:
            self.stdin.write(each if isinstance(each, bytes) else json.dumps(each).encode())
            self.stdin.write(b"\n")
        self.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Read the next message."""
        assert self.process.stdout is not None
        message: dict[str, Any] = json.loads(self.process.stdout.readline())
        return message

    def unread(self) -> int:
        """Return how many bytes of the output wait in the pipe."""
        import fcntl  # not on every system
        import termios

        assert self.process.stdout is not None
        found = fcntl.ioctl(self.process.stdout, termios.FIONREAD, bytes(4))
        return int.from_bytes(found, sys.byteorder)

    def finish(self) -> tuple[int, bytes, str]:
        """Close standard input; return the exit code, the rest of the output, and the notes."""
        out, err = self.process.communicate(timeout=HANG_TIMEOUT)
        return self.process.returncode, out, err.decode()


@frozen
class WebServer:
    """Process that serves HTTP, with the token that it wrote or was given."""

    process: subprocess.Popen[bytes]
    url: str
    token: str

    @property
    def port(self) -> int:
        """Port of the loopback interface."""
        return int(self.url.rpartition(":")[2].removesuffix("/mcp"))

    def exchange(self, *lines: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send the bytes of one request; return the status, and all that follows it."""
        with socket.create_connection(("127.0.0.1", self.port), HANG_TIMEOUT) as connection:
            head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
            connection.sendall(head + body)
            with connection.makefile("rb") as stream:
                answer = stream.read()
        status, _, rest = answer.partition(b"\r\n")
        return int(status.split()[1]), rest


@contextmanager
def serving_http(*options: str, **variables: str) -> Iterator[WebServer]:
    """Start the command with HTTP, and wait until it has written its URL."""
    with running("--http", "0", *options, **variables) as process:
        assert process.stderr is not None
        url = _after("serving ", process.stderr.readline())
        token = variables.get("ARENA_MCP_TOKEN")
        if token is None:
            token = _after("token for this run: ", process.stderr.readline())
        yield WebServer(process, url, token)


def _after(words: str, line: bytes) -> str:
    match = re.match(f"arena-groups: {words}(\\S+)", line.decode())
    assert match is not None, line
    return match[1]


@asynccontextmanager
async def over_http(server: WebServer, era: str, host: Host | None = None) -> AsyncIterator[Client]:
    """Yield an official client that is connected by HTTP."""
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=HANG_TIMEOUT) as http:
        transport = streamable_http_client(server.url, http_client=http)
        async with Client(transport, mode=era, elicitation_callback=host, cache=None) as client:
            yield client


def over_stdio(*options: str, host: Host | None = None, era: str, **variables: str) -> Client:
    """Return an official client that starts the command, and is connected by pipes."""
    program, *arguments = (*COMMAND, "mcp", *options)
    parameters = StdioServerParameters(
        command=program, args=arguments, env=clean_environment(**variables)
    )
    return Client(parameters, mode=era, elicitation_callback=host, cache=None)
