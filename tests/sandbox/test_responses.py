"""Headers of responses, and conditional requests."""

import re

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api, Reply

GROUP = "/v3/groups/research-studio"


QUOTA = ("X-RateLimit-Limit", "X-RateLimit-Tier", "X-RateLimit-Window", "X-RateLimit-Reset")


def has_quota(reply: Reply) -> bool:
    present = {name in reply.headers for name in QUOTA}
    assert len(present) == 1
    return present.pop()


async def test_response_with_body_has_json_and_rate_limit_headers(
    http: Api, tokens: Tokens
) -> None:
    for reply, status, reason in [
        (await http.get(GROUP), 200, "OK"),
        (await http.post("/v3/groups", tokens.owner, {"name": "x"}), 201, "Created"),
        (await http.post("/v3/groups", tokens.owner, {}), 400, "Bad Request"),
        (await http.get("/v3/me"), 401, "Unauthorized"),
        (await http.delete(GROUP, tokens.member), 403, "Forbidden"),
        (await http.get("/v3/nothing"), 404, "Not Found"),
        (await http.post("/v3/ping"), 405, "Method Not Allowed"),
        (await http.get("/v3/me", tokens.limited), 429, "Too Many Requests"),
    ]:
        assert (reply.status, reply.reason) == (status, reason)
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
        assert has_quota(reply)
        assert ("ETag" in reply.headers) == (status < 400)


async def test_response_without_body_has_no_entity_headers(http: Api, tokens: Tokens) -> None:
    reply = await http.delete(f"{GROUP}/invite", tokens.owner)
    assert (reply.status, reply.reason, reply.content) == (204, "No Content", b"")
    assert not has_quota(reply)
    for name in ("Content-Type", "Content-Length", "Transfer-Encoding", "ETag"):
        assert name not in reply.headers
    assert reply.headers["X-Request-Id"]


@pytest.mark.parametrize("name", ["half a \ud800 pair", "\udc00\ud83d", "two halves \ud83d\ude00"])
async def test_half_of_a_surrogate_pair_is_sent_as_an_escape(
    http: Api, sandbox: Sandbox, tokens: Tokens, name: str
) -> None:
    group = sandbox.add_group(name, slug="halves", description=name)
    sandbox.add_member(group, sandbox.add_user(name))
    sandbox.rename_user(sandbox.users.owner.id, name)
    for path in ("/v3/me", "/v3/groups/halves", "/v3/groups/halves/members"):
        reply = await http.get(path, tokens.owner)
        assert reply.status == 200
        assert ascii(name)[1:-1].encode() in reply.content
    # A parser joins an escaped pair.
    joined = name.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert (await http.get("/v3/me", tokens.owner)).body["name"] == joined


async def test_request_id_is_unique(http: Api, tokens: Tokens) -> None:
    replies = [await http.get(path, tokens.owner) for path in ("/v3/me", "/v3/me", "/v3/x")]
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3


async def test_cache_control_depends_on_caller_and_status(http: Api, tokens: Tokens) -> None:
    assert (await http.get(GROUP)).headers["Cache-Control"] == "max-age=300, public"
    assert (await http.get(GROUP, tokens.owner)).headers["Cache-Control"] == "private, no-cache"
    for token in (None, tokens.owner):
        assert (await http.get("/v3/nothing", token)).headers["Cache-Control"] == "no-cache"


async def test_matching_etag_is_not_modified(http: Api, tokens: Tokens) -> None:
    first = await http.get(GROUP, tokens.owner)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'W/"[^"]+"', etag)
    for tags in (etag, etag.removeprefix("W/"), f'"other", {etag} , W/"more"', "*"):
        again = await http.get(GROUP, tokens.owner, headers={"If-None-Match": tags})
        assert (again.status, again.reason, again.content) == (304, "Not Modified", b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert has_quota(again)


async def test_other_etag_gets_full_response(http: Api, tokens: Tokens) -> None:
    etag = (await http.get(GROUP, tokens.owner)).headers["ETag"]
    for tags in ('W/"other"', "", etag.strip('W/"')):
        same = await http.get(GROUP, tokens.owner, headers={"If-None-Match": tags})
        assert same.status == 200
    as_guest = await http.get(GROUP, headers={"If-None-Match": etag})
    assert as_guest.status == 200
    await http.put(GROUP, tokens.owner, {"description": "changed"})
    changed = await http.get(GROUP, tokens.owner, headers={"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


async def test_write_and_error_ignore_if_none_match(http: Api, tokens: Tokens) -> None:
    everything = {"If-None-Match": "*"}
    created = await http.send("POST", f"{GROUP}/invite", tokens.owner, headers=everything)
    assert created.status == 200
    assert (await http.get("/v3/nothing", headers=everything)).status == 404


async def test_head_has_headers_of_get(http: Api) -> None:
    get, head = await http.get(GROUP), await http.send("HEAD", GROUP)
    assert (head.status, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
        assert head.headers[name] == get.headers[name]
    assert (await http.send("HEAD", "/v3/me")).status == 401
