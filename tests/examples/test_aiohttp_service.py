"""Example: web service with aiohttp."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import RateLimited, ServerFailure
from examples import aiohttp_service
from tests.support.examples import GROUP

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = pytest.mark.usefixtures("group")


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


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'{"email": 1}'])
async def test_invite_without_a_valid_email_is_400(http: TestClient[Any, Any], body: bytes) -> None:
    response = await http.post(f"/groups/{GROUP}/invitations", data=body)
    assert response.status == 400


async def test_errors_of_the_api_become_responses(
    http: TestClient[Any, Any], arena_sandbox: Sandbox
) -> None:
    assert (await http.get("/groups/no-such-group/pending")).status == 404
    arena_sandbox.faults.add(ServerFailure(501), times=1)
    assert (await http.get(f"/groups/{GROUP}/pending")).status == 502
    arena_sandbox.faults.add(RateLimited(retry_after=600), times=1)
    response = await http.get(f"/groups/{GROUP}/pending")
    assert (response.status, response.headers["Retry-After"]) == (503, "600")


async def test_one_client_serves_all_requests_and_is_closed_with_the_app() -> None:
    app = aiohttp_service.make_app()
    async with TestClient(TestServer(app)) as http:
        paths = ["/groups/blank-page/pending"] * 5
        responses = await asyncio.gather(*map(http.get, paths))
        assert {each.status for each in responses} == {200}
        arena = app[aiohttp_service.ARENA]
        assert not arena.closed
    assert arena.closed
