"""Headers, revalidation, and paths and methods that lead nowhere."""

import json
import logging
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


async def test_answers_with_a_body(http: Api, tokens: Tokens) -> None:
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


async def test_answers_without_a_body(http: Api, tokens: Tokens) -> None:
    reply = await http.delete(f"{GROUP}/invite", tokens.owner)
    assert (reply.status, reply.reason, reply.content) == (204, "No Content", b"")
    assert not has_quota(reply)
    for name in ("Content-Type", "Content-Length", "Transfer-Encoding", "ETag"):
        assert name not in reply.headers
    assert reply.headers["X-Request-Id"]


async def test_each_answer_has_an_id_of_its_own(http: Api, tokens: Tokens) -> None:
    replies = [await http.get(path, tokens.owner) for path in ("/v3/me", "/v3/me", "/v3/x")]
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3


async def test_who_may_keep_an_answer(http: Api, tokens: Tokens) -> None:
    assert (await http.get(GROUP)).headers["Cache-Control"] == "max-age=300, public"
    assert (await http.get(GROUP, tokens.owner)).headers["Cache-Control"] == "private, no-cache"
    for token in (None, tokens.owner):
        assert (await http.get("/v3/nothing", token)).headers["Cache-Control"] == "no-cache"


async def test_an_unchanged_answer_is_not_sent_again(http: Api, tokens: Tokens) -> None:
    first = await http.get(GROUP, tokens.owner)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'W/"[^"]+"', etag)
    for tags in (etag, etag.removeprefix("W/"), f'"other", {etag} , W/"more"', "*"):
        again = await http.get(GROUP, tokens.owner, headers={"If-None-Match": tags})
        assert (again.status, again.reason, again.content) == (304, "Not Modified", b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert has_quota(again)


async def test_a_changed_answer_is_sent(http: Api, tokens: Tokens) -> None:
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


async def test_writes_and_errors_do_not_revalidate(http: Api, tokens: Tokens) -> None:
    everything = {"If-None-Match": "*"}
    created = await http.send("POST", f"{GROUP}/invite", tokens.owner, headers=everything)
    assert created.status == 200
    assert (await http.get("/v3/nothing", headers=everything)).status == 404


async def test_head_is_a_get_without_the_body(http: Api) -> None:
    get, head = await http.get(GROUP), await http.send("HEAD", GROUP)
    assert (head.status, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
        assert head.headers[name] == get.headers[name]
    assert (await http.send("HEAD", "/v3/me")).status == 401


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
async def test_odd_paths_are_not_found(http: Api, tokens: Tokens, method: str, path: str) -> None:
    reply = await http.send(method, path, tokens.owner)
    if reply.status == 405:
        assert method == "OPTIONS"
        return
    assert (reply.status, reply.reason) == (404, "Not Found")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "X-Evil" not in reply.headers
    if method != "HEAD":
        assert (reply.body["error"], reply.body["code"]) == ("Not Found", 404)


async def test_links_lead_to_what_is_served_or_elsewhere_in_the_api(
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
async def test_other_methods_are_not_allowed(
    http: Api, method: str, path: str, allowed: str
) -> None:
    reply = await http.send(method, path)
    assert (reply.status, reply.headers["Allow"]) == (405, allowed)
    assert reply.body["error"] == "Method Not Allowed"


@pytest.mark.parametrize("method", ["BREW", "X-Y"])
async def test_unknown_methods(http: Api, method: str) -> None:
    request = f"{method} {GROUP} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await http.raw(request.encode())
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.partition("\r\n")[0].endswith(" 405 Method Not Allowed")
    assert "Allow: DELETE, GET, HEAD, " in head
    assert "Content-Type: application/json; charset=utf-8\r\n" in head
    assert all(f"{name}: " in head for name in QUOTA)
    assert json.loads(body)["error"] == "Method Not Allowed"
    assert (await http.get("/v3/ping")).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v3/ping HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n",
        b"GET /v3/ping HTTP/1.1\r\nHost: x\r\nContent-Length: y\r\n\r\n",
        b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_request(http: Api, sandbox: Sandbox, request_: bytes) -> None:
    head, _, body = (await http.raw(request_)).decode().partition("\r\n\r\n")
    assert head.partition("\r\n")[0].endswith(" 400 Bad Request")
    assert "Content-Type: application/json; charset=utf-8\r\n" in head
    assert all(f"{name}: " in head for name in QUOTA)
    error = json.loads(body)
    assert (error["error"], error["code"]) == ("Bad Request", 400)
    assert not sandbox.requests


async def test_a_client_may_ask_before_it_sends_a_body(http: Api, tokens: Tokens) -> None:
    body = b'{"name": "Asked"}'
    reader, writer = await http.talk(
        b"POST /v3/groups HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Authorization: Bearer %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (tokens.owner.encode(), len(body))
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 Created\r\n")
    writer.close()
    await writer.wait_closed()


async def test_an_encoded_name_is_the_name(http: Api) -> None:
    assert (await http.get("/v3/groups/research%2Dstudio")).status == 200


async def test_targets_other_than_a_path(http: Api) -> None:
    async def status(target: bytes, method: bytes = b"GET") -> bytes:
        request = method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        return (await http.raw(request)).split(b" ", 2)[1]

    assert await status(b"http://elsewhere.test/v3/ping") == b"200"
    assert await status(b"*", b"OPTIONS") == b"404"
    assert await status(b"/v3/ping#fragment") == b"200"


async def test_without_a_host_links_lead_to_the_sandbox(http: Api, sandbox: Sandbox) -> None:
    answer = await http.raw(b"GET /v3/groups/1001 HTTP/1.0\r\n\r\n")
    assert f'"href":"{sandbox.url}{GROUP}"'.encode() in answer


async def test_requests_are_recorded(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    await http.get("/v3/groups/a%2Fb?page=2&per=5&page=3", tokens.owner)
    await http.delete(f"{GROUP}/invite", tokens.owner)
    first, second = sandbox.requests
    assert (first.method, first.path, first.status) == ("GET", "/v3/groups/a%2Fb", 404)
    assert dict(first.query) == {"page": "3", "per": "5"}
    assert (second.method, second.path, second.status) == ("DELETE", f"{GROUP}/invite", 204)
    assert tokens.owner not in repr(sandbox.requests)
    sandbox.clear_requests()
    assert not sandbox.requests


async def test_nothing_is_logged(
    http: Api, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await http.get("/v3/me", tokens.owner)
    await http.get("/v3/me", "wrong")
    token = tokens.owner.encode()
    await http.raw(b"GET /v3/me HTTP/1.1\r\nAuthorization: " + token + b"\x01\r\n\r\n")
    assert not [each for each in caplog.records if not each.name.startswith("asyncio")]


async def test_a_bug_is_a_json_error_too(
    http: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: object, _ref: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("arena_groups.sandbox.backend.Backend.find_group", broken)
    reply = await http.get(GROUP)
    assert (reply.status, reply.body["error"]) == (500, "Internal Server Error")
    assert "ZeroDivisionError" in caplog.text


async def test_a_caller_who_hangs_up_does_no_harm(
    http: Api, sandbox: Sandbox, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    before = sandbox.groups
    await http.hang_up(
        b"POST /v3/groups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        + tokens.owner.encode()
        + b"\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    while not sandbox.requests:
        await http.get("/v3/ping")
    assert (await http.get("/v3/ping")).status == 200
    assert sandbox.groups == before
    assert not caplog.records
