"""Example: web service with FastAPI."""

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from arena_groups import ArenaClient, Clock
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Fault
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


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, arena_clock: Clock) -> ModuleType:
    for needed in ("fastapi", "httpx", "uvicorn"):
        pytest.importorskip(needed)
    from examples import fastapi_service

    monkeypatch.setattr(fastapi_service, "ArenaClient", partial(ArenaClient, clock=arena_clock))
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


@pytest.mark.parametrize("body", BAD_INVITEES, ids=lambda body: repr(body[:40]))
async def test_invite_without_a_valid_email_is_422(
    http: Any, arena_sandbox: Sandbox, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await http.post(f"/groups/{GROUP}/invitations", content=body, headers=headers)
    assert response.status_code in (400, 422)  # FastAPI answers 400 to what is not JSON at all
    assert set(response.json()) == {"detail"}
    assert arena_sandbox.requests == ()


@pytest.mark.parametrize("kind", ["application/json; charset=nonsense", "text/plain", "x", ""])
async def test_body_of_another_type_is_no_failure_of_the_service(http: Any, kind: str) -> None:
    body, headers = b'{"email": "ada@example.org"}', {"Content-Type": kind}
    response = await http.post(f"/groups/{GROUP}/invitations", content=body, headers=headers)
    assert response.status_code in (200, 422)


@pytest.mark.parametrize("group", BAD_GROUPS)
async def test_group_that_cannot_exist_is_404_or_422(
    http: Any, arena_sandbox: Sandbox, group: str
) -> None:
    for method, rest in (("GET", "pending"), ("POST", "invitations")):
        url = f"http://app/groups/{group}/{rest}"
        response = await http.request(method, url, json={"email": "ada@example.org"})
        assert response.status_code in (404, 422)
        assert set(response.json()) == {"detail"}
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
    http: Any, caplog: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    assert (await http.get(path)).status_code == status
    assert "fastapi_service" not in [each.name for each in caplog.records]


@pytest.mark.parametrize(("fault", "status", "text"), API_FAILURES)
async def test_errors_of_the_api_become_responses(
    http: Any,
    arena_sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    status: int,
    text: str,
) -> None:
    arena_sandbox.faults.add(fault)
    response = await http.get(f"/groups/{GROUP}/pending")
    assert (response.status_code, text in response.text) == (status, True)
    assert secrets_of(response.text) == []
    assert response.headers.get("Retry-After") == ("601" if "too many" in text else None)
    assert "fastapi_service" in [each.name for each in caplog.records]


@pytest.mark.parametrize("email", REFUSED_ADDRESSES)
async def test_address_that_the_api_refuses_is_422(
    http: Any, caplog: pytest.LogCaptureFixture, email: str
) -> None:
    response = await http.post(f"/groups/{GROUP}/invitations", json={"email": email})
    assert (response.status_code, "must be an" in response.text) == (422, True)
    assert "ada" not in response.text
    assert "fastapi_service" not in [each.name for each in caplog.records]
