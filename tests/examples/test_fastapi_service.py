"""Example: web service with FastAPI."""

from collections.abc import AsyncIterator
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import RateLimited, ServerFailure
from tests.support.examples import GROUP

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = pytest.mark.usefixtures("group")


@pytest.fixture
def service() -> ModuleType:
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    from examples import fastapi_service

    return fastapi_service


@pytest.fixture
async def http(service: ModuleType) -> AsyncIterator[Any]:
    import httpx

    async with service.app.router.lifespan_context(service.app) as state:
        # A server passes the state to every request.
        async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await service.app({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client
    assert state["arena"].closed


async def test_pending_returns_count_and_oldest(http: Any) -> None:
    response = await http.get(f"/groups/{GROUP}/pending")
    assert response.status_code == 200
    assert response.json()["pending"] == 3
    assert datetime.fromisoformat(response.json()["oldest"]).tzinfo is not None


async def test_pending_of_an_empty_group(http: Any) -> None:
    response = await http.get("/groups/blank-page/pending")
    assert response.json() == {"pending": 0, "oldest": None}


async def test_invite_sends_an_email(http: Any, arena_sandbox: Sandbox) -> None:
    response = await http.post(f"/groups/{GROUP}/invitations", json={"email": "ada@example.org"})
    assert (response.status_code, response.json()) == (200, {"outcome": "invited"})
    assert [each.address for each in arena_sandbox.emails] == ["ada@example.org"]


async def test_errors_of_the_api_become_responses(http: Any, arena_sandbox: Sandbox) -> None:
    assert (await http.get("/groups/no-such-group/pending")).status_code == 404
    arena_sandbox.faults.add(ServerFailure(501), times=1)
    response = await http.get(f"/groups/{GROUP}/pending")
    assert response.status_code == 502
    arena_sandbox.faults.add(RateLimited(retry_after=600), times=1)
    response = await http.get(f"/groups/{GROUP}/pending")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "600")
    response = await http.post(f"/groups/{GROUP}/invitations", json={"email": "nonsense"})
    assert response.status_code == 400
