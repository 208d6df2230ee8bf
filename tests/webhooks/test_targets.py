"""Addresses that webhooks are not sent to, as written, as resolved and as connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.webhooks import WebhookSender
from arena_groups.webhooks.schedule import Attempt
from arena_groups.webhooks.targets import address_problem
from tests.support.proxies import client_context, server_context
from tests.support.servers import http, serving
from tests.support.webhooks import event, local_sender

PRIVATE = [
    "http://169.254.169.254",
    "http://[::1]",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1",
    "https://127.8.9.10:8443/x",
    "https://0.0.0.0",
    "https://0.1.2.3",
    "https://10.0.0.1",
    "https://172.16.0.1",
    "https://172.31.255.255",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://100.127.255.254",
    "https://192.0.0.8",
    "https://192.0.2.1",
    "https://192.88.99.1",
    "https://198.18.0.1",
    "https://198.51.100.7",
    "https://203.0.113.9",
    "https://[::]",
    "https://[::1]",
    "https://[0:0:0:0:0:0:0:1]:443/x",
    "https://[fe80::1]",
    "https://[febf::1]",
    "https://[fec0::1]",
    "https://[fc00::1]",
    "https://[fdff::1]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[::ffff:10.0.0.1]",
    "https://[::ffff:0:127.0.0.1]",
    "https://[::127.0.0.1]",
    "https://[::a00:1]",
    "https://[64:ff9b::127.0.0.1]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[64:ff9b:1::7f00:1]",
    "https://[2002:7f00:1::]",
    "https://[2002:a00:1::1]",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "https://[2001:db8::1]",
    "https://[3fff::1]",
    "https://[5f00::1]",
    "https://[100::1]",
    "https://127.0.0.1#@example.org",
    "https://127.0.0.1?@example.org",
    "https://\uff11\uff12\uff17.0.0.1",
    "https://localhost",
    "https://LOCALHOST/x",
    "https://api.localhost",
]
NEVER = [
    "https://224.0.0.1",
    "https://239.255.255.250",
    "https://240.0.0.1",
    "https://255.255.255.255",
    "https://[ff02::1]",
    "https://[::ffff:224.0.0.1]",
    "https://[fe80::1%25eth0]",
    # Numbers that a resolver takes for an address, and names that end in a dot.
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.0.0.1",
    "https://017700000001",
    "https://0177.0.0.1",
    "https://127.0.1",
    "https://127.1",
    "https://0",
    "https://127.0.0.1.",
    "https://127.0.0.0x1",
    "https://1.2.3.4.5",
    "https://256.256.256.256",
    "https://localhost.",
    "https://example.org.",
    "https://\u2460\u2461\u2466.0.0.1.",
]
INVALID = [
    "",
    "example.org",
    "//example.org",
    "/hook",
    "ftp://example.org",
    "file:///etc/passwd",
    "gopher://example.org",
    "https://",
    "https:///hook",
    "https://user@example.org",
    "https://user:secret@example.org",
    "https://:secret@example.org",
    "https://@example.org",
    "https://example.org@127.0.0.1",
    "https://example.org\\@127.0.0.1",
    "https://example.org /",
    "https://example.org/\n",
    "https://exam\tple.org",
    "https://example.org:0",
    "https://example.org:99999",
    "https://[::1",
    "https://exa\u0000mple.org",
]


@pytest.mark.parametrize("url", [*PRIVATE, *NEVER, *INVALID])
def test_url_of_an_address_that_is_not_public_or_not_valid_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        WebhookSender(url)


@pytest.mark.parametrize("url", [*NEVER, *INVALID])
def test_url_is_refused_although_private_addresses_are_allowed(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        WebhookSender(url, allow_private=True)


@pytest.mark.parametrize("url", [each for each in PRIVATE if each.startswith("https:")])
def test_private_address_is_accepted_if_allowed(url: str) -> None:
    WebhookSender(url, allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://0.0.0.0",
        "http://api.localhost",
        "http://[fe80::1]",
        "http://8.8.8.8",
    ],
)
def test_plain_http_is_for_loopback_only(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        WebhookSender(url, allow_private=True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://127.9.9.9", "http://[::1]/", "http://localhost:1"]
)
def test_plain_http_to_loopback_is_accepted_if_allowed(url: str) -> None:
    WebhookSender(url, allow_private=True)
    with pytest.raises(ValueError, match="url"):
        WebhookSender(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://hooks.slack.com/services/T0/B0/x?y=z#part",
        "https://b\u00fccher.example/x",
        "https://8.8.8.8:8443/x",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::8.8.8.8]",
        "https://1e100.net",
        "https://0x.example",
    ],
)
def test_public_address_is_accepted(url: str) -> None:
    WebhookSender(url)


@pytest.mark.parametrize("url", [None, 7, b"https://example.org", ["https://example.org"]])
def test_url_of_another_type_is_refused(url: Any) -> None:
    with pytest.raises(TypeError, match="url must be a str"):
        WebhookSender(url)


@given(st.ip_addresses())
def test_address_that_python_takes_for_private_is_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    refused = bool(address_problem(str(address)))
    embeds = isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped or address.sixtofour
    )
    if not embeds and not address.is_global:
        assert refused
    if isinstance(address, ipaddress.IPv4Address):
        assert refused == bool(address_problem(f"::ffff:{address}"))
        assert refused == bool(address_problem(f"64:ff9b::{address}"))
        packed = address.packed.hex()
        assert refused == bool(address_problem(f"2002:{packed[:4]}:{packed[4:]}::1"))


Answers = Callable[[], list[str]]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """Function that sets the answers of the resolver for every name."""

    def set_answers(answers: Answers) -> None:
        async def getaddrinfo(_: object, host: str, port: int, **options: Any) -> list[Any]:
            return [
                (
                    socket.AF_INET6 if ":" in address else socket.AF_INET,
                    socket.SOCK_STREAM,
                    6,
                    "",
                    (address, port, 0, 0) if ":" in address else (address, port),
                )
                for address in answers()
            ]

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)

    return set_answers


async def attempt(sender: WebhookSender) -> Attempt:
    async with sender.connect() as connection:
        return await connection.send([event(1)])


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["10.1.2.3", "::ffff:169.254.169.254"], ["fd00::1"], ["100.64.0.9"]],
)
async def test_name_that_resolves_to_a_private_address_is_refused(
    addresses: list[str], resolve: Callable[[Answers], None]
) -> None:
    async with serving(http()) as server:
        resolve(lambda: addresses)
        port = server.url.rpartition(":")[2]
        found = await attempt(WebhookSender(f"https://hook.example:{port}/x"))
        assert server.connections == 0
    assert not found.delivered
    assert found.failure.startswith("its host has no public address")


async def test_name_is_judged_at_every_attempt(resolve: Callable[[Answers], None]) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    asked: list[list[str]] = []

    def answer() -> list[str]:
        asked.append(next(answers))
        return asked[-1]

    async with serving(http()) as server:
        resolve(answer)
        port = server.url.rpartition(":")[2]
        sender = WebhookSender(f"https://rebind.example:{port}/x", timeout=0.05)
        async with sender.connect() as connection:
            first = await connection.send([event(1)])
            second = await connection.send([event(1)])
        assert server.connections == 0
    assert len(asked) == 2
    assert not first.delivered
    assert second.failure.startswith("its host has no public address")


async def test_connection_to_another_address_than_the_resolver_named_is_refused(
    monkeypatch: pytest.MonkeyPatch, resolve: Callable[[Answers], None]
) -> None:
    """A network that sends packets elsewhere: here, a socket that connects to loopback."""
    async with serving(http(), tls=server_context("hook.example")) as server:
        port = int(server.url.rpartition(":")[2])
        connect = asyncio.SelectorEventLoop.sock_connect

        async def elsewhere(loop: Any, sock: socket.socket, _: object) -> None:
            await connect(loop, sock, ("127.0.0.1", port))

        monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", elsewhere)
        resolve(lambda: ["8.8.8.8"])
        trusting = client_context()
        found = await attempt(WebhookSender("https://hook.example/x", ssl=trusting))
        assert found.failure.startswith("its host has no public address")
        assert server.requests == []
        # The connection itself works, so nothing but its address was refused.
        allowed = WebhookSender("https://hook.example/x", ssl=trusting, allow_private=True)
        assert (await attempt(allowed)).delivered
        assert len(server.requests) == 1


async def test_plain_http_to_a_name_that_is_not_loopback_any_more_is_refused(
    resolve: Callable[[Answers], None],
) -> None:
    async with serving(http()) as server:
        resolve(lambda: ["10.0.0.1"])
        port = server.url.rpartition(":")[2]
        found = await attempt(WebhookSender(f"http://localhost:{port}/x", allow_private=True))
    assert found.failure.startswith("its host has no public address")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["http://169.254.169.254/", "http://[::1]/", "/other"])
async def test_redirect_is_a_failure_and_not_followed(status: int, location: str) -> None:
    async with serving(http(status=f"{status} Moved", Location=location)) as server:
        found = await attempt(local_sender(server.url))
        assert len(server.requests) == 1
    assert found.failure == f"a redirect ({status}), which is not followed: use the URL it leads to"
    assert location not in found.failure
