"""Faults that end a connection or damage a body."""

import json
from collections.abc import Mapping

import aiohttp
import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.faults import (
    CutBody,
    CutChunks,
    Disconnect,
    Fault,
    Reset,
    TruncatedJSON,
    WrongLength,
)
from tests.sandbox.api import Api, reads_only
from tests.support.waiting import until

INVITATIONS = "/v3/groups/research-studio/invitations"
PING = b"GET /v3/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PING_BODY = b'{"status":"ok"}'


@attrs.frozen
class Received:
    """Bytes that a client received until the connection ended."""

    head: bytes
    body: bytes
    reset: bool

    @property
    def headers(self) -> Mapping[str, str]:
        lines = (line.partition(": ") for line in self.head.decode().splitlines()[1:])
        return {name: value for name, _, value in lines}


async def exchange(http: Api, request: bytes) -> Received:
    """Send a request, and receive until the connection ends."""
    reader, writer = await http.talk(request)
    received, reset = bytearray(), False
    try:
        while piece := await reader.read(65_536):
            received += piece
        writer.close()
        await writer.wait_closed()
    except ConnectionResetError:
        reset = True
        writer.close()
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    return Received(head, body, reset)


def post(path: str, token: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (path.encode(), token.encode(), len(content), content)
    )


@pytest.mark.parametrize("kind", [Reset, Disconnect])
@pytest.mark.parametrize("after", [False, True])
async def test_reset_and_disconnect_send_no_response(
    http: Api, sandbox: Sandbox, tokens: Tokens, kind: type[Reset | Disconnect], after: bool
) -> None:
    sandbox.faults.add(kind(after=after), operation="createGroupInvitation", times=1)
    request = post(INVITATIONS, tokens.owner, {"email": "ada@example.org"})
    received = await exchange(http, request)
    assert (received.head, received.body) == (b"", b"")
    assert received.reset == (kind is Reset)
    assert len(sandbox.emails) == after
    (recorded,) = sandbox.requests
    assert (recorded.method, recorded.path) == ("POST", INVITATIONS)
    assert (recorded.status, recorded.executed) == (None, after)
    assert recorded.faults == (kind.name(),)


@pytest.mark.parametrize("kind", [Reset, Disconnect])
async def test_reset_and_disconnect_raise_in_client(
    http: Api, sandbox: Sandbox, kind: type[Reset | Disconnect]
) -> None:
    sandbox.faults.add(kind(), times=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.post("/v3/groups", None, {})
    assert (await http.get("/v3/ping")).status == 200


async def test_disconnect_reads_whole_request_first(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    sandbox.faults.add(Disconnect())
    request = post("/v3/groups", tokens.owner, {"name": "x" * 500_000})
    reader, writer = await http.talk(request[:1_000])
    await until(lambda: len(sandbox.requests) == 1)
    assert sandbox.requests[0].faults == ("disconnect",)
    writer.write(request[1_000:])
    await writer.drain()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_disconnect_applies_to_oversized_request(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    sandbox.faults.add(Disconnect(after=True))
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.post("/v3/groups", tokens.owner, {"name": "x" * 2_000_000})
    assert not sandbox.requests[0].executed


@reads_only
@pytest.mark.parametrize(("sent", "arrives"), [(0, 0), (0.5, 7), (0.999, 14)])
@pytest.mark.parametrize("reset", [False, True])
async def test_cut_body_sends_share_of_body(
    http: Api, sandbox: Sandbox, sent: float, arrives: int, reset: bool
) -> None:
    sandbox.faults.add(CutBody(sent, reset=reset))
    received = await exchange(http, PING)
    assert received.headers["Content-Length"] == str(len(PING_BODY))
    assert received.body == PING_BODY[:arrives]
    assert received.reset == reset
    assert sandbox.requests[0].status == 200


@reads_only
@pytest.mark.parametrize("reset", [False, True])
async def test_cut_chunks_sends_share_in_chunks(http: Api, sandbox: Sandbox, reset: bool) -> None:
    sandbox.faults.add(CutChunks(reset=reset))
    received = await exchange(http, PING)
    assert received.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in received.headers
    assert received.body == b"7\r\n%b\r\n" % PING_BODY[:7]
    assert received.reset == reset


@reads_only
async def test_cut_chunks_with_http_1_0_sends_length(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(CutChunks())
    received = await exchange(http, b"GET /v3/ping HTTP/1.0\r\n\r\n")
    assert (received.headers["Content-Length"], received.body) == ("15", PING_BODY[:7])


@pytest.mark.parametrize("fault", [CutBody(), CutChunks(), CutBody(reset=True)])
async def test_cut_response_raises_in_client(
    http: Api, sandbox: Sandbox, tokens: Tokens, fault: Fault
) -> None:
    sandbox.faults.add(fault, times=1)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await http.post(INVITATIONS, tokens.owner, {"email": "ada@example.org"})
    assert len(sandbox.emails) == 1
    assert sandbox.requests[0].executed


@reads_only
async def test_wrong_length_below_true_length_leaves_bytes_over(
    http: Api, sandbox: Sandbox
) -> None:
    sandbox.faults.add(WrongLength(-5))
    reader, writer = await http.talk(PING)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: 10\r\n" in head
    assert await reader.readexactly(15) == PING_BODY
    # The connection stays open, and the rest stands where the next response begins.
    writer.write(PING)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    await writer.wait_closed()


@reads_only
@pytest.mark.parametrize(("by", "announced"), [(-15, "0"), (-99, "0"), (-1, "14")])
async def test_wrong_length_below_zero_announces_zero(
    http: Api, sandbox: Sandbox, by: int, announced: str
) -> None:
    sandbox.faults.add(WrongLength(by))
    received = await exchange(http, PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (received.headers["Content-Length"], received.body) == (announced, PING_BODY)


@reads_only
async def test_wrong_length_above_true_length_keeps_connection_open(
    http: Api, sandbox: Sandbox
) -> None:
    sandbox.faults.add(WrongLength(3), times=1)
    reader, writer = await http.talk(PING)
    assert b"Content-Length: 18\r\n" in await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(15) == PING_BODY
    assert (await http.get("/v3/ping")).content == PING_BODY
    assert not reader.at_eof()
    writer.close()
    await writer.wait_closed()


@reads_only
@pytest.mark.parametrize("sent", [0, 0.5, 0.999])
async def test_truncated_json_has_matching_length(
    http: Api, sandbox: Sandbox, tokens: Tokens, sent: float
) -> None:
    sandbox.faults.add(TruncatedJSON(sent))
    reply = await http.get(INVITATIONS, tokens.owner)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    with pytest.raises(json.JSONDecodeError):
        _ = reply.body


@reads_only
async def test_truncated_json_applies_to_errors(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(TruncatedJSON())
    reply = await http.get("/v3/me")
    assert reply.status == 401
    with pytest.raises(json.JSONDecodeError):
        _ = reply.body
