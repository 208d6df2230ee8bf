"""Options of calls: views of a client, their checks, and deadlines."""

import asyncio
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    ArenaTimeoutError,
    ClientStateError,
    RetryPolicy,
    ServerError,
    Timeout,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import client, connected, own_and_external
from tests.support.documents import STUDIO
from tests.support.servers import (
    DOWN,
    PONG,
    SHORT,
    ReceivedRequest,
    http,
    serving,
)

PER = 10


def page(number: int, total: int = 3) -> bytes:
    first = PER * (total - number + 1)
    items = [documents.invitation(id=first - place) for place in range(PER)]
    more = {"next_page": number + 1, "has_more_pages": True} if number < total else {}
    return http(
        documents.page(
            *items, current_page=number, total_pages=total, total_count=total * PER, **more
        ),
        X_RateLimit_Limit="120",
        X_RateLimit_Window="60",
    )


def page_of(request: ReceivedRequest) -> bytes:
    return page(int(request.target.partition("page=")[2].partition("&")[0]))


class TestView:
    async def test_view_shares_connection_cache_and_rate_limit(self) -> None:
        response = http(
            documents.me(), ETag='"1"', X_RateLimit_Limit="120", X_RateLimit_Window="60"
        )
        async with connected(response) as (arena, server):
            view = arena.with_options(timeout=7)
            await view.me()
            server.response = http(b"", "304 Not Modified")
            assert (await arena.me()).slug == documents.me()["slug"]
            assert server.connections == 1
            assert arena.rate_limit == view.rate_limit is not None
            assert view.clock is arena.clock
            assert type(view) is type(arena)

    async def test_closing_a_view_closes_nothing(self) -> None:
        async with connected() as (arena, _):
            async with arena.with_options(deadline=5) as view:
                await view.ping()
            await view.aclose()
            assert (view.closed, arena.closed) == (False, False)
            await view.ping()
            await arena.ping()

    async def test_view_of_a_closed_client_says_that_it_is_closed(self) -> None:
        async with connected() as (arena, server):
            view = arena.with_options(deadline=5)
            listed = view.groups.invitations(STUDIO)
            await arena.aclose()
            assert view.closed
            for call in (view.ping, view.groups.members(STUDIO).collect, listed.collect):
                with pytest.raises(ClientStateError, match=r"^this client is closed"):
                    await call()
        assert server.requests == []

    @own_and_external
    async def test_closing_the_client_ends_the_call_of_a_view(self, external: bool) -> None:
        async with connected(b"", external=external) as (arena, server):
            view = arena.with_options(deadline=60)
            task = asyncio.create_task(view.groups.create("Studio"))
            await server.wait_for_requests(1)
            await arena.aclose()
            with pytest.raises(ClientStateError) as caught:
                await task
            assert caught.value.outcome_unknown

    async def test_resources_of_a_view_are_its_own(self) -> None:
        async with connected() as (arena, _):
            assert arena.groups is not arena.with_options(retry=False).groups
            assert arena.groups is arena.groups

    async def test_view_of_a_subclass_keeps_its_attributes(self) -> None:
        class Studio(ArenaClient):
            slug = ""

        arena = Studio()
        arena.slug = STUDIO
        view = arena.with_options(priority="background")
        assert isinstance(view, Studio)
        assert view.slug == STUDIO

    async def test_view_of_a_view_keeps_the_options_that_are_not_given(
        self, clock: AutoAdvanceClock
    ) -> None:
        async with serving(DOWN) as server, client(server.url, clock) as arena:
            once = arena.with_options(retry=RetryPolicy(attempts=3, backoff=0))
            for view in (once, once.with_options(timeout=9), once.with_options(deadline=60)):
                with pytest.raises(ServerError) as caught:
                    await view.ping()
                assert caught.value.attempts == 3
            for off in (False, None):
                with pytest.raises(ServerError) as caught:
                    await once.with_options(retry=off).ping()
                assert caught.value.attempts == 1
            with pytest.raises(ServerError) as caught:
                await arena.with_options(priority="background").ping()
            assert caught.value.attempts == RetryPolicy().attempts

    async def test_deadline_of_none_removes_that_of_the_view(self) -> None:
        async with connected() as (arena, server):
            view = arena.with_options(deadline=1e-9)
            with pytest.raises(ArenaTimeoutError):
                await view.ping()
            await view.with_options(deadline=None).ping()
            assert len(server.requests) == 1

    @pytest.mark.parametrize("limits", [SHORT, Timeout(total=SHORT), Timeout(read=SHORT)])
    @own_and_external
    async def test_timeout_of_a_view_bounds_its_attempts_only(
        self, limits: Timeout | float, external: bool
    ) -> None:
        async with connected(b"", external=external) as (arena, server):
            with pytest.raises(ArenaTimeoutError, match=r"within|longer"):
                await arena.with_options(timeout=limits).ping()
            server.response = PONG
            await arena.ping()

    @pytest.mark.parametrize(
        ("options", "error", "named"),
        [
            ({"deadline": 0}, ValueError, "deadline"),
            ({"deadline": -1.5}, ValueError, "deadline"),
            ({"deadline": float("nan")}, ValueError, "deadline"),
            ({"deadline": float("inf")}, ValueError, "deadline"),
            ({"deadline": "2"}, TypeError, "deadline"),
            ({"deadline": True}, TypeError, "deadline"),
            ({"timeout": 0}, ValueError, "timeout"),
            ({"timeout": None}, TypeError, "timeout"),
            ({"timeout": "1"}, TypeError, "timeout"),
            ({"retry": True}, TypeError, "retry"),
            ({"retry": 3}, TypeError, r"retry .*attempts=3"),
            ({"priority": "urgent"}, ValueError, "priority"),
            ({"priority": None}, TypeError, "priority"),
            ({"priority": 1}, TypeError, "priority"),
        ],
    )
    def test_wrong_option_is_refused_by_name(
        self, options: dict[str, Any], error: type[Exception], named: str
    ) -> None:
        with pytest.raises(error, match=rf"^{named}"):
            ArenaClient().with_options(**options)
