"""Faults that replace a response."""

import json
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.faults import (
    DeepJSON,
    GzipBomb,
    HTMLPage,
    PlainText,
    RateLimited,
    Redirect,
    ReplaceResponseFault,
    RequestTimeout,
    ServerFailure,
)
from tests.sandbox.api import Api, reads_only

GROUP = "/v3/groups/research-studio"
QUOTA = ("X-RateLimit-Limit", "X-RateLimit-Tier", "X-RateLimit-Window", "X-RateLimit-Reset")
JSON_TYPE = "application/json; charset=utf-8"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "fault",
    [
        RequestTimeout(after=True),
        ServerFailure(504, after=True),
        Redirect("http://elsewhere.test/", after=True),
        PlainText(after=True),
        HTMLPage(after=True),
        GzipBomb(10, after=True),
        DeepJSON(10, after=True),
    ],
)
async def test_operation_is_executed_only_with_after(
    http: Api, sandbox: Sandbox, tokens: Tokens, fault: ReplaceResponseFault
) -> None:
    invitation = {"email": "ada@example.org"}
    path = f"{GROUP}/invitations"
    with sandbox.faults.add(attrs.evolve(fault, after=False)):
        await http.send("POST", path, tokens.owner, body=invitation)
    assert not sandbox.emails
    with sandbox.faults.add(fault):
        await http.send("POST", path, tokens.owner, body=invitation)
    (email,) = sandbox.emails
    assert email.address == "ada@example.org"
    assert [each.executed for each in sandbox.requests] == [False, True]


@reads_only
@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
async def test_server_failure_as_json(http: Api, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add(ServerFailure(status))
    reply = await http.get(GROUP)
    assert reply.status == status
    assert reply.headers["Content-Type"] == JSON_TYPE
    assert reply.headers["Cache-Control"] == "no-cache"
    assert set(QUOTA) <= set(reply.headers)
    assert "Retry-After" not in reply.headers
    assert reply.body["code"] == status
    assert reply.body["error"] == reply.reason
    assert reply.message


@reads_only
@pytest.mark.parametrize("status", [500, 502, 503])
async def test_server_failure_as_html(http: Api, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add(ServerFailure(status, html=True))
    reply = await http.get(GROUP)
    assert reply.status == status
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.content.startswith(b"<!doctype html>")
    assert str(status).encode() in reply.content
    assert not set(QUOTA) & set(reply.headers)


@reads_only
@pytest.mark.parametrize("html", [False, True])
async def test_server_failure_sends_retry_after(http: Api, sandbox: Sandbox, html: bool) -> None:
    sandbox.faults.add(ServerFailure(503, html=html, retry_after=7))
    assert (await http.get(GROUP)).headers["Retry-After"] == "7"


@reads_only
async def test_request_timeout_sends_408(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(RequestTimeout())
    reply = await http.get(GROUP)
    assert (reply.status, reply.reason, reply.body["code"]) == (408, "Request Timeout", 408)
    assert set(QUOTA) <= set(reply.headers)


@reads_only
async def test_rate_limited_sends_seconds(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    sandbox.faults.add(RateLimited(7))
    reply = await http.delete(GROUP, tokens.owner)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")
    assert (reply.body["error"]["retry_after"], reply.body["error"]["tier"]) == (7, "supporter")
    assert "research-studio" in sandbox.groups
    assert not sandbox.requests[0].executed


async def test_rate_limited_sends_date(session: aiohttp.ClientSession) -> None:
    async with Sandbox(clock=NOON.timestamp) as sandbox:
        sandbox.faults.add(RateLimited(90, as_date=True))
        reply = await Api(sandbox, session).get(GROUP)
        assert reply.headers["Retry-After"] == "Wed, 01 Jul 2026 12:01:30 GMT"
        assert parsedate_to_datetime(reply.headers["Date"]) == NOON


async def test_longest_date_of_rate_limited_is_sent_at_the_end_of_the_clock(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox(clock=NOON.timestamp) as sandbox:
        sandbox.advance(datetime(8999, 12, 31, tzinfo=UTC) - NOON)
        sandbox.faults.add(RateLimited(10**9, as_date=True))
        reply = await Api(sandbox, session).get(GROUP)
        assert reply.headers["Retry-After"].endswith(" 9031 01:46:40 GMT")
        assert not sandbox.failures


@reads_only
async def test_rate_limited_without_retry_after_omits_it_everywhere(
    http: Api, sandbox: Sandbox
) -> None:
    sandbox.faults.add(RateLimited(None))
    reply = await http.get(GROUP)
    assert reply.status == 429
    assert "Retry-After" not in reply.headers
    assert "retry_after" not in reply.content.decode()
    assert "X-RateLimit-Reset" in reply.headers
    error = reply.body["error"]
    assert {"type", "message", "tier", "limit", "suggestions"} <= error.keys()
    assert error["suggestions"]
    assert not [each for each in error["suggestions"] if "second" in each]


@reads_only
@pytest.mark.parametrize("fault", [RateLimited(7), RateLimited(7, as_date=True), RateLimited(None)])
async def test_rate_limited_reports_limit_of_tier(
    http: Api, sandbox: Sandbox, tokens: Tokens, fault: RateLimited
) -> None:
    sandbox.faults.add(fault, times=2)
    for token, tier, limit in ((tokens.owner, "supporter", 600), (None, "guest", 30)):
        reply = await http.get(GROUP, token)
        error = reply.body["error"]
        assert (error["tier"], error["limit"]) == (tier, limit)
        assert reply.headers["X-RateLimit-Tier"] == tier
        assert reply.headers["X-RateLimit-Limit"] == str(limit)
    assert int((await http.get(GROUP, tokens.owner)).headers["X-RateLimit-Limit"]) > 100_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_sends_location(session: aiohttp.ClientSession, status: int) -> None:
    async with Sandbox() as sandbox, Sandbox() as elsewhere:
        sandbox.faults.add(Redirect(f"{elsewhere.url}/v3/ping?x=1", status))
        async with session.get(f"{sandbox.url}{GROUP}", allow_redirects=False) as response:
            assert response.status == status
            assert response.headers["Location"] == f"{elsewhere.url}/v3/ping?x=1"
        assert not elsewhere.requests
        async with session.get(f"{sandbox.url}{GROUP}") as response:
            assert await response.json() == {"status": "ok"}
        assert len(elsewhere.requests) == 1


@pytest.mark.parametrize(
    "arguments", [("http://x.test/", 304), ("http://x.test/", 200), ("",), ("http://x.test/\r\n",)]
)
def test_redirect_with_invalid_argument_raises(arguments: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Redirect(*arguments)


@reads_only
@pytest.mark.parametrize(("text", "received"), [("Gruß", "Gruß"), ("half \ud800", "half ?")])
async def test_plain_text_replaces_json(
    http: Api, sandbox: Sandbox, text: str, received: str
) -> None:
    sandbox.faults.add(PlainText(text))
    reply = await http.get(GROUP)
    assert (reply.status, reply.content.decode()) == (200, received)
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"


@reads_only
async def test_html_page_replaces_json(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(HTMLPage())
    reply = await http.get(GROUP)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.content.startswith(b"<!doctype html>")


@reads_only
@pytest.mark.parametrize("size", [1, 1024 * 1024, 5 * 1024 * 1024 + 17])
async def test_gzip_bomb_decompresses_to_size(http: Api, sandbox: Sandbox, size: int) -> None:
    sandbox.faults.add(GzipBomb(size))
    reply = await http.get(GROUP)
    assert (reply.status, reply.headers["Content-Encoding"]) == (200, "gzip")
    assert reply.headers["Content-Type"] == JSON_TYPE
    assert len(reply.content) < 64 + size / 500
    unpacked = zlib.decompress(reply.content, wbits=16 + zlib.MAX_WBITS)
    assert size <= len(unpacked) <= size + 2
    assert json.loads(unpacked) == []


@reads_only
async def test_deep_json_has_depth(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(DeepJSON(3), times=1)
    assert (await http.get(GROUP)).body == [[[]]]
    sandbox.faults.add(DeepJSON())
    with pytest.raises(RecursionError):
        json.loads((await http.get(GROUP)).content)


@reads_only
async def test_head_request_gets_no_body(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(HTMLPage())
    reply = await http.send("HEAD", GROUP)
    assert (reply.status, reply.content) == (200, b"")
