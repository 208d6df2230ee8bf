"""Paths and methods, known and unknown."""

import re
from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.routes import EVERY_OPERATION
from tests.sandbox.api import Api, reads_only

pytestmark = reads_only

GROUP = "/v3/groups/research-studio"
GUIDE = Path(__file__).parents[2] / "docs/sandbox.md"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v3",
        "/v2/groups/research-studio",
        "/v3/ping/",
        "//v3/ping",
        "/v3/groups/",
        "/v3/groups//members",
        "/v3/groups/research-studio/",
        "/v3/groups/research-studio/nothing",
        "/v3/groups/research-studio%2Fmembers",
        "/v3/groups/../groups/research-studio",
        "/v3/groups/..%2F..",
        "/v3/groups/research-studio%0a",
        "/v3/groups/a%0d%0aX-Evil:%201",
        "/v3/groups/%00",
        "/v3/groups/%ff",
        "/v3/groups/%C3%28",
        "/v3/groups/%",
        "/v3/groups/%zz",
        "/v3/groups/caf%C3%A9",
        "/v3/%0a",
        "/%0a/v3/ping",
        "/v3/pi%0ang",
        "/v3/groups/" + "x" * 7000,
        "/" * 3000,
        "/v3/channels/1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
async def test_unknown_path_is_not_found(http: Api, tokens: Tokens, method: str, path: str) -> None:
    reply = await http.send(method, path, tokens.owner)
    if reply.status == 405:
        assert method == "OPTIONS"
        return
    assert (reply.status, reply.reason) == (404, "Not Found")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "X-Evil" not in reply.headers
    if method != "HEAD":
        assert (reply.body["error"], reply.body["code"]) == ("Not Found", 404)


async def test_links_lead_to_served_or_known_paths(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    bodies = [
        (await http.get("/v3/me", tokens.owner)).body,
        (await http.get(GROUP, tokens.owner)).body,
        (await http.get(f"{GROUP}/invite", tokens.owner)).body,
        *await http.every_page(f"{GROUP}/contents", tokens.owner),
        *await http.every_page(f"{GROUP}/followers", tokens.owner),
    ]
    links = {link["href"] for body in bodies for link in body["_links"].values()}
    replies = [await http.get(href.removeprefix(sandbox.url), tokens.owner) for href in links]
    missing = [reply for reply in replies if reply.status != 200]
    assert 0 < len(missing) < len(replies)
    for reply in missing:
        assert reply.status == 404
        assert "does not serve this path" in reply.message
    assert "no part" not in (await http.get("/v3/nothing", tokens.owner)).message


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v3/ping", "GET, HEAD"),
        ("/v3/groups", "POST"),
        (GROUP, "DELETE, GET, HEAD, PUT"),
        (f"{GROUP}/members", "GET, HEAD, POST"),
        (f"{GROUP}/members/me", "DELETE"),
        (f"{GROUP}/members/2", "DELETE"),
        (f"{GROUP}/invite", "DELETE, GET, HEAD, POST"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_wrong_method_is_not_allowed(http: Api, method: str, path: str, allowed: str) -> None:
    reply = await http.send(method, path)
    assert (reply.status, reply.headers["Allow"]) == (405, allowed)
    assert reply.body["error"] == "Method Not Allowed"


async def test_encoded_slug_is_decoded(http: Api) -> None:
    assert (await http.get("/v3/groups/research%2Dstudio")).status == 200


async def test_request_target_as_url_or_asterisk_is_parsed(http: Api) -> None:
    async def status(target: bytes, method: bytes = b"GET") -> bytes:
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        request = head % (method, target)
        return (await http.raw(request)).split(b" ", 2)[1]

    assert await status(b"http://localhost/v3/ping") == b"200"
    assert await status(b"*", b"OPTIONS") == b"404"
    assert await status(b"/v3/ping#fragment") == b"200"


def test_guide_lists_every_operation() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([A-Z]+) `(\S+)` \|$", GUIDE.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [(each.name, each.method, each.template) for each in EVERY_OPERATION]
