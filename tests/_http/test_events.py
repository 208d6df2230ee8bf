"""Log records and events of requests."""

import logging

import pytest

from arena_groups import (
    ArenaConnectionError,
    RequestEvent,
    RetryPolicy,
)
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import client
from tests.support.documents import CODE, TOKEN, invite, me
from tests.support.servers import http, serving


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
