"""The HTTP application: which requests reach the server, and what the others get."""

import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mcp")

import httpx
from mcp.server import MCPServer

from arena_groups.mcp import http_app as module
from arena_groups.mcp.http_app import (
    FOREIGN_HOST,
    FOREIGN_ORIGIN,
    MAX_BODY,
    UNAUTHORIZED,
    RequestGuard,
    http_app,
    listen,
    new_token,
    token_problem,
)

PORT = 8765
HOST = f"127.0.0.1:{PORT}"
TOKEN = "t0ken-of-the-test/+=~"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = "application/json, text/event-stream"
GOOD = {"Authorization": f"Bearer {TOKEN}", "Accept": ACCEPT, "Content-Type": "application/json"}


def refusal(*headers: tuple[str, str], port: int = PORT) -> object:
    """Return what a guard says to a request with these headers."""
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return RequestGuard(TOKEN, port).refuse(encoded)


AUTHORIZATION = ("Authorization", f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    "host",
    [HOST, f"localhost:{PORT}", f"LocalHost:{PORT}", f"[::1]:{PORT}"],
)
def test_request_to_a_loopback_name_is_not_refused(host: str) -> None:
    assert refusal(("Host", host), AUTHORIZATION) is None
    assert refusal(("Host", host), ("Origin", f"http://{host}"), AUTHORIZATION) is None


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("evil.example",),
        (f"evil.example:{PORT}",),
        (f"127.0.0.1.evil.example:{PORT}",),
        (f"localhost.evil.example:{PORT}",),
        (f"evil.example@127.0.0.1:{PORT}",),
        ("127.0.0.1",),
        ("127.0.0.1:80",),
        (f"127.0.0.1:{PORT}0",),
        (f"127.0.0.1:0{PORT}",),
        (f"127.0.0.1:{PORT} ",),
        (f"127.0.0.2:{PORT}",),
        (f"2130706433:{PORT}",),
        (f"0.0.0.0:{PORT}",),
        (f"::1:{PORT}",),
        ("[::1]",),
        (f"[::ffff:127.0.0.1]:{PORT}",),
        (f"localhost.:{PORT}",),
        (f"http://{HOST}",),
        (f"{HOST}, evil.example",),
        (HOST, "evil.example"),
        (HOST, HOST),
        (f"\xb127.0.0.1:{PORT}",),
    ],
)
def test_request_to_another_host_is_misdirected(hosts: Sequence[str]) -> None:
    assert refusal(*(("Host", host) for host in hosts), AUTHORIZATION) is FOREIGN_HOST


def test_default_port_may_be_left_out() -> None:
    for host in ("127.0.0.1", "localhost:80", "[::1]"):
        assert refusal(("Host", host), AUTHORIZATION, port=80) is None
    assert refusal(("Host", "127.0.0.1:81"), AUTHORIZATION, port=80) is FOREIGN_HOST


@pytest.mark.parametrize(
    "origins",
    [
        ("null",),
        ("",),
        ("*",),
        ("http://evil.example",),
        (f"http://evil.example:{PORT}",),
        (f"https://{HOST}",),
        ("http://127.0.0.1",),
        ("http://127.0.0.1:3000",),
        (f"http://{HOST}/",),
        (f"http://{HOST}@evil.example",),
        (f"http://{HOST} http://evil.example",),
        (f"http://{HOST}", "http://evil.example"),
        (f"http://{HOST}", f"http://{HOST}"),
        ("chrome-extension://abcdefgh",),
        ("file://",),
    ],
)
def test_page_of_another_origin_is_forbidden(origins: Sequence[str]) -> None:
    headers = [("Origin", origin) for origin in origins]
    assert refusal(("Host", HOST), *headers, AUTHORIZATION) is FOREIGN_ORIGIN
    assert refusal(("Host", HOST), *headers) is FOREIGN_ORIGIN  # whatever the token


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "])
def test_scheme_of_the_token_has_any_case(scheme: str) -> None:
    assert refusal(("Host", HOST), ("Authorization", f"{scheme} {TOKEN}")) is None


@pytest.mark.parametrize(
    "credentials",
    [
        (),
        ("",),
        ("Bearer",),
        ("Bearer ",),
        (TOKEN,),
        (f"Bearer{TOKEN}",),
        (f"Basic {TOKEN}",),
        (f"Token {TOKEN}",),
        (f"Bearer\t{TOKEN}",),
        (f"Bearer {TOKEN}x",),
        (f"Bearer {TOKEN[:-1]}",),
        (f"Bearer {TOKEN.upper()}",),
        (f"Bearer {TOKEN} {TOKEN}",),
        (f"Bearer {TOKEN}, Bearer {TOKEN}",),
        (f'Bearer "{TOKEN}"',),
        (f"Bearer {TOKEN}\xe4",),
        ("Bearer \xff\xfe",),
        (f"Bearer {TOKEN}\n",),
        (f"Bearer {TOKEN}", f"Bearer {TOKEN}"),
        (f"Bearer {TOKEN}", "Bearer another-token-1234"),
        ("Basic eDp5", f"Bearer {TOKEN}"),
    ],
)
def test_request_without_the_token_is_unauthorized(credentials: Sequence[str]) -> None:
    headers = [("Authorization", each) for each in credentials]
    assert refusal(("Host", HOST), *headers) is UNAUTHORIZED


@given(st.binary(max_size=60))
def test_no_other_credentials_are_accepted(credentials: bytes) -> None:
    guard = RequestGuard(TOKEN, PORT)
    headers = [(b"host", HOST.encode()), (b"authorization", credentials)]
    accepted = guard.refuse(headers) is None
    scheme, _, token = credentials.partition(b" ")
    assert accepted == (scheme.lower() == b"bearer" and token.lstrip(b" ") == TOKEN.encode())


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("", "must have at least 16 characters"),
        ("x" * 15, "must have at least 16 characters"),
        ("x" * 15 + " ", "must be visible ASCII characters, without spaces"),
        ("secret of sixteen", "must be visible ASCII characters, without spaces"),
        ("x" * 16 + "\n", "must be visible ASCII characters, without spaces"),
        ("x" * 16 + "\0", "must be visible ASCII characters, without spaces"),
        ("geheimes-Wört-4711", "must be visible ASCII characters, without spaces"),
        ("x" * 16 + "\udcff", "must be visible ASCII characters, without spaces"),
    ],
)
def test_token_that_is_short_or_odd_is_refused_without_showing_it(token: str, problem: str) -> None:
    assert token_problem(token) == problem
    with pytest.raises(ValueError, match=problem) as caught:
        RequestGuard(token, PORT)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("token", ["x" * 16, "!" * 16, "a~b/c+d=e,f;g:h?i", "x" * 500])
def test_token_of_visible_characters_is_accepted(token: str) -> None:
    assert token_problem(token) is None


def test_new_tokens_differ_and_can_be_used() -> None:
    tokens = {new_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(token_problem(token) is None and len(token) >= 40 for token in tokens)


def test_guard_does_not_keep_the_token() -> None:
    guard = RequestGuard(TOKEN, PORT)
    assert TOKEN not in repr(vars(guard))
    assert TOKEN not in repr(guard)


def echo_server() -> MCPServer[None]:
    server = MCPServer[None]("test")

    @server.tool()
    def echo(text: str) -> str:
        """Return the text."""
        return text

    return server


@asynccontextmanager
async def requesting(max_sessions: int = 3) -> AsyncIterator[httpx.AsyncClient]:
    """Yield an HTTP client of an application that runs in this process."""
    server = echo_server()
    app = http_app(server, RequestGuard(TOKEN, PORT), max_sessions=max_sessions)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with (
        server.session_manager.run(),
        httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", timeout=30) as client,
    ):
        yield client


async def open_session(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/mcp", json=INITIALIZE, headers=GOOD)


async def test_refusals_say_what_to_do_and_show_nothing() -> None:
    async with requesting() as client:
        wrong = {**GOOD, "Authorization": "Bearer wrong-token-12345"}
        responses = [
            await client.post("/mcp", json=PING, headers=headers)
            for headers in (
                wrong,
                {**wrong, "Origin": "http://evil.example"},
                {**wrong, "Host": f"evil.example:{PORT}"},
            )
        ]
    assert [each.status_code for each in responses] == [401, 403, 421]
    assert [each.headers.get("www-authenticate") for each in responses] == ["Bearer", None, None]
    for each in responses:
        assert each.text.count("\n") == 1
        assert "wrong-token" not in each.text
        assert TOKEN not in each.text
        assert "evil" not in each.text


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp/", "/favicon.ico", "/mcp/../mcp"])
async def test_every_method_and_path_needs_the_token(method: str, path: str) -> None:
    async with requesting() as client:
        response = await client.request(method, path)
    assert response.status_code == 401


async def test_token_in_the_query_or_a_cookie_does_not_count() -> None:
    async with requesting() as client:
        headers = {"Accept": ACCEPT, "Cookie": f"token={TOKEN}", "X-Authorization": TOKEN}
        for name in ("token", "access_token", "authorization"):
            response = await client.post(f"/mcp?{name}={TOKEN}", json=PING, headers=headers)
            assert response.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/mcp/x",
        "/mcpx",
        "//mcp",
        "/%2e%2e/mcp",
        "/..%2fmcp",
        "/mcp/..%2f..%2fetc/passwd",
        "/mcp%00",
        "/.well-known/oauth-protected-resource",
    ],
)
async def test_other_paths_do_not_exist(path: str) -> None:
    async with requesting() as client:
        for method in ("GET", "POST"):
            response = await client.request(method, path, headers=GOOD)
            assert response.status_code == 404, method


async def test_session_is_opened_used_and_ended() -> None:
    async with requesting() as client:
        opened = await open_session(client)
        assert opened.status_code == 200
        session = {**GOOD, "Mcp-Session-Id": opened.headers["mcp-session-id"]}
        listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert "echo" in (await client.post("/mcp", json=listed, headers=session)).text
        stolen = {**session, "Authorization": "Bearer another-token-1234"}
        assert (await client.delete("/mcp", headers=stolen)).status_code == 401
        assert (await client.delete("/mcp", headers=session)).status_code == 200
        assert (await client.post("/mcp", json=listed, headers=session)).status_code == 404


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"Mcp-Session-Id": "unknown"}),
        ("DELETE", {}),
        ("DELETE", {"Mcp-Session-Id": "unknown"}),
        ("PUT", {}),
        ("POST", {"Mcp-Session-Id": "unknown"}),
        ("POST", {"Accept": "text/html"}),
        ("POST", {"Content-Type": "text/plain"}),
        ("POST", {"MCP-Protocol-Version": "1999-01-01"}),
    ],
)
async def test_requests_outside_of_a_session_are_client_errors(
    method: str, headers: Mapping[str, str]
) -> None:
    async with requesting(max_sessions=1) as client:
        for _ in range(3):  # no failed request takes the place of a session
            response = await client.request(
                method, "/mcp", content=json.dumps(PING), headers={**GOOD, **headers}
            )
            assert 400 <= response.status_code < 500
        assert (await open_session(client)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"[" * 100_000,
        b'{"jsonrpc":"1.0"}',
        b"\xff\xfe",
        b"1" * 9999,
    ],
)
@pytest.mark.parametrize("version", [None, "2026-07-28"])
async def test_bodies_that_are_not_messages_are_bad_requests(
    body: bytes, version: str | None
) -> None:
    headers = {**GOOD, **({} if version is None else {"MCP-Protocol-Version": version})}
    async with requesting() as client:
        response = await client.post("/mcp", content=body, headers=headers)
    assert response.status_code == 400


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 65_536


async def test_body_that_is_too_large_is_refused() -> None:
    async with requesting() as client:
        declared = await client.post("/mcp", content=b" " * (MAX_BODY + 1), headers=GOOD)
        chunked = await client.post("/mcp", content=chunks(MAX_BODY // 65_536 + 1), headers=GOOD)
        assert [declared.status_code, chunked.status_code] == [413, 413]
        assert (await open_session(client)).status_code == 200


async def test_body_of_a_refused_request_is_not_read() -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * 65_536

    async with requesting() as client:
        assert (await client.post("/mcp", content=body())).status_code == 401
    assert read == 0


async def test_more_sessions_than_allowed_get_503_until_one_ends() -> None:
    async with requesting(max_sessions=3) as client:
        opened = [await open_session(client) for _ in range(5)]
        assert [each.status_code for each in opened] == [200, 200, 200, 503, 503]
        session = {**GOOD, "Mcp-Session-Id": opened[0].headers["mcp-session-id"]}
        await client.delete("/mcp", headers=session)
        assert (await open_session(client)).status_code == 200


def test_listener_is_on_loopback_only() -> None:
    with listen(0) as listener:
        address, port = listener.getsockname()
        assert address == module.LOOPBACK
        assert port > 0
        with pytest.raises(OSError, match=r"in use|permitted|10048"):
            listen(port)
        assert listener.family is socket.AF_INET
