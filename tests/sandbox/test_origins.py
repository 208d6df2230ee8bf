"""Web pages of other sites: what they may do with `cors=`, and without."""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import ServerFailure
from arena_groups.sandbox.origins import check_origin
from tests.sandbox.api import Api, Reply

PAGE = "http://localhost:3000"
OTHER = "https://evil.example"
STUDIO = "/v3/groups/research-studio"
STATE = "/__sandbox__/state"
ADVANCE = "/__sandbox__/advance"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture(params=[(PAGE,), (PAGE, "*"), ("*",), ()], ids=["page", "both", "every", "none"])
def cors(request: pytest.FixtureRequest) -> tuple[str, ...]:
    origins: tuple[str, ...] = request.param
    return origins


@pytest.fixture
async def sandbox(cors: tuple[str, ...]) -> AsyncIterator[Sandbox]:
    async with Sandbox(cors=cors) as running:
        yield running


async def read(http: Api, path: str, origin: str) -> str | None:
    """Return the origin that may read a response."""
    return (await http.get(path, headers={"Origin": origin})).headers.get(ALLOWED)


async def preflight(http: Api, path: str, origin: str, **headers: str) -> Reply:
    sent: Mapping[str, str] = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        **headers,
    }
    return await http.send("OPTIONS", path, headers=sent)


async def test_responses_of_the_api_may_be_read_by_allowed_pages(
    http: Api, sandbox: Sandbox, cors: tuple[str, ...]
) -> None:
    sandbox.faults.add(ServerFailure(), operation="getPing")
    for path in (STUDIO, "/v3/nothing", "/v3/ping"):
        assert await read(http, path, PAGE) == (PAGE if cors else None)
        assert await read(http, path, OTHER) == (OTHER if "*" in cors else None)
    unchanged = (await http.get(STUDIO)).headers
    assert ALLOWED not in unchanged
    assert unchanged.get("Vary") == ("Origin" if cors else None)
    etag = {"If-None-Match": unchanged["ETag"], "Origin": PAGE}
    cached = await http.get(STUDIO, headers=etag)
    assert (cached.status, cached.headers.get(ALLOWED)) == (304, PAGE if cors else None)


async def test_control_surface_may_be_read_by_named_pages_only(
    http: Api, cors: tuple[str, ...]
) -> None:
    for path in (STATE, "/__sandbox__/", "/__sandbox__/nothing"):
        assert await read(http, path, PAGE) == (PAGE if PAGE in cors else None)
        assert await read(http, path, OTHER) is None


async def test_control_surface_may_be_changed_by_named_pages_only(
    http: Api, sandbox: Sandbox, cors: tuple[str, ...]
) -> None:
    for origin in (PAGE, OTHER, "null", "*", f"{PAGE}0", f"{PAGE}.evil.example"):
        before = sandbox.now
        headers = {"Origin": origin, "Content-Type": "application/json"}
        reply = await http.send("POST", ADVANCE, headers=headers, data=b'{"seconds": 3600}')
        allowed = origin == PAGE and PAGE in cors
        assert reply.status == (200 if allowed else 403)
        assert ((sandbox.now - before).total_seconds() >= 3600) is allowed
        if not allowed:
            assert "--cors" in reply.body["error"]


async def test_api_may_be_changed_by_allowed_pages_only(http: Api, cors: tuple[str, ...]) -> None:
    token = f"Bearer {http.sandbox.tokens.owner}"
    headers = {"Origin": OTHER, "Content-Type": "application/json", "Authorization": token}
    reply = await http.send("POST", "/v3/groups", headers=headers, data=b'{"name": "X"}')
    assert reply.status == (201 if "*" in cors else 403)


async def test_preflight_of_an_allowed_page_is_answered(
    http: Api, sandbox: Sandbox, cors: tuple[str, ...]
) -> None:
    for path, allowed in [(STUDIO, bool(cors)), (ADVANCE, PAGE in cors)]:
        reply = await preflight(http, path, PAGE, **{"Access-Control-Request-Private-Network": "1"})
        if not allowed:
            assert reply.status in {403, 405}
            assert ALLOWED not in reply.headers
            continue
        assert (reply.status, reply.content) == (204, b"")
        assert reply.headers[ALLOWED] == PAGE
        assert reply.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        assert "DELETE" in reply.headers["Access-Control-Allow-Methods"]
        assert reply.headers["Access-Control-Allow-Private-Network"] == "true"
    assert not sandbox.requests or not cors


async def test_preflight_of_another_page_is_refused(http: Api, cors: tuple[str, ...]) -> None:
    assert (await preflight(http, ADVANCE, OTHER)).status in {403, 405}
    assert (await preflight(http, STUDIO, OTHER)).status == (204 if "*" in cors else 403)


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        ("HTTPS://App.Example", "https://app.example"),
        ("http://localhost:80", "http://localhost"),
        ("https://a.example:443", "https://a.example"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("tauri://localhost", "tauri://localhost"),
        ("*", "*"),
    ],
)
def test_origin_is_normalized(given: str, origin: str) -> None:
    assert check_origin(given) == origin


@pytest.mark.parametrize(
    "given",
    ["", "localhost", "localhost:3000", "http://", "http://x/", "http://u@x", "null", "http://*.x"],
)
def test_invalid_origin_raises(given: str) -> None:
    with pytest.raises(ValueError, match="invalid origin"):
        Sandbox(cors=[given])


@pytest.mark.parametrize("given", [PAGE, b"x", 1, [1]])
def test_origins_of_the_wrong_type_raise(given: object) -> None:
    with pytest.raises(TypeError, match="cors must be"):
        Sandbox(cors=given)  # type: ignore[arg-type]


async def test_events_reach_a_page_that_is_allowed(session: aiohttp.ClientSession) -> None:
    async with Sandbox(cors=[PAGE]) as sandbox:
        url, headers = f"{sandbox.url}/__sandbox__/events", {"Origin": PAGE}
        async with session.get(url, headers=headers) as response:
            assert response.headers[ALLOWED] == PAGE
