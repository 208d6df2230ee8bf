"""The MCP server over HTTP: the command in a process, official clients, and hostile ones."""

import json
import signal
import socket
from collections.abc import Iterator

import pytest

pytest.importorskip("mcp")

import httpx

from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.support.mcp import ERAS, call
from tests.support.mcp_process import (
    INITIALIZE,
    WebServer,
    access_to,
    over_http,
    running,
    serving_http,
)
from tests.support.waiting import HANG_TIMEOUT

GROUP = "research-studio"
TOKEN = "a-token-for-these-tests"
STOP_WITHIN = 5.0
ACCEPT = "Accept: application/json, text/event-stream"
JSON = "Content-Type: application/json"
OPENING = json.dumps(INITIALIZE).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    """One process for all tests that only read."""
    with ThreadedSandbox() as sandbox, serving_http(**access_to(sandbox)) as server:
        yield server


@pytest.mark.parametrize("era", ERAS)
async def test_official_client_reads_a_group(server: WebServer, era: str) -> None:
    async with over_http(server, era) as client, over_http(server, era) as other:
        for each in (client, other, client):
            answer = await call(each, "get_group", group=GROUP)
            assert answer["slug"] == GROUP
        assert (await client.list_tools()).tools


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_ends_the_server_with_open_streams(number: signal.Signals, code: int) -> None:
    with (
        ThreadedSandbox() as sandbox,
        serving_http(**access_to(sandbox), ARENA_MCP_TOKEN=TOKEN) as server,
        httpx.Client(timeout=HANG_TIMEOUT) as client,
    ):
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Accept": "application/json, text/event-stream",
        }
        opened = client.post(server.url, json=INITIALIZE, headers=headers)
        session = {**headers, "Mcp-Session-Id": opened.headers["mcp-session-id"]}
        with client.stream("GET", server.url, headers=session) as stream:
            assert stream.status_code == 200
            server.process.send_signal(number)
            out, err = server.process.communicate(timeout=STOP_WITHIN)
        assert server.process.returncode == code
        assert (out, err) == (b"", b"")


def test_url_and_new_token_are_objects_if_json_is_chosen() -> None:
    with running("--http", "0", "--sandbox", "--format", "json") as process:
        assert process.stderr is not None
        first, second = (json.loads(process.stderr.readline()) for _ in range(2))
        url, token = first["server"]["url"], second["server"]["token"]
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        }
        assert httpx.post(url, json=INITIALIZE, headers=headers, timeout=60).status_code == 200
