"""Host names that a sandbox answers to."""

import json
import sys
from urllib.parse import urlsplit

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.hosts import normalize_host, parse_authority
from tests.sandbox.api import Api, reads_only

PING = "/v3/ping"
STUDIO = "/v3/groups/research-studio"


async def raw(http: Api, target: str, *headers: str, version: str = "1.1") -> tuple[int, str]:
    """Send a GET with these header lines, and return the status and the body."""
    lines = [f"GET {target} HTTP/{version}", *headers, "Connection: close", "", ""]
    response = (await http.raw("\r\n".join(lines).encode())).decode()
    head, _, body = response.partition("\r\n\r\n")
    return int(head.split(" ", 2)[1]), body


@reads_only
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "LocalHost:8080",
        "localhost.",
        "127.0.0.1.:1",
        "[0:0:0:0:0:0:0:1]:9",
        "[::ffff:127.0.0.1]",
        "[::1%25lo]",
        "localhost:",
    ],
)
async def test_own_names_are_answered_on_any_port(http: Api, host: str) -> None:
    assert (await raw(http, PING, f"Host: {host}"))[0] == 200


@reads_only
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "evil-localhost",
        "localhos",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::2]",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104
    ],
)
@pytest.mark.parametrize("path", [PING, STUDIO, "/oauth/authorize", "/nowhere"])
async def test_foreign_name_is_misdirected(
    http: Api, sandbox: Sandbox, host: str, path: str
) -> None:
    status, body = await raw(http, path, f"Host: {host}")
    error = json.loads(body)
    assert (status, error["code"], error["error"]) == (421, 421, "Misdirected Request")
    assert "--allowed-host" in error["details"]["message"]
    assert normalize_host(host.removesuffix(":80")) in error["details"]["message"]
    assert not sandbox.requests


@reads_only
@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Host: localhost", "Host: localhost"],
        ["Host: localhost", "Host: evil.example"],
        ["Host:"],
        ["Host: evil.example@localhost"],
        ["Host: user:secret@127.0.0.1"],
        ["Host: localhost, evil.example"],
        ["Host: http://localhost"],
        ["Host: localhost/"],
        ["Host: localhost:65536"],
        ["Host: localhost:1:2"],
        ["Host: localhost:8o"],
        ["Host: localhost.."],
        ["Host: ::1"],
        ["Host: [::1"],
        ["Host: 'x'\"<y>"],
        ["Host: b\xfccher.example"],
    ],
)
async def test_missing_repeated_or_malformed_host_is_bad_request(
    http: Api, sandbox: Sandbox, headers: list[str]
) -> None:
    status, body = await raw(http, PING, *headers)
    assert (status, json.loads(body)["code"]) == (400, 400)
    assert not sandbox.requests


@reads_only
@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        ("http://localhost/v3/ping", "localhost", 200),
        ("HTTP://127.0.0.1:9/v3/ping", "localhost", 200),
        ("http://localhost/v3/ping", "evil.example", 200),
        ("http://evil.example/v3/ping", "localhost", 421),
        ("https://evil.example", "localhost", 421),
        ("http://evil.example@localhost/v3/ping", "localhost", 400),
        ("http:///v3/ping", "localhost", 400),
    ],
)
async def test_host_of_an_absolute_target_takes_precedence(
    http: Api, target: str, host: str, expected: int
) -> None:
    assert (await raw(http, target, f"Host: {host}"))[0] == expected


@reads_only
async def test_http_1_0_needs_no_host(http: Api) -> None:
    assert (await raw(http, PING, version="1.0"))[0] == 200
    assert (await raw(http, PING, "Host: evil.example", version="1.0"))[0] == 421


async def test_foreign_host_has_no_effect_and_meets_no_fault(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    from arena_groups.sandbox.faults import Disconnect

    fault = sandbox.faults.add(Disconnect())
    headers = {"Host": "evil.example", "Content-Type": "application/json"}
    path = f"{STUDIO}/invitations"
    body = b'{"email": "ada@example.org"}'
    reply = await http.send("POST", path, tokens.owner, headers=headers, data=body)
    assert (reply.status, fault.call_count) == (421, 0)
    assert not sandbox.emails


@pytest.mark.parametrize("allowed", ["arena", "Arena.", "arena_1", "2001:DB8::1", "[2001:db8::1]"])
async def test_allowed_hosts_are_answered(session: aiohttp.ClientSession, allowed: str) -> None:
    host = f"[{allowed}]" if allowed.startswith("2") else allowed
    async with Sandbox(allowed_hosts=[allowed]) as sandbox:
        http = Api(sandbox, session)
        reply = await http.get(STUDIO, headers={"Host": f"{host}:9000"})
        assert reply.body["_links"]["self"]["href"] == f"http://{host}:9000{STUDIO}"
        assert (await http.get(STUDIO, headers={"Host": "other"})).status == 421


@pytest.mark.parametrize(
    "allowed", ["*", "*.example", "arena:80", "http://arena", "", " ", "user@arena", "b\xfccher"]
)
def test_invalid_allowed_host_raises(allowed: str) -> None:
    with pytest.raises(ValueError, match=r"invalid allowed host .* without a scheme"):
        Sandbox(allowed_hosts=[allowed])


@pytest.mark.parametrize("allowed", ["arena", b"arena", [7], [None]])
def test_allowed_hosts_of_another_type_raise(allowed: list[str]) -> None:
    with pytest.raises(TypeError, match="allowed_hosts must be"):
        Sandbox(allowed_hosts=allowed)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is not loopback")
async def test_sandbox_on_all_addresses_answers_to_the_address_of_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    every = "0.0.0.0"  # noqa: S104
    async with Sandbox(host=every) as sandbox:
        assert urlsplit(sandbox.url).hostname == "127.0.0.1"
        assert (await Api(sandbox, session).get(PING)).status == 200
        url = f"http://127.0.0.2:{urlsplit(sandbox.url).port}{PING}"
        for host, status in (("127.0.0.2", 200), ("127.0.0.3", 421), (every, 200)):
            async with session.get(url, headers={"Host": host}) as response:
                assert response.status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 201),
        ("http://localhost:3000", 201),
        ("http://[::1]", 201),
        ("https://evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("http://[", 403),
        ("null", 403),
        ("", 403),
        ("http://user@localhost", 403),
    ],
)
async def test_writes_from_pages_of_other_sites_are_forbidden(
    http: Api, sandbox: Sandbox, tokens: Tokens, origin: str | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"} | ({} if origin is None else {"Origin": origin})
    before = len(sandbox.groups)
    reply = await http.send(
        "POST", "/v3/groups", tokens.owner, headers=headers, data=b'{"name": "New"}'
    )
    assert reply.status == status
    assert len(sandbox.groups) - before == (status == 201)
    assert (await http.get(PING, headers=headers)).status == 200
    consent = await http.send("POST", "/oauth/authorize", headers=headers, data=b"")
    assert (consent.status == 403) == (status == 403)


@pytest.mark.parametrize("origins", [("localhost", "evil.example"), ("evil.example", "localhost")])
async def test_write_with_two_origins_of_which_one_is_another_site_is_forbidden(
    http: Api, sandbox: Sandbox, origins: tuple[str, str]
) -> None:
    lines = ["POST /v3/groups HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"Origin: http://{origin}" for origin in origins]
    response = await http.raw("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
    assert response.startswith(b"HTTP/1.1 403 ")
    assert not sandbox.requests


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("A.b-C_d:1", "a.b-c_d"),
        ("[FE80::1%eth0]:80", "fe80::1"),
        ("-a", None),
        ("a-:1", None),
        ("a b", None),
        ("a\n", None),
        ("\u0661:1", None),
    ],
)
def test_authority_is_parsed(authority: str, host: str | None) -> None:
    assert parse_authority(authority) == host
