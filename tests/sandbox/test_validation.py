"""Bodies that are not what they should be."""

import json

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api

GROUP = "/v3/groups/research-studio"
TAKE_BODIES = (
    ("POST", "/v3/groups"),
    ("PUT", GROUP),
    ("POST", f"{GROUP}/members"),
    ("POST", f"{GROUP}/invitations"),
)
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(("method", "path"), TAKE_BODIES)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  ",
        b"{",
        b"name=x",
        b"null",
        b"[]",
        b'"name"',
        b"7",
        b'{"name": NaN}',
        b"\xff\xfe{}",
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"user_id": ' + b"9" * 5000 + b"}",
    ],
)
async def test_bodies_are_json_objects(
    http: Api, tokens: Tokens, method: str, path: str, data: bytes
) -> None:
    reply = await http.send(method, path, tokens.owner, data=data, headers=JSON)
    assert reply.status == 400
    assert reply.body["error"] == "Bad Request"
    assert reply.body["details"]["errors"]["body"]


@pytest.mark.parametrize(("method", "path"), TAKE_BODIES)
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/json", ";;"]
)
async def test_bodies_are_sent_as_json(
    http: Api, tokens: Tokens, method: str, path: str, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    data = json.dumps({"name": "x", "email": "x@example.org"}).encode()
    reply = await http.send(method, path, tokens.owner, data=data, headers=headers)
    assert reply.status == 400


async def test_a_charset_is_no_harm(http: Api, tokens: Tokens) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    data = '{"name": "Äpfel"}'.encode()
    reply = await http.send("POST", "/v3/groups", tokens.owner, data=data, headers=headers)
    assert (reply.status, reply.body["name"]) == (201, "Äpfel")


BAD_FIELDS = (
    {"name": None},
    {"name": 3},
    {"name": ["x"]},
    {"name": "half a \ud800 pair"},
    {"name": "x", "description": 3},
    {"name": "x", "avatar_url": None},
    {"name": "x", "avatar_url": 3},
    {"name": "x", "avatar_url": ""},
    {"name": "x", "avatar_url": "owl.png"},
    {"name": "x", "avatar_url": "//example.com/owl.png"},
    {"name": "x", "avatar_url": "https://example.com/an owl.png"},
    {"name": "x", "avatar_url": "https://example.com/owl.png\n"},
    {"name": "x", "avatar_url": "https://example.com/%zz"},
    {"name": "x", "avatar_url": "https://example.com/[owl].png"},
    {"name": "x", "avatar_url": "https://example.com/ëule.png"},
    {"name": "x", "avatar_url": "http://[::1"},
    {"name": "x", "avatar_url": "https://example.com:port/"},
)
IMPOSSIBLE_FIELDS = (
    {"name": ""},
    {"name": "  \n"},
    {"name": "nul\0"},
    {"name": "x", "description": "nul\0"},
    {"name": "x", "avatar_url": "ftp://example.com/owl.png"},
    {"name": "x", "avatar_url": "data:,owl"},
    {"name": "x", "avatar_url": "https://"},
    {"name": "x", "avatar_url": "https:owl.png"},
    {"name": "x", "avatar_url": "https://example.com:0/"},
    {"name": "x", "avatar_url": "https://example.com:65536/"},
    {"name": "x", "avatar_url": "https://example.com:" + "9" * 5000},
)


@pytest.mark.parametrize("body", [*BAD_FIELDS, {}, {"name": "x", "description": None}])
async def test_create_checks_its_fields(http: Api, tokens: Tokens, body: object) -> None:
    reply = await http.post("/v3/groups", tokens.owner, body)
    assert reply.status == 400
    assert len(reply.body["details"]["errors"]) == 1


@pytest.mark.parametrize("body", BAD_FIELDS)
async def test_update_checks_its_fields(http: Api, tokens: Tokens, body: object) -> None:
    before = (await http.get(GROUP)).body
    assert (await http.put(GROUP, tokens.owner, body)).status == 400
    assert (await http.get(GROUP)).body == before


@pytest.mark.parametrize("body", IMPOSSIBLE_FIELDS)
async def test_what_is_well_formed_may_still_be_impossible(
    http: Api, sandbox: Sandbox, tokens: Tokens, body: dict[str, str]
) -> None:
    groups, before = sandbox.groups, (await http.get(GROUP)).body
    for reply in (
        await http.post("/v3/groups", tokens.owner, body),
        await http.put(GROUP, tokens.owner, body),
    ):
        assert (reply.status, reply.body["error"]) == (422, "Unprocessable Entity")
        (field,) = reply.body["details"]["errors"]
        assert field == list(body)[-1]
    assert (sandbox.groups, (await http.get(GROUP)).body) == (groups, before)


async def test_all_impossible_fields_are_named(http: Api, tokens: Tokens) -> None:
    body = {"name": " ", "description": "\0", "avatar_url": "ftp://example.com/"}
    reply = await http.post("/v3/groups", tokens.owner, body)
    assert (reply.status, reply.body["details"]["errors"].keys()) == (422, body.keys())
    assert all(field in reply.message for field in body)


@pytest.mark.parametrize("code", [None, 3, ["x"], {}])
async def test_join_checks_its_field(http: Api, tokens: Tokens, code: object) -> None:
    reply = await http.post(f"{GROUP}/members", tokens.stranger, {"invite_token": code})
    assert reply.status == 400


async def test_bodies_have_a_limit(http: Api, tokens: Tokens) -> None:
    reply = await http.post("/v3/groups", tokens.owner, {"name": "x" * 3_000_000})
    assert (reply.status, reply.body["error"]) == (413, "Payload Too Large")


async def test_bodies_that_are_not_in_the_encoding_they_claim(http: Api, tokens: Tokens) -> None:
    request = (
        b"POST /v3/groups HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Authorization: Bearer " + tokens.owner.encode() + b"\r\n"
        b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    assert (await http.raw(request)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
