"""Validation of URIs, addresses and bodies."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.validation import ParsedURI, is_acceptable, is_address, parse_uri
from tests.sandbox.api import Api, reads_only

SCHEMA = Draft202012Validator(
    {"type": "string", "format": "uri"}, format_checker=FormatChecker(formats=("uri",))
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://example.com", ParsedURI("https", "example.com", None)),
        ("HTTPS://Example.com:8443/a/b.png?x=[1", None),
        ("HTTPS://Example.com:8443/a//b.png?x=1/?#f/?", ParsedURI("https", "Example.com", 8443)),
        ("http://user:pass@host:/", ParsedURI("http", "host", None)),
        ("http://[2001:db8::1]:80/x", ParsedURI("http", "[2001:db8::1]", 80)),
        ("http://[v1.future]/", ParsedURI("http", "[v1.future]", None)),
        ("http://ex%41mple.com/%C3%A9", ParsedURI("http", "ex%41mple.com", None)),
        ("https://", ParsedURI("https", "", None)),
        ("https:", ParsedURI("https", "", None)),
        ("https:/a/b", ParsedURI("https", "", None)),
        ("urn:isbn:0-486-27557-4", ParsedURI("urn", "", None)),
        ("", None),
        ("example.com/a.png", None),
        ("//example.com/a.png", None),
        ("/a.png", None),
        ("1http://example.com", None),
        ("http://example.com/%zz", None),
        ("http://example.com/%4", None),
        ("http://example.com/[a]", None),
        ("http://example.com/a#b#c", None),
        ("http://[::1", None),
        ("http://[1.2.3.4]/", None),
        ("http://[fe80::1%25eth0]/", None),
        ("http://example.com:port/", None),
        ("http://a@b@example.com/", None),
        ("http://example.com/a b", None),
        ("http://example.com/a\n", None),
        ("http://example.com/a\x7f", None),
        ("http://example.com/\\a", None),
        ("http://example.com/é", None),
        ("http://example.com/٣", None),
    ],
)
def test_parse_uri_returns_parts_or_none(text: str, parts: ParsedURI | None) -> None:
    assert parse_uri(text) == parts


@given(
    st.from_regex(r"[a-z]{1,5}:(//)?[a-z0-9:@%\[\]/?#. v]{0,20}", fullmatch=True)
    | st.text(alphabet="ahtp:/?#[]@!$&'()*+,;=%09af.~_-{ v", max_size=20)
)
@example("http:////a")
@example("http://[::]:1/")
def test_parsed_uri_conforms_to_schema(text: str) -> None:
    if parse_uri(text) is not None:
        assert SCHEMA.is_valid(text)


LABEL = "d" * 63


LONG_DOMAIN = f"{LABEL}.{LABEL}.{LABEL}"  # 191 characters


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org",
        "a@b.c",
        "ada.osei+groups@mail.example-host.org",
        "!#$%&'*+/=?^_`{|}~-@example.org",
        "l" * 64 + "@example.org",
        f"ada@{LABEL}.org",
        "l" * 62 + "@" + LONG_DOMAIN,
        "ada@127.0.0.1",
    ],
)
def test_address_that_is_valid_is_acceptable(text: str) -> None:
    assert is_address(text)
    assert is_acceptable(text)


@pytest.mark.parametrize(
    "text",
    [
        "ada@localhost",
        "ada@com",
        '"ada osei"@example.org',
        '"a\\"b"@example.org',
        '""@example.org',
        "ada@[127.0.0.1]",
        "ada@[IPv6:2001:db8::1]",
    ],
)
def test_address_without_mail_domain_is_not_acceptable(text: str) -> None:
    assert is_address(text)
    assert not is_acceptable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        ".ada@example.org",
        "ada.@example.org",
        "ada..osei@example.org",
        "ada osei@example.org",
        "ada@@example.org",
        "ada@example..org",
        "ada@.example.org",
        "ada@example.org.",
        "ada@-example.org",
        "ada@example-.org",
        "ada@exa_mple.org",
        f"ada@{LABEL}d.org",
        "l" * 65 + "@example.org",
        '"' + "l" * 63 + '"@example.org',
        "l" * 63 + "@" + LONG_DOMAIN,
        "ada@example.org\n",
        "ada@example.org\nBcc: b@example.org",
        "nul\0@example.org",
        "ådå@example.org",
        "ada@exämple.org",
        '"ada@example.org',
        'a"d"a@example.org',
        "ada@[127.0.0.256]",
        "ada@[IPv6:nonsense]",
        "ada@[host]",
        "Ada <ada@example.org>",
    ],
)
def test_address_that_is_malformed_is_rejected(text: str) -> None:
    assert not is_address(text)
    assert not is_acceptable(text)


GROUP = "/v3/groups/research-studio"


TAKE_BODIES = (
    ("POST", "/v3/groups"),
    ("PUT", GROUP),
    ("POST", f"{GROUP}/members"),
    ("POST", f"{GROUP}/invitations"),
)


JSON = {"Content-Type": "application/json"}


@reads_only
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
async def test_body_other_than_json_object_is_bad_request(
    http: Api, tokens: Tokens, method: str, path: str, data: bytes
) -> None:
    reply = await http.send(method, path, tokens.owner, data=data, headers=JSON)
    assert reply.status == 400
    assert reply.body["error"] == "Bad Request"
    assert reply.body["details"]["errors"]["body"]


@reads_only
@pytest.mark.parametrize(("method", "path"), TAKE_BODIES)
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/json", ";;"]
)
async def test_body_with_other_content_type_is_bad_request(
    http: Api, tokens: Tokens, method: str, path: str, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    data = json.dumps({"name": "x", "email": "x@example.org"}).encode()
    reply = await http.send(method, path, tokens.owner, data=data, headers=headers)
    assert reply.status == 400


async def test_body_content_type_may_have_charset(http: Api, tokens: Tokens) -> None:
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


@reads_only
@pytest.mark.parametrize("body", [*BAD_FIELDS, {}, {"name": "x", "description": None}])
async def test_create_group_with_invalid_field_is_bad_request(
    http: Api, tokens: Tokens, body: object
) -> None:
    reply = await http.post("/v3/groups", tokens.owner, body)
    assert reply.status == 400
    assert len(reply.body["details"]["errors"]) == 1


@reads_only
@pytest.mark.parametrize("body", BAD_FIELDS)
async def test_update_group_with_invalid_field_changes_nothing(
    http: Api, tokens: Tokens, body: object
) -> None:
    before = (await http.get(GROUP)).body
    assert (await http.put(GROUP, tokens.owner, body)).status == 400
    assert (await http.get(GROUP)).body == before


@reads_only
@pytest.mark.parametrize("body", IMPOSSIBLE_FIELDS)
async def test_group_with_impossible_field_is_unprocessable(
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


@reads_only
async def test_several_impossible_fields_are_all_named(http: Api, tokens: Tokens) -> None:
    body = {"name": " ", "description": "\0", "avatar_url": "ftp://example.com/"}
    reply = await http.post("/v3/groups", tokens.owner, body)
    assert (reply.status, reply.body["details"]["errors"].keys()) == (422, body.keys())
    assert all(field in reply.message for field in body)


@reads_only
@pytest.mark.parametrize("code", [None, 3, ["x"], {}])
async def test_join_with_invalid_code_type_is_bad_request(
    http: Api, tokens: Tokens, code: object
) -> None:
    reply = await http.post(f"{GROUP}/members", tokens.stranger, {"invite_token": code})
    assert reply.status == 400


async def test_oversized_body_is_too_large(http: Api, tokens: Tokens) -> None:
    reply = await http.post("/v3/groups", tokens.owner, {"name": "x" * 3_000_000})
    assert (reply.status, reply.body["error"]) == (413, "Payload Too Large")


async def test_body_in_wrong_encoding_is_bad_request(http: Api, tokens: Tokens) -> None:
    request = (
        b"POST /v3/groups HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Authorization: Bearer " + tokens.owner.encode() + b"\r\n"
        b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    assert (await http.raw(request)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
