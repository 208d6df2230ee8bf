"""The MCP server over HTTP: the command in a process, official clients, and hostile ones."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

pytest.importorskip("mcp")

import httpx

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.mcp import ERAS, HANDSHAKE, Host, call, failing_call
from tests.support.mcp_process import (
    INITIALIZE,
    WebServer,
    access_to,
    over_http,
    running,
    serving_http,
)
from tests.support.mcp_tour import use_every_tool
from tests.support.waiting import HANG_TIMEOUT

TOKEN = "a-token-for-these-tests"
STOP_WITHIN = 8.0
ACCEPT = "Accept: application/json, text/event-stream"
JSON = "Content-Type: application/json"
OPENING = json.dumps(INITIALIZE).encode()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ThreadedSandbox]:
    """One sandbox for all tests, each of which has a group of its own."""
    with ThreadedSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def server(sandbox: ThreadedSandbox) -> Iterator[WebServer]:
    """One process for all tests, whose owner allows everything."""
    with serving_http("--allow-writes", "--allow-removals", **access_to(sandbox)) as server:
        yield server


@pytest.mark.parametrize("era", ERAS)
async def test_official_client_uses_every_tool(
    era: str, server: WebServer, sandbox: ThreadedSandbox
) -> None:
    async with over_http(server, era) as client:
        await use_every_tool(client, sandbox, f"spring-{era}")


async def test_user_of_a_host_is_asked_in_the_session_of_that_host(
    server: WebServer, sandbox: ThreadedSandbox
) -> None:
    host = Host("decline")
    group = sandbox.add_group("Autumn", slug="autumn")
    async with (
        over_http(server, HANDSHAKE, host) as client,
        over_http(server, HANDSHAKE) as other,
    ):
        people = ["ann@example.net"]
        plan = await call(client, "plan_invite", group="autumn", people=people)
        assert "code" in await failing_call(other, "apply_plan", code=plan["code"])
        assert "declined" in await failing_call(client, "apply_plan", code=plan["code"])
    [question] = host.questions
    assert "example.net" in question
    assert people[0] not in question
    assert sandbox.pending_invitations(group) == []


def post(server: WebServer, *headers: str, path: str = "/mcp", body: bytes = OPENING) -> int:
    """Send a request as it is; return the status."""
    length = f"Content-Length: {len(body)}"
    status, _ = server.exchange(f"POST {path} HTTP/1.1", *headers, ACCEPT, JSON, length, body=body)
    return status


def test_only_the_token_opens_a_session(server: WebServer) -> None:
    host = f"Host: 127.0.0.1:{server.port}"
    right = f"Authorization: Bearer {server.token}"
    assert post(server, host, right) == 200
    assert (
        post(server, f"Host: localhost:{server.port}", f"authorization: bearer {server.token}")
        == 200
    )
    assert post(server, host) == 401
    assert post(server, host, f"Authorization: Bearer {server.token[:-1]}") == 401
    assert post(server, host, right, right) == 401
    assert post(server, host, right, "Authorization: Bearer wrong") == 401
    assert post(server, host, f"Authorization: Bearer {server.token}\xe9") == 401
    assert post(server, host, f"Proxy-Authorization: Bearer {server.token}") == 401
    assert post(server, host, path=f"/mcp?token={server.token}") == 401
    assert post(server, host, path=f"/../mcp?access_token={server.token}") == 401


def test_other_hosts_and_origins_are_refused_even_with_the_token(server: WebServer) -> None:
    right = f"Authorization: Bearer {server.token}"
    for name in (
        "evil.example",
        f"evil.example:{server.port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
    ):
        assert post(server, f"Host: {name}", right) == 421
    host = f"Host: 127.0.0.1:{server.port}"
    assert post(server, host, right, f"Origin: http://127.0.0.1:{server.port}") == 200
    for origin in ("null", "http://evil.example", f"http://evil.example:{server.port}"):
        assert post(server, host, right, f"Origin: {origin}") == 403
    forwarded = "X-Forwarded-Host: 127.0.0.1"
    assert post(server, "Host: evil.example", forwarded, "Forwarded: host=127.0.0.1", right) == 421


def test_requests_that_are_no_http_of_today_are_client_errors(server: WebServer) -> None:
    right = f"Authorization: Bearer {server.token}"
    host = f"Host: 127.0.0.1:{server.port}"
    length = f"Content-Length: {len(OPENING)}"
    rest = (right, ACCEPT, JSON, length)
    assert server.exchange("POST /mcp HTTP/1.1", *rest, body=OPENING)[0] == 400  # no Host
    assert server.exchange("POST /mcp HTTP/1.0", *rest, body=OPENING)[0] == 421
    assert server.exchange("POST /mcp HTTP/1.1", host, host, *rest, body=OPENING)[0] in {400, 421}
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    assert server.exchange("GET /mcp HTTP/1.1", host, *upgrade)[0] == 401
    target = f"POST http://evil.example:{server.port}/mcp HTTP/1.1"
    assert server.exchange(target, host, *rest, body=OPENING)[0] == 404
    for path in ("/%2e%2e/etc/passwd", "/mcp/../../etc/passwd", "//mcp", "/mcp%00"):
        assert post(server, host, right, path=path) == 404
    too_long = (right, ACCEPT, JSON, f"Content-Length: {1024 * 1024 + 1}")
    assert server.exchange("POST /mcp HTTP/1.1", host, *too_long)[0] == 413
    assert post(server, host, right) == 200


def test_server_header_and_framework_are_not_shown(server: WebServer) -> None:
    _, rest = server.exchange("GET / HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
    head = rest.partition(b"\r\n\r\n")[0].lower()
    assert b"www-authenticate: bearer\r\n" in head + b"\r\n"
    assert b"uvicorn" not in head


def test_server_listens_on_loopback_alone(server: WebServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no other address")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        socket.create_connection((address, server.port), 5)


def open_stream(client: httpx.Client, url: str, token: str) -> AbstractContextManager[object]:
    """Open a session, and the stream in which the server sends messages of its own."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
    }
    opened = client.post(url, json=INITIALIZE, headers=headers)
    assert opened.status_code == 200
    session = {**headers, "Mcp-Session-Id": opened.headers["mcp-session-id"]}
    return client.stream("GET", url, headers=session)


def test_sigterm_ends_the_server_with_open_streams(sandbox: ThreadedSandbox) -> None:
    with (
        serving_http(**access_to(sandbox), ARENA_MCP_TOKEN=TOKEN) as server,
        httpx.Client(timeout=HANG_TIMEOUT) as client,
        open_stream(client, server.url, TOKEN),
    ):
        server.process.send_signal(signal.SIGTERM)
        assert server.process.communicate(timeout=STOP_WITHIN) == (b"", b"")
        assert server.process.returncode == 0


def test_ctrl_c_ends_the_server_whose_notes_are_json() -> None:
    with (
        running("--http", "0", "--sandbox", "--format", "json", "--quiet") as process,
        httpx.Client(timeout=HANG_TIMEOUT) as client,
    ):
        assert process.stderr is not None
        first, second = (json.loads(process.stderr.readline()) for _ in range(2))
        with open_stream(client, first["server"]["url"], second["server"]["token"]):
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=STOP_WITHIN) == (b"", b"")
            assert process.returncode == 130
