"""Configuration of a client: base URL, token, user agent, time limits."""

import asyncio
import math
from typing import Any

import pytest

import arena_groups
from arena_groups import (
    ArenaClient,
    Timeout,
)
from tests.support.clients import connected, single
from tests.support.documents import TOKEN
from tests.support.servers import PONG, http, serving


class TestTimeout:
    @pytest.mark.parametrize("limit", ["connect", "read", "total"])
    @pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf])
    def test_limit_not_positive_or_not_finite_raises_value_error(
        self, limit: str, value: float
    ) -> None:
        with pytest.raises(ValueError, match=limit):
            Timeout(**{limit: value})

    def test_defaults_are_those_of_the_documentation(self) -> None:
        assert Timeout() == Timeout(connect=5, read=15, total=30)


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("end", "target"),
        [("", "/v3/ping"), ("/", "/v3/ping"), ("/arena", "/arena/v3/ping"),
         ("/a%20b//", "/a%20b/v3/ping")],
    )  # fmt: skip
    async def test_path_of_the_base_url_comes_before_the_route(self, end: str, target: str) -> None:
        async with serving(PONG) as server, single(base_url=server.url + end) as arena:
            await arena.ping()
            assert server.requests[0].target == target

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("", "absolute http or https URL"),
            ("api.are.na", "absolute http or https URL"),
            ("/v3", "absolute http or https URL"),
            ("ftp://api.are.na", "absolute http or https URL"),
            ("http://", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na", "user name or a password"),
            ("https://ada@api.are.na", "user name or a password"),
            (f"https://api.are.na/?token={TOKEN}", "query or a fragment"),
            (f"https://api.are.na/#{TOKEN}", "query or a fragment"),
            ("https://api.are.na:99999", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na:x", "absolute http or https URL"),
            ("https://[::1", "absolute http or https URL"),
        ],
    )
    def test_invalid_base_url_raises_value_error_without_the_token(
        self, url: str, problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem) as caught:
            single(base_url=url)
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("url", ["http://api.are.na", "http://10.0.0.1", "http://127.0.0.1.nip.io"])
def test_plain_http_to_another_host_needs_insecure_http(url: str) -> None:
    with pytest.raises(ValueError, match="insecure_http=True"):
        ArenaClient(base_url=url)
    ArenaClient(base_url=url, insecure_http=True)


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://a.localhost", "http://127.9.9.9", "http://[::1]:80"]
)
def test_plain_http_to_this_machine_is_accepted(url: str) -> None:
    ArenaClient(base_url=url)


class TestTokens:
    async def authorization(self, token: Any = None) -> str | None:
        async with serving(PONG) as server, single(token, base_url=server.url) as arena:
            await arena.ping()
            return server.requests[0].headers.get("authorization")

    async def test_argument_is_preferred_to_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "another")
        assert await self.authorization(TOKEN) == f"Bearer {TOKEN}"

    async def test_environment_variable_is_used_without_an_argument(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        assert await self.authorization() == f"Bearer {TOKEN}"

    async def test_no_token_sends_no_authorization_header(self) -> None:
        assert await self.authorization() is None

    async def test_empty_environment_variable_counts_as_no_token(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "")
        assert await self.authorization() is None

    async def test_provider_is_called_before_each_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "another")
        tokens = iter(["first", "second", "third"])

        async def provider() -> str:
            await asyncio.sleep(0)
            return next(tokens)

        async with serving(PONG) as server, single(provider, base_url=server.url) as arena:
            assert server.requests == []
            await arena.ping()
            await arena.ping()
            sent = [request.headers["authorization"] for request in server.requests]
        assert sent == ["Bearer first", "Bearer second"]
        assert next(tokens) == "third"

    async def test_error_of_a_provider_is_raised_unchanged(self) -> None:
        failure = LookupError("the vault is locked")

        async def provider() -> str:
            raise failure

        async with connected(token=provider) as (arena, server):
            with pytest.raises(LookupError) as caught:
                await arena.me()
        assert caught.value is failure
        assert server.requests == []

    @pytest.mark.parametrize(
        ("token", "kind"),
        [("", ValueError), (f"{TOKEN}\n", ValueError), (None, TypeError), (b"x", TypeError)],
    )
    async def test_invalid_token_from_a_provider_raises_before_sending(
        self, token: Any, kind: type[Exception]
    ) -> None:
        async def provider() -> Any:
            return token

        async with connected(token=provider) as (arena, server):
            with pytest.raises(kind, match="the token from the token provider ") as caught:
                await arena.me()
        assert TOKEN not in str(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize(
        "token",
        ["", " ", f"{TOKEN} ", f"{TOKEN}\n", f"Bearer {TOKEN}", f"{TOKEN}\r\nX: 1", f"é{TOKEN}"],
    )
    def test_token_invalid_in_a_header_raises_value_error_without_it(
        self, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ValueError, match=r"^the token from the argument token= ") as caught:
            single(token)
        assert TOKEN not in str(caught.value)
        if token:
            monkeypatch.setenv("ARENA_TOKEN", token)
            with pytest.raises(ValueError, match="variable ARENA_TOKEN holds ") as caught:
                single()
            assert TOKEN not in str(caught.value)

    @pytest.mark.parametrize("token", [7, TOKEN.encode(), [TOKEN], {TOKEN}, True])
    def test_token_of_another_type_raises_type_error_without_it(self, token: Any) -> None:
        with pytest.raises(TypeError, match=r"^the token from the argument token= ") as caught:
            single(token)
        assert TOKEN not in str(caught.value)

    async def test_401_names_the_origin_of_the_token(self) -> None:
        async with connected(http(b"", "401 Unauthorized"), token=TOKEN) as (arena, _):
            with pytest.raises(arena_groups.AuthenticationError) as caught:
                await arena.me()
        assert "the argument token=" in str(caught.value)


class TestUserAgent:
    @pytest.mark.parametrize("agent", ["", " ", "a\r\nX-Evil: 1", "café", "a\0b", "\x7f"])
    def test_invalid_user_agent_raises_value_error(self, agent: str) -> None:
        with pytest.raises(ValueError, match="user_agent must be printable ASCII"):
            single(user_agent=agent)
