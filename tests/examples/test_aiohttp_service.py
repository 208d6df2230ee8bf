"""Example: web service with aiohttp."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from arena_groups import ArenaClient, Clock
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Fault
from examples import aiohttp_service
from tests.support.examples import (
    API_FAILURES,
    BAD_GROUPS,
    BAD_INVITEES,
    GROUP,
    REFUSED_ADDRESSES,
    secrets_of,
)

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = pytest.mark.usefixtures("group")


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch, arena_clock: Clock) -> None:
    monkeypatch.setattr(aiohttp_service, "ArenaClient", partial(ArenaClient, clock=arena_clock))


@pytest.fixture
async def http() -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(aiohttp_service.make_app())) as client:
        yield client


async def test_pending_returns_count_and_oldest(http: TestClient[Any, Any]) -> None:
    response = await http.get(f"/groups/{GROUP}/pending")
    assert response.status == 200
    body = await response.json()
    assert body["pending"] == 3
    assert datetime.fromisoformat(body["oldest"]).tzinfo is not None


async def test_pending_of_an_empty_group(http: TestClient[Any, Any]) -> None:
    response = await http.get("/groups/blank-page/pending")
    assert await response.json() == {"pending": 0, "oldest": None}


async def test_invite_sends_an_email(http: TestClient[Any, Any], arena_sandbox: Sandbox) -> None:
    response = await http.post(f"/groups/{GROUP}/invitations", json={"email": "ada@example.org"})
    assert (response.status, await response.json()) == (200, {"outcome": "invited"})
    assert [each.address for each in arena_sandbox.emails] == ["ada@example.org"]


@pytest.mark.parametrize("body", BAD_INVITEES, ids=lambda body: repr(body[:40]))
async def test_invite_without_a_valid_email_is_422(
    http: TestClient[Any, Any], arena_sandbox: Sandbox, body: bytes
) -> None:
    response = await http.post(f"/groups/{GROUP}/invitations", data=body)
    assert response.status == 422
    assert set(await response.json()) == {"error"}
    assert arena_sandbox.requests == ()


@pytest.mark.parametrize(
    "kind", ["application/json; charset=nonsense", "text/plain; charset=x\x00"]
)
async def test_body_of_an_unknown_charset_is_422(http: TestClient[Any, Any], kind: str) -> None:
    body, headers = b'{"email": "ada@example.org"}', {"Content-Type": kind.replace("\x00", "")}
    response = await http.post(f"/groups/{GROUP}/invitations", data=body, headers=headers)
    assert response.status == 422


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_body_that_is_not_compressed_as_it_says_is_422(
    http: TestClient[Any, Any], arena_sandbox: Sandbox, encoding: str
) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    # The client of aiohttp would compress the body itself.
    lines = [f"POST /groups/{GROUP}/invitations HTTP/1.1", "Host: app", "Content-Length: 8"]
    lines += ["Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    reader, writer = await asyncio.open_connection(http.host, http.port)
    writer.write("\r\n".join([*lines, "", "nonsense"]).encode())
    response = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert response.startswith(b"HTTP/1.1 422 "), response
    assert arena_sandbox.requests == ()


@pytest.mark.parametrize("group", BAD_GROUPS)
async def test_group_that_cannot_exist_is_404(
    http: TestClient[Any, Any], arena_sandbox: Sandbox, group: str
) -> None:
    for method, rest in (("GET", "pending"), ("POST", "invitations")):
        url = URL(f"/groups/{group}/{rest}", encoded=True)
        response = await http.request(method, url, json={"email": "ada@example.org"})
        assert response.status == 404
    assert arena_sandbox.requests == ()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/groups/no-such-group/pending", 404),
        ("/groups/0/pending", 404),
        ("/groups/Żółw_9/pending", 404),
        ("/groups/night-walks/pending?page=nonsense&per=-1&%FF=%00", 200),
        ("/groups/night-walks/invitations", 405),
        ("/groups//pending", 404),
        ("/groups", 404),
    ],
)
async def test_other_paths_and_queries(
    http: TestClient[Any, Any], caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    assert (await http.get(path)).status == status
    assert "aiohttp_service" not in [each.name for each in caplog.records]


@pytest.mark.parametrize(("fault", "status", "text"), API_FAILURES)
async def test_errors_of_the_api_become_responses(
    http: TestClient[Any, Any],
    arena_sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    status: int,
    text: str,
) -> None:
    arena_sandbox.faults.add(fault)
    response = await http.get(f"/groups/{GROUP}/pending")
    assert (response.status, text in await response.text()) == (status, True)
    assert secrets_of(await response.text()) == []
    assert response.headers.get("Retry-After") == ("601" if "too many" in text else None)
    assert "aiohttp_service" in [each.name for each in caplog.records]


@pytest.mark.parametrize("email", REFUSED_ADDRESSES)
async def test_address_that_the_api_refuses_is_422(
    http: TestClient[Any, Any], caplog: pytest.LogCaptureFixture, email: str
) -> None:
    response = await http.post(f"/groups/{GROUP}/invitations", json={"email": email})
    text = await response.text()
    assert (response.status, "must be an" in text) == (422, True)
    assert "ada" not in text
    assert "aiohttp_service" not in [each.name for each in caplog.records]


async def test_rejected_token_of_the_service_is_502(
    arena_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_TOKEN", arena_sandbox.tokens.read_only)
    async with TestClient(TestServer(aiohttp_service.make_app())) as http:
        response = await http.post(
            f"/groups/{GROUP}/invitations", json={"email": "ada@example.org"}
        )
        assert response.status == 502  # the token of the service, not the caller's
        assert secrets_of(await response.text()) == []


async def test_outage_is_503(monkeypatch: pytest.MonkeyPatch, arena_sandbox: Sandbox) -> None:
    monkeypatch.setenv("ARENA_BASE_URL", "http://127.0.0.1:1")
    async with TestClient(TestServer(aiohttp_service.make_app())) as http:
        response = await http.get(f"/groups/{GROUP}/pending")
        assert response.status == 503
        assert secrets_of(await response.text()) == []


async def test_one_client_serves_all_requests_and_is_closed_with_the_app() -> None:
    app = aiohttp_service.make_app()
    async with TestClient(TestServer(app)) as http:
        paths = ["/groups/blank-page/pending"] * 5
        responses = await asyncio.gather(*map(http.get, paths))
        assert {each.status for each in responses} == {200}
        arena = app[aiohttp_service.ARENA]
        assert not arena.closed
    assert arena.closed
