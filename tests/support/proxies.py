"""Network between a client and a server: a CONNECT proxy, an authority of its own, and TLS."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread

import trustme
from attrs import define, field
from yarl import URL

from tests.support.servers import http

USER, PASSWORD = "house", "s3cret"
HOST = "api.example.org"
"""Name that only the proxy resolves: no test leaves the machine."""


@cache
def authority() -> trustme.CA:
    """Return the authority of the certificates of tests."""
    return trustme.CA()


@cache
def other_authority() -> trustme.CA:
    """Return an authority that no test trusts."""
    return trustme.CA()


def authority_file(folder: Path) -> str:
    """Write the authority's certificate to a file, and return its path."""
    path = folder / "authority.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


def server_context(
    *names: str, issuer: trustme.CA | None = None, client_certificates: bool = False
) -> ssl.SSLContext:
    """Return the context of a server, which may ask for certificates of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (issuer or authority()).issue_cert(*(names or (HOST,))).configure_cert(context)
    if client_certificates:
        context.verify_mode = ssl.CERT_REQUIRED
        authority().configure_trust(context)
    return context


def client_context(certificate_of: trustme.CA | None = None) -> ssl.SSLContext:
    """Return a context that trusts the authority, with a certificate of its own if asked for."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    if certificate_of is not None:
        certificate_of.issue_cert("bot@example.org").configure_cert(context)
    return context


@define
class Proxy:
    """Proxy that asks for a user name and a password, and knows where each host is.

    It tunnels CONNECT, and forwards requests for ``http`` URLs. ``refusals`` are the statuses with
    which it refuses the next requests.
    """

    url: str = ""
    hosts: Mapping[str, str] = field(factory=dict[str, str])
    refusals: list[str] = field(factory=list[str])
    requests: list[str] = field(factory=list[str])
    logins: list[str] = field(factory=list[str])
    heads: list[str] = field(factory=list[str])
    _tasks: set[asyncio.Task[None]] = field(factory=set[asyncio.Task[None]])

    @property
    def address(self) -> str:
        """Return the URL with the user name and the password."""
        return self.url.replace("://", f"://{USER}:{PASSWORD}@")

    @property
    def name(self) -> str:
        """Return host and port."""
        return self.url.partition("://")[2]

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection in its own task."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._forward(reader, writer):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve a request, or a tunnel to its end; return whether another one may follow."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.partition("\r\n")[0].split(" ")
        headers = dict(_header(line) for line in head.split("\r\n")[1:-2])
        self.requests.append(f"{method} {target}")
        self.heads.append(head)
        self.logins.append(headers.get("proxy-authorization", ""))
        status = self._refusal(headers)
        host = target if method == "CONNECT" else _host_and_port(target)
        if not status and host not in self.hosts:
            status = "403 Forbidden"
        if status:
            await reader.readexactly(int(headers.get("content-length", "0")))
            writer.write(http(b"", status))
            await writer.drain()
            return method != "CONNECT"
        there = URL(self.hosts[host])
        upstream = await asyncio.open_connection(there.host, there.port)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream[1].write(_without_proxy_login(head, target).encode("latin-1"))
            await asyncio.gather(_pump(reader, upstream[1]), _pump(upstream[0], writer))
        finally:
            upstream[1].close()
            with suppress(ConnectionError):
                await upstream[1].wait_closed()
        return False

    def _refusal(self, headers: Mapping[str, str]) -> str:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("proxy-authorization") != f"Basic {login}":
            return "407 Proxy Authentication Required"
        return self.refusals.pop(0) if self.refusals else ""


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _host_and_port(url: str) -> str:
    found = URL(url)
    return f"{found.host}:{found.port}"


def _without_proxy_login(head: str, target: str) -> str:
    lines = [line for line in head.split("\r\n") if not line.lower().startswith("proxy-")]
    return "\r\n".join([lines[0].replace(target, URL(target).raw_path_qs), *lines[1:]])


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxying(
    hosts: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """Run a proxy for the duration of a block. ``hosts`` maps ``name:port`` to URLs."""
    proxy = Proxy(hosts=hosts or {})
    listening = await asyncio.start_server(proxy.connect, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    proxy.url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.stop()
        await listening.wait_closed()


@asynccontextmanager
async def terminating_tls(url: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Run a server that speaks TLS and passes everything to ``url``; yield its own URL."""
    there = URL(url)
    tasks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(there.host, there.port)
        try:
            await asyncio.gather(_pump(reader, upstream[1]), _pump(upstream[0], writer))
        finally:
            for end in (writer, upstream[1]):
                end.close()
                with suppress(ConnectionError, ssl.SSLError):
                    await end.wait_closed()

    def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(relay(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await listening.wait_closed()


@contextmanager
def requiring_certificates(version: ssl.TLSVersion) -> Iterator[str]:
    """Run a server that refuses clients without a certificate, with the alert that asyncio drops.

    Yields its URL.
    """
    context = server_context("localhost", client_certificates=True)
    context.maximum_version = version
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # closed at the end
            while True:
                plain, _ = listening.accept()
                with context.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                ) as connection:
                    with suppress(ssl.SSLError):
                        connection.do_handshake()
                    while socket.socket.recv(connection, 65_536):
                        pass  # closing with unread bytes would reset, and lose the alert

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@asynccontextmanager
async def proxied(
    url: str, *, tls: ssl.SSLContext | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """Run a proxy that knows ``url`` as ``https://HOST`` and ``http://HOST``.

    ``context`` is that of the host, ``tls`` that of the proxy itself.
    """
    async with (
        terminating_tls(url, context or server_context()) as secure,
        proxying({f"{HOST}:443": secure, f"{HOST}:80": url}, tls=tls) as proxy,
    ):
        yield proxy
