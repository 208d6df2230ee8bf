"""Handling of requests that are malformed, interrupted, or fail."""

import asyncio
import json
import logging

import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.faults import (
    Fault,
    FaultContext,
    Hang,
    Latency,
    MiddlewareFault,
    SerializedResponse,
    Trickle,
)
from tests.sandbox.api import Api
from tests.support.waiting import HANG_TIMEOUT, until

GROUP = "/v3/groups/research-studio"


QUOTA = ("X-RateLimit-Limit", "X-RateLimit-Tier", "X-RateLimit-Window", "X-RateLimit-Reset")


@pytest.mark.parametrize("method", ["BREW", "X-Y"])
async def test_unknown_method_is_not_allowed(http: Api, method: str) -> None:
    request = f"{method} {GROUP} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    response = await http.raw(request.encode())
    head, _, body = response.decode().partition("\r\n\r\n")
    assert head.partition("\r\n")[0].endswith(" 405 Method Not Allowed")
    assert "Allow: DELETE, GET, HEAD, " in head
    assert "Content-Type: application/json; charset=utf-8\r\n" in head
    assert all(f"{name}: " in head for name in QUOTA)
    assert json.loads(body)["error"] == "Method Not Allowed"
    assert (await http.get("/v3/ping")).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v3/ping HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Name: y\r\n\r\n",
        b"GET /v3/ping HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: y\r\n\r\n",
        b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
async def test_malformed_request_is_bad_request(
    http: Api, sandbox: Sandbox, request_: bytes
) -> None:
    head, _, body = (await http.raw(request_)).decode().partition("\r\n\r\n")
    assert head.partition("\r\n")[0].endswith(" 400 Bad Request")
    assert "Content-Type: application/json; charset=utf-8\r\n" in head
    assert all(f"{name}: " in head for name in QUOTA)
    error = json.loads(body)
    assert (error["error"], error["code"]) == ("Bad Request", 400)
    assert not sandbox.requests


async def test_expect_header_gets_100_continue(http: Api, tokens: Tokens) -> None:
    body = b'{"name": "Asked"}'
    reader, writer = await http.talk(
        b"POST /v3/groups HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
        b"Authorization: Bearer %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (tokens.owner.encode(), len(body))
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 Created\r\n")
    writer.close()
    await writer.wait_closed()


async def test_missing_host_header_uses_own_url_in_links(http: Api, sandbox: Sandbox) -> None:
    response = await http.raw(b"GET /v3/groups/1001 HTTP/1.0\r\n\r\n")
    assert f'"href":"{sandbox.url}{GROUP}"'.encode() in response


async def test_requests_record_method_path_and_query(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    await http.get("/v3/groups/a%2Fb?page=2&per=5&page=3", tokens.owner)
    await http.delete(f"{GROUP}/invite", tokens.owner)
    first, second = sandbox.requests
    assert (first.method, first.path, first.status) == ("GET", "/v3/groups/a%2Fb", 404)
    assert dict(first.query) == {"page": "3", "per": "5"}
    assert (second.method, second.path, second.status) == ("DELETE", f"{GROUP}/invite", 204)
    assert tokens.owner not in repr(sandbox.requests)
    sandbox.clear_requests()
    assert not sandbox.requests


async def test_handled_requests_log_nothing(
    http: Api, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await http.get("/v3/me", tokens.owner)
    await http.get("/v3/me", "wrong")
    token = tokens.owner.encode()
    await http.raw(b"GET /v3/me HTTP/1.1\r\nAuthorization: " + token + b"\x01\r\n\r\n")
    assert not [each for each in caplog.records if not each.name.startswith("asyncio")]


async def test_unexpected_exception_is_json_error(
    http: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: object, _ref: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("arena_groups.sandbox.backend.Backend.find_group", broken)
    reply = await http.get(GROUP)
    assert (reply.status, reply.body["error"]) == (500, "Internal Server Error")
    assert "ZeroDivisionError" in caplog.text


async def test_interrupted_request_changes_nothing(
    http: Api, sandbox: Sandbox, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    before = sandbox.groups
    await http.hang_up(
        b"POST /v3/groups HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
        + tokens.owner.encode()
        + b"\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    while not sandbox.requests:
        await http.get("/v3/ping")
    assert (await http.get("/v3/ping")).status == 200
    assert sandbox.groups == before
    assert not caplog.records


@attrs.frozen
class PausedFault(MiddlewareFault):
    """Runs the operation once an event is set, like a fault of a test that waits for something."""

    reached: asyncio.Event = attrs.field(factory=asyncio.Event)
    proceed: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        self.reached.set()
        await self.proceed.wait()
        return await context.call_next()


@pytest.mark.parametrize("fault", [Latency(seconds=3600), Hang(), Hang(after=True)], ids=repr)
@pytest.mark.parametrize("seed", [None, 7])
async def test_reset_ends_requests_that_wait(
    http: Api, sandbox: Sandbox, fault: Fault, seed: int | None
) -> None:
    newcomer = sandbox.token_for(sandbox.add_user("Zed"))
    sandbox.faults.add(fault)
    create = asyncio.ensure_future(http.post("/v3/groups", newcomer, {"name": "Late"}))
    invite = {"email": "ada@example.org"}
    others = [
        asyncio.ensure_future(http.post(f"{GROUP}/invitations", sandbox.tokens.owner, invite)),
        asyncio.ensure_future(http.get(GROUP)),
    ]
    await until(lambda: len(sandbox.requests) == 3)
    sandbox.reset(seed=seed)
    expected = Sandbox(seed=1 if seed is None else seed)
    async with asyncio.timeout(HANG_TIMEOUT):
        for reply in [await create, *[await each for each in others]]:
            assert reply.status == 503
            assert reply.message == "The sandbox was reset before it answered this request."
            assert reply.headers["Connection"] == "close"
    assert sandbox.groups == expected.groups
    assert [*sandbox.emails, *sandbox.requests, *sandbox.failures] == []
    assert (await http.get("/__sandbox__/groups")).status == 200
    assert (await http.get(GROUP, sandbox.tokens.owner)).status == 200


async def test_request_that_proceeds_after_a_reset_is_not_executed(
    http: Api, sandbox: Sandbox
) -> None:
    fault = PausedFault()
    sandbox.faults.add(fault)
    waiting = asyncio.ensure_future(http.delete(GROUP, sandbox.tokens.owner))
    await fault.reached.wait()
    sandbox.reset()
    fault.proceed.set()
    assert (await waiting).status == 503
    assert (await http.get(GROUP)).status == 200


async def test_request_whose_body_ends_after_a_reset_is_not_executed(
    http: Api, sandbox: Sandbox
) -> None:
    reader, writer = await http.talk(
        b"POST /v3/groups HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 16\r\n"
        b"Content-Type: application/json\r\nAuthorization: Bearer %b\r\n\r\n"
        % sandbox.tokens.owner.encode()
    )
    await until(lambda: len(sandbox.requests) == 1)
    before = sandbox.groups
    sandbox.reset()
    writer.write(b'{"name": "Late"}')
    assert b" 503 " in await reader.readline()
    assert sandbox.groups == before
    writer.close()


async def test_reset_ends_a_response_that_has_begun(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(Trickle(size=1, seconds=3600))
    reader, writer = await http.talk(b"GET /v3/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n{")
    sandbox.reset()
    async with asyncio.timeout(HANG_TIMEOUT):
        with pytest.raises(ConnectionResetError):
            await reader.read()
    writer.close()


async def test_reset_leaves_idle_connections_and_events_open(http: Api, sandbox: Sandbox) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    events, other = await http.talk(request % b"/__sandbox__/events")
    reader, writer = await http.talk(request % b"/v3/ping")
    await events.readuntil(b"retry: 1000\n\n")
    await reader.readuntil(b'{"status":"ok"}')
    sandbox.reset()
    writer.write(request % b"/v3/ping")
    assert b" 200 " in await reader.readline()
    await events.readuntil(b'{"action": "reset"}')
    for each in (writer, other):
        each.close()
