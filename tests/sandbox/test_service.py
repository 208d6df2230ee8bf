"""Handling of requests that are malformed, interrupted, or fail."""

import json
import logging

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api

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
