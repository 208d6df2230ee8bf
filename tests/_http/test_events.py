"""Log records and events of requests, and of waits."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    NotFoundError,
    RequestEvent,
    RetryPolicy,
    WaitEvent,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import client, connected
from tests.support.documents import CODE, TOKEN, invitation, invite, me, page
from tests.support.servers import PONG, http, serving
from tests.support.waiting import until


@pytest.fixture
async def arena() -> AsyncIterator[ArenaClient]:
    """A client of a server that responds to pings."""
    async with connected() as (arena, _):
        yield arena


async def test_successful_request_is_reported_without_values(
    clock: AutoAdvanceClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "arena_groups")
    seen: list[RequestEvent] = []
    async with (
        serving(http(invite())) as server,
        client(server.url, clock, on_request=seen.append) as arena,
    ):
        await arena.groups.invite_code("a-secret-group")
    (event,) = seen
    assert (event.operation, event.method, event.route, event.attempt) == (
        "groups.invite_code",
        "GET",
        "/v3/groups/{id}/invite",
        1,
    )
    assert (event.status, event.error, event.revalidated) == (200, None, False)
    assert event.size > 0
    assert "GET /v3/groups/{id}/invite -> 200" in caplog.text
    for secret in (TOKEN, CODE, "a-secret-group"):
        assert secret not in f"{caplog.text} {seen}"


async def test_failed_attempts_are_reported_with_the_class_of_the_error(
    clock: AutoAdvanceClock,
) -> None:
    seen: list[RequestEvent] = []
    policy = RetryPolicy(attempts=2)
    async with (
        serving(closing=True) as server,
        client(server.url, clock, on_request=seen.append, retry=policy) as arena,
    ):
        with pytest.raises(ArenaConnectionError):
            await arena.ping()
    assert [(event.attempt, event.status, event.error) for event in seen] == [
        (1, None, "ArenaConnectionError"),
        (2, None, "ArenaConnectionError"),
    ]


async def test_failing_hook_is_logged_and_does_not_affect_the_result(
    clock: AutoAdvanceClock, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(_: RequestEvent) -> None:
        raise RuntimeError(TOKEN)

    async with (
        serving(http(me())) as server,
        client(server.url, clock, on_request=hook) as arena,
    ):
        assert (await arena.me()).id
    assert "the hook on_request failed: RuntimeError" in caplog.text
    assert TOKEN not in caplog.text


async def test_event_has_ids_rate_limit_and_the_time_of_the_retry(clock: AutoAdvanceClock) -> None:
    seen: list[RequestEvent] = []
    limits = {"X_RateLimit_Limit": "120", "X_RateLimit_Window": "60"}
    responses = iter(
        [
            http({}, "503 Service Unavailable", Retry_After="7", X_Request_ID="r-1", CF_Ray="c-1"),
            http({}, "429 Too Many Requests", Retry_After="20", **limits),
            http({"status": "ok"}, CF_Ray="c-3", **limits),
        ]
    )
    async with (
        serving(lambda _: next(responses)) as server,
        client(server.url, clock, on_request=seen.append) as arena,
    ):
        await arena.ping()
    assert [(each.attempt, each.status, each.retry_in) for each in seen] == [
        (1, 503, 7),
        (2, 429, 20),
        (3, 200, None),
    ]
    assert [(each.request_id, each.cf_ray) for each in seen] == [
        ("r-1", "c-1"),
        (None, None),
        ("c-3", "c-3"),
    ]
    assert [each.rate_limit and each.rate_limit.limit for each in seen] == [None, 120, 120]
    assert not any(each.from_cache for each in seen)


async def test_last_failed_attempt_has_no_retry(clock: AutoAdvanceClock) -> None:
    seen: list[RequestEvent] = []
    async with (
        serving(http({}, "404 Not Found")) as server,
        client(server.url, clock, on_request=seen.append) as arena,
    ):
        with pytest.raises(NotFoundError):
            await arena.me()
    assert [(each.status, each.retry_in) for each in seen] == [(404, None)]


async def test_request_id_that_repeats_the_token_is_not_reported(clock: AutoAdvanceClock) -> None:
    seen: list[RequestEvent] = []
    async with (
        serving(http(me(), X_Request_ID=f"id {TOKEN}", CF_Ray=TOKEN)) as server,
        client(server.url, clock, on_request=seen.append) as arena,
    ):
        await arena.me()
    assert TOKEN not in repr(seen)


async def test_event_says_that_the_result_came_from_the_cache(clock: AutoAdvanceClock) -> None:
    seen: list[RequestEvent] = []
    async with (
        serving(http(me(), ETag='"1"')) as server,
        client(server.url, clock, on_request=seen.append) as arena,
    ):
        await arena.me()
        server.response = http(b"", "304 Not Modified")
        await arena.me()
    assert [each.from_cache for each in seen] == [False, True]


async def test_event_has_the_wait_for_the_quota(clock: AutoAdvanceClock) -> None:
    seen: list[RequestEvent] = []
    waits: list[WaitEvent] = []
    response = http({"status": "ok"}, X_RateLimit_Limit="2", X_RateLimit_Window="60")
    async with (
        serving(response) as server,
        client(server.url, clock, on_request=seen.append, on_wait=waits.append) as arena,
    ):
        for _ in range(3):
            await arena.ping()
    assert [each.waited for each in seen][:2] == [0, 0]
    assert seen[2].waited == pytest.approx(sum(clock.waits))
    assert clock.waits
    (wait,) = waits
    assert (wait.operation, wait.route, wait.reason) == ("ping", "/v3/ping", "quota")
    assert wait.seconds == pytest.approx(seen[2].waited)


async def test_wait_for_a_retry_is_reported_before_it_begins(clock: AutoAdvanceClock) -> None:
    waits: list[tuple[WaitEvent, int]] = []
    responses = iter([http({}, "503 Service Unavailable", Retry_After="7"), http(me())])
    async with (
        serving(lambda _: next(responses)) as server,
        client(
            server.url, clock, on_wait=lambda wait: waits.append((wait, len(clock.waits)))
        ) as arena,
    ):
        await arena.with_options(deadline=60).me()
    assert [(wait.reason, wait.seconds, before) for wait, before in waits] == [("retry", 7, 0)]
    assert clock.waits == [7]


async def test_failing_wait_hook_is_logged_and_does_not_affect_the_result(
    clock: AutoAdvanceClock, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(_: WaitEvent) -> None:
        raise RuntimeError(TOKEN)

    responses = iter([http({}, "503 Service Unavailable"), http(me())])
    async with (
        serving(lambda _: next(responses)) as server,
        client(server.url, clock, on_wait=hook, retry=RetryPolicy(backoff=1)) as arena,
    ):
        await arena.me()
    assert "the hook on_wait failed: RuntimeError" in caplog.text
    assert TOKEN not in caplog.text


class TestRecording:
    async def test_block_collects_the_events_of_its_tasks_and_of_views(
        self, arena: ArenaClient
    ) -> None:
        await arena.ping()
        with arena.record_requests() as events:
            await arena.ping()
            await asyncio.gather(*(arena.with_options(deadline=60).ping() for _ in range(3)))
            assert len(events) == 4
            with arena.with_options(retry=False).record_requests() as inner:
                await arena.ping()
        await arena.ping()
        assert [each.operation for each in inner] == ["ping"]
        assert events[4:] == inner

    async def test_concurrent_blocks_do_not_mix(self, arena: ArenaClient) -> None:
        async def work(count: int) -> int:
            with arena.record_requests() as events:
                for _ in range(count):
                    await arena.ping()
                    await asyncio.sleep(0)
            return len(events)

        assert await asyncio.gather(*map(work, range(5))) == list(range(5))

    async def test_task_that_outlives_its_block_is_not_recorded_any_more(
        self, arena: ArenaClient
    ) -> None:
        go = asyncio.Event()

        async def work() -> None:
            await arena.ping()
            await go.wait()
            await arena.ping()

        with arena.record_requests() as events:
            task = asyncio.create_task(work())
            await until(lambda: len(events) == 1)
        go.set()
        await task
        assert len(events) == 1

    async def test_other_client_is_not_recorded(self, arena: ArenaClient) -> None:
        async with connected(PONG) as (other, _):
            with arena.record_requests() as events:
                await other.ping()
        assert events == []

    async def test_pages_that_are_read_ahead_are_recorded(self) -> None:
        response = http(page(invitation()))
        async with connected(response) as (arena, server):
            with arena.record_requests() as events:
                await arena.groups.invitations("studio", concurrency=3).collect()
            assert len(events) == len(server.requests) > 0
