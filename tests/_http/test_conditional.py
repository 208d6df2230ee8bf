"""Conditional requests over real connections."""

from collections import Counter

import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    CachedResponse,
    MemoryCache,
    RequestEvent,
)
from arena_groups._api import operations
from arena_groups._api.decode import decode_msgspec
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import client
from tests.support.documents import STUDIO, me
from tests.support.servers import http, serving


class RecordingCache(MemoryCache):
    """Cache that records the keys of the stored responses."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def set(self, key: str, response: CachedResponse) -> None:
        self.keys.append(key)
        super().set(key, response)


async def test_unchanged_list_read_again_transfers_no_bodies(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    seen: list[RequestEvent] = []
    token = sandbox.tokens.owner
    async with client(sandbox.url, clock, token, on_request=seen.append) as arena:
        first = await arena.groups.invitations(STUDIO, per=48).collect()
        again = await arena.groups.invitations(STUDIO, per=48).collect()
    assert len(first) == 480
    assert again == first
    assert [event.status for event in seen] == [200] * 10 + [304] * 10
    assert sum(event.size for event in seen[10:]) == 0


async def test_later_pages_are_stored_on_their_second_request(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for statuses in ([200] * 24, [304] * 10 + [200] * 14, [304] * 24):
            sandbox.clear_requests()
            assert len(await arena.groups.invitations(STUDIO, per=20).collect()) == 480
            assert [request.status for request in sandbox.requests] == statuses


async def test_later_pages_are_not_stored_once_their_requests_are_forgotten(
    sandbox: Sandbox, clock: AutoAdvanceClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena_groups._http.conditional.ASKED_KEYS", 4)
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for statuses in ([200] * 24, [304] * 10 + [200] * 14, [304] * 10 + [200] * 14):
            sandbox.clear_requests()
            assert len(await arena.groups.invitations(STUDIO, per=20).collect()) == 480
            assert [request.status for request in sandbox.requests] == statuses


async def test_repeated_request_is_decoded_at_most_twice(
    sandbox: Sandbox, clock: AutoAdvanceClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []

    def noted(returns: type[object], body: bytes) -> object:
        decoded.append(returns)
        return decode_msgspec(returns, body)

    monkeypatch.setattr("arena_groups._api.decode.decode_msgspec", noted)
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for _ in range(4):
            await arena.groups.invitations(STUDIO, per=48).collect()
            await arena.me()
    lists, single = operations.INVITATIONS.returns, operations.ME.returns
    assert Counter(decoded) == {lists: 10 + 10, single: 1 + 1}


async def test_change_of_a_returned_page_does_not_change_the_cache(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for _ in range(3):
            page = await arena.groups.members(STUDIO)
            assert page.data
            page.data.clear()


async def test_response_for_one_token_is_not_reused_for_another(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    tokens = [sandbox.tokens.owner, sandbox.tokens.member]

    async def provider() -> str:
        return tokens[0]

    async with ArenaClient(provider, base_url=sandbox.url, clock=clock) as arena:
        owner = await arena.me()
        tokens.reverse()
        assert (await arena.me()).id != owner.id
        tokens.reverse()
        assert await arena.me() == owner
    assert [request.status for request in sandbox.requests] == [200, 200, 304]


async def test_invite_codes_are_never_stored(sandbox: Sandbox, clock: AutoAdvanceClock) -> None:
    cache = RecordingCache()
    async with client(sandbox.url, clock, sandbox.tokens.owner, cache=cache) as arena:
        await arena.me()
        await arena.groups.create_invite_code(STUDIO)
        for _ in range(2):
            await arena.groups.invite_code(STUDIO)
    assert [request.status for request in sandbox.requests[2:]] == [200, 200]
    assert [key.rpartition("/")[2] for key in cache.keys] == ["me"]


async def test_client_without_cache_sends_no_conditional_requests(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    async with client(sandbox.url, clock, sandbox.tokens.owner, cache=None) as arena:
        for _ in range(2):
            await arena.me()
    assert [request.status for request in sandbox.requests] == [200, 200]


async def test_cache_shared_by_two_hosts_keeps_their_responses_apart(
    clock: AutoAdvanceClock,
) -> None:
    cache = MemoryCache()
    for name in ("Ada", "Grace"):
        response = http(me(name=name), ETag='"same"')
        async with (
            serving(response) as server,
            client(server.url, clock, cache=cache) as arena,
        ):
            assert (await arena.me()).name == name


async def test_304_to_an_unconditional_request_raises(clock: AutoAdvanceClock) -> None:
    response = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    async with serving(response) as server, client(server.url, clock) as arena:
        with pytest.raises(ArenaAPIError, match=r"304 Not Modified: .* without an ETag"):
            await arena.me()
    assert len(server.requests) == 1
