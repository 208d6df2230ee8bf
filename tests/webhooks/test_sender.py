"""One request to an endpoint: its headers and body, its result, its limits, and what it shows."""

import asyncio
import json
import logging
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from arena_groups.webhooks import WebhookSender
from arena_groups.webhooks.schedule import Attempt
from tests.support.proxies import client_context, server_context
from tests.support.servers import chunked, http, serving
from tests.support.traces import shown_by
from tests.support.webhooks import OTHER_SECRET, SECRET, event, local_sender

PATH = "s3cr3t-path"
QUERY = "t0ken-in-query"


async def attempt(sender: WebhookSender, count: int = 1) -> Attempt:
    async with sender.connect() as connection:
        return await connection.send([event(number) for number in range(1, count + 1)])


def assert_clean(text: str) -> None:
    for secret in (PATH, QUERY, SECRET, OTHER_SECRET, SECRET[6:], OTHER_SECRET[6:]):
        assert secret not in text


async def test_request_has_the_headers_and_the_body_of_the_specification() -> None:
    async with serving(http(status="202 Accepted", Set_Cookie="a=b; Path=/")) as server:
        sender = local_sender(server.url, secret=[SECRET, OTHER_SECRET])
        async with sender.connect() as connection:
            for _ in range(2):
                assert await connection.send([event(1)]) == Attempt(202)
        assert server.connections == 1
    for request in server.requests:
        assert (request.method, request.target) == ("POST", f"/hook/{PATH}")
        assert request.headers["webhook-id"] == event(1).key
        assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
        assert request.headers["content-type"] == "application/json"
        assert request.headers["user-agent"].startswith("arena-groups/")
        assert "cookie" not in request.headers
        body = json.loads(request.body)
        assert (body["type"], body["data"]["key"]) == ("member.joined", event(1).key)
        for secret in (SECRET, OTHER_SECRET):
            Webhook(secret).verify(request.body, dict(request.headers))


async def test_request_without_a_secret_has_no_signature() -> None:
    async with serving(http()) as server:
        assert (await attempt(local_sender(server.url))).delivered
    (request,) = server.requests
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"] == event(1).key


@pytest.mark.parametrize("format", ["slack", "discord"])
async def test_other_formats_send_several_events_at_once(format: Any) -> None:
    async with serving(http()) as server:
        sender = local_sender(server.url, format=format)
        assert sender.max_events > 1
        assert (await attempt(sender, count=3)).delivered
    (request,) = server.requests
    assert "webhook-id" not in request.headers
    assert json.loads(request.body)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
async def test_success_is_any_2xx(status: int) -> None:
    async with serving(http(status=f"{status} Fine")) as server:
        assert await attempt(local_sender(server.url)) == Attempt(status)


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (http(status="400 x"), "400 Bad Request"),
        (http(status="404 x"), "404 Not Found"),
        (http(status="410 x"), "410 Gone"),
        (http(status="500 x"), "500 Internal Server Error"),
        (http(status="599 x"), "599"),
        (http(status="304 x"), "a redirect (304), which is not followed: use the URL it leads to"),
        (b"nonsense\r\n\r\n", "its response is not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000, "its response is not valid HTTP"),
    ],
)
async def test_other_answer_is_a_failure(response: bytes, failure: str) -> None:
    async with serving(response, closing=True) as server:
        found = await attempt(local_sender(server.url))
    assert found.failure == failure
    assert not found.delivered


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("Tue, 14 Nov 2023 22:15:20 GMT", 120.0), ("nonsense", None), ("-5", None)],
)
async def test_retry_after_is_read_as_seconds_and_as_a_date(
    value: str, seconds: float | None
) -> None:
    async with (
        serving(http(status="503 x", Retry_After=value)) as server,
        local_sender(server.url).connect() as connection,
    ):
        found = await connection.send([event(1)], now=1_700_000_000.0)
    assert found == Attempt(503, "503 Service Unavailable", seconds)


async def test_closed_port_and_hanging_server_are_failures() -> None:
    async with serving(b"") as server:
        found = await attempt(local_sender(server.url, timeout=0.05))
        assert found.failure == "no response within the time limit"
    found = await attempt(local_sender(server.url))
    assert found.failure == "no connection (Connection refused)"


async def test_server_that_closes_the_connection_is_a_failure() -> None:
    async with serving(b"", closing=True) as server:
        found = await attempt(local_sender(server.url))
    assert found.failure == "it closed the connection without a response"


async def test_only_the_beginning_of_an_answer_is_read() -> None:
    async with serving(http(b"x" * 50_000_000)) as server:
        assert (await attempt(local_sender(server.url))).delivered
    async with serving(chunked(b"x", end=b"")) as server:
        assert (await attempt(local_sender(server.url, timeout=5))).delivered


async def test_compressed_answer_is_not_decompressed() -> None:
    bomb = http(b"not gzip at all", Content_Encoding="gzip")
    async with serving(bomb) as server:
        assert (await attempt(local_sender(server.url))).delivered
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_certificate_that_is_not_trusted_is_a_failure() -> None:
    async with serving(http(), tls=server_context("localhost")) as server:
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        found = await attempt(local_sender(url))
        assert found.failure.startswith("no TLS connection: its certificate is not trusted")
        assert (await attempt(local_sender(url, ssl=client_context()))).delivered
        assert len(server.requests) == 1


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")

    async def test_proxy_and_netrc_are_not_used(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        async with serving(http()) as server:
            assert (await attempt(local_sender(server.url))).delivered
            assert (await attempt(local_sender(server.url, trust_env=True))).delivered
        assert all("authorization" not in request.headers for request in server.requests)

    async def test_proxy_is_used_if_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serving(http(status="502 Bad Gateway")) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            sender = WebhookSender(f"https://hook.example/{PATH}", trust_env=True)
            found = await attempt(sender)
            assert not found.delivered
            assert [request.method for request in proxy.requests] == ["CONNECT"]
            assert PATH not in proxy.requests[0].target


class TestSecrets:
    @pytest.fixture(autouse=True)
    def logs(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)

    @pytest.mark.parametrize(
        "options",
        [
            {"secret": f"{SECRET} nonsense"},
            {"secret": [SECRET, "nonsense"]},
            {"secret": SECRET, "format": "slack"},
            {"secret": SECRET, "format": "xml"},
            {"secret": SECRET, "timeout": 0},
            {"secret": SECRET, "give_up_after": -1},
            {"secret": SECRET, "allow_private": "no"},
            {"secret": SECRET, "name": "a/b"},
            {"secret": SECRET, "ssl": "no"},
        ],
    )
    def test_refused_argument_shows_neither_url_nor_secret(self, options: dict[str, Any]) -> None:
        with pytest.raises((ValueError, TypeError)) as caught:
            WebhookSender(f"https://hook.example/{PATH}?{QUERY}", **options)
        assert_clean(shown_by(caught.value))

    @pytest.mark.parametrize(
        "url",
        [
            f"http://hook.example/{PATH}?{QUERY}",
            f"https://u:{PATH}@hook.example/",
            f"https://10.0.0.1/{PATH}",
            f"https://hook.example:x/{PATH}",
            f"nonsense {PATH}",
        ],
    )
    def test_refused_url_is_not_shown(self, url: str) -> None:
        with pytest.raises(ValueError, match="url") as caught:
            WebhookSender(url, secret=SECRET)
        assert_clean(shown_by(caught.value))

    @pytest.mark.parametrize(
        "response",
        [
            http(status="302 Moved", Location=f"https://x.example/{PATH}?{QUERY}"),
            http(f"no {PATH} {QUERY}".encode(), f"500 {PATH}"),
            f"{PATH} {QUERY}\r\n\r\n".encode(),
            b"",
        ],
    )
    async def test_failure_shows_scheme_and_host_only(
        self, response: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        asyncio.get_running_loop().set_debug(True)
        async with serving(response, closing=True) as server:
            sender = WebhookSender(
                f"{server.url}/{PATH}?{QUERY}", secret=SECRET, allow_private=True, timeout=0.5
            )
            found = await attempt(sender)
        refused = await attempt(sender)
        assert not found.delivered
        assert_clean(f"{found} {refused} {sender!r} {vars(sender)!r} {caplog.text}")
        assert sender.target == "http://127.0.0.1"
        assert str(sender) == "WebhookSender('http://127.0.0.1', format='json')"

    async def test_cancelled_request_shows_nothing_in_frames_of_the_package(self) -> None:
        async with serving(b"") as server:
            sender = WebhookSender(
                f"{server.url}/{PATH}?{QUERY}", secret=SECRET, allow_private=True
            )
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.05):
                    await attempt(sender)
        shown = shown_by(caught.value, within="arena_groups")
        assert "send" in shown
        assert_clean(shown)


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"format": "xml"}, ValueError, "format must be one of json, slack, discord"),
        ({"format": "slack", "secret": SECRET}, ValueError, "secret cannot be used"),
        ({"include_emails": 1}, TypeError, "include_emails"),
        ({"allow_private": None}, TypeError, "allow_private"),
        ({"give_up_after": 0}, ValueError, "give_up_after"),
        ({"timeout": "10"}, TypeError, "timeout"),
        ({"trust_env": 1}, TypeError, "trust_env"),
        ({"ssl": True}, TypeError, "ssl"),
        ({"ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, None, ""),
        ({"name": " "}, ValueError, "name"),
        ({"name": 7}, TypeError, "name"),
        ({"secret": ""}, ValueError, "secret"),
        ({"secret": 7}, TypeError, "secret"),
    ],
)
def test_invalid_option_is_refused(
    options: dict[str, Any], kind: type[Exception] | None, match: str
) -> None:
    if kind is None:
        WebhookSender("https://hook.example/x", **options)
        return
    with pytest.raises(kind, match=match):
        WebhookSender("https://hook.example/x", **options)


def test_endpoint_is_derived_from_the_url_unless_it_has_a_name() -> None:
    first, second = (WebhookSender(f"https://hook.example/{path}") for path in "ab")
    assert first.endpoint != second.endpoint
    assert first.endpoint == WebhookSender("https://hook.example/a", secret=SECRET).endpoint
    assert WebhookSender("https://hook.example/a", name="mine").endpoint == "mine"
