"""The request loop over real connections: again where that is safe, paced, revalidated."""

import asyncio
import gzip
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    CachedResponse,
    ClientStateError,
    DecodeError,
    MemoryCache,
    NoPacer,
    Permit,
    QuotaPacer,
    RateLimitError,
    RequestEvent,
    RetryPolicy,
    ServerError,
    Timeout,
)
from arena_groups._api.decode import decode
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.documents import CODE, EMAIL, TOKEN, invite, invite_result, me
from tests.support.servers import chunked, http, serving
from tests.support.traces import shown_by

STUDIO = "research-studio"
PONG = http({"status": "ok"})
DOWN = http({"error": "Service Unavailable", "code": 503}, "503 Service Unavailable")


@pytest.fixture
def clock() -> AutoAdvanceClock:
    return AutoAdvanceClock()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        yield made


def client(url: str, clock: AutoAdvanceClock, token: str = TOKEN, **options: object) -> ArenaClient:
    return ArenaClient(token, base_url=url, clock=clock, **options)  # type: ignore[arg-type]


def slow_down(**headers: str) -> bytes:
    return http({"error": {"type": "rate_limit", "message": "Slow"}}, "429 Slow", **headers)


async def test_a_passing_failure_is_survived(clock: AutoAdvanceClock) -> None:
    async with serving(DOWN) as server, client(server.url, clock) as arena:
        ping = asyncio.create_task(arena.ping())
        await server.asked_by(2)
        server.answer = PONG
        await ping
    assert len(server.requests) >= 3
    assert clock.waits


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (DOWN, ServerError),
        (http(b"<html>", "502 Bad Gateway"), ServerError),
        (http(b"<html>"), DecodeError),
        (http(b'{"status": "o'), DecodeError),
        (http(b'{"status"', length=50), ArenaConnectionError),
        (chunked(b'{"st', end=b""), ArenaConnectionError),
        (slow_down(Retry_After="3"), RateLimitError),
        (slow_down(), RateLimitError),
    ],
)
async def test_the_last_error_is_raised_with_the_number_of_attempts(
    clock: AutoAdvanceClock, answer: bytes, error: type[ArenaAPIError]
) -> None:
    async with (
        serving(answer, closing=True) as server,
        client(server.url, clock, retry=RetryPolicy(attempts=4)) as arena,
    ):
        with pytest.raises(error, match=r"\(after 4 attempts\)$") as caught:
            await arena.me()
    assert type(caught.value) is error
    assert caught.value.attempts == 4
    assert caught.value.__context__ is None
    assert len(server.requests) == 4


async def test_what_cannot_heal_is_raised_at_once(clock: AutoAdvanceClock) -> None:
    answers = [http({}, "401 Unauthorized"), http({}, "404 Not Found"), http({"id": "x"})]
    for answer in answers:
        async with serving(answer) as server, client(server.url, clock) as arena:
            with pytest.raises((ArenaAPIError, DecodeError)) as caught:
                await arena.me()
        assert (len(server.requests), caught.value.attempts) == (1, 1)


async def test_retry_after_is_kept_to(clock: AutoAdvanceClock) -> None:
    refusal = slow_down(Retry_After="17")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        waiting = asyncio.create_task(arena.ping())
        await server.asked_by(1)
        server.answer = PONG
        await waiting
    assert clock.waits == [17.0]


async def test_a_retry_after_beyond_the_cap_is_raised_at_once_and_holds_the_others(
    clock: AutoAdvanceClock,
) -> None:
    refusal = slow_down(Retry_After="3600")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        with pytest.raises(RateLimitError, match="429") as caught:
            await arena.ping()
        assert caught.value.retry_after == 3600
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await arena.ping()
        assert caught.value.retry_after == 3600
    assert len(server.requests) == 1
    assert clock.waits == []


async def test_a_time_to_wait_that_only_the_body_tells_holds_the_others_too(
    clock: AutoAdvanceClock,
) -> None:
    body = {"error": {"type": "rate_limit", "message": "Slow", "retry_after": 3600}}
    async with (
        serving(http(body, "429 Slow")) as server,
        client(server.url, clock) as arena,
    ):
        with pytest.raises(RateLimitError, match="429"):
            await arena.ping()
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await arena.ping()
    assert (caught.value.retry_after, caught.value.attempts) == (3600, 0)
    assert len(server.requests) == 1


async def test_the_total_time_bounds_the_wait_for_the_quota_too(clock: AutoAdvanceClock) -> None:
    class OnceOnly(NoPacer):
        async def acquire(self, *, write: bool, max_wait: float) -> Permit | None:
            if self.snapshot().used:
                await asyncio.Event().wait()
            return await super().acquire(write=write, max_wait=max_wait)

    policy = RetryPolicy(total=40)
    async with (
        serving(DOWN) as server,
        client(server.url, clock, retry=policy, pacer=OnceOnly()) as arena,
    ):
        start = clock.now()
        with pytest.raises(ServerError) as caught:
            await arena.ping()
    assert caught.value.attempts == 1
    assert clock.now() - start == pytest.approx(40)


UNKNOWN = "The outcome is unknown: .*look for"


@pytest.mark.parametrize("answer", [b"", DOWN, http(b'{"outc', "201 Created", length=99)])
async def test_what_may_have_been_done_is_not_done_twice(
    clock: AutoAdvanceClock, answer: bytes
) -> None:
    async with serving(answer, closing=True) as server, client(server.url, clock) as arena:
        with pytest.raises((ArenaConnectionError, ServerError), match=UNKNOWN) as caught:
            await arena.groups.invite(STUDIO, email=EMAIL)
        assert caught.value.outcome_unknown
        with pytest.raises((ArenaConnectionError, ServerError), match=UNKNOWN):
            await arena.groups.create("Night Shift")
    assert len(server.requests) == 2


async def test_what_was_certainly_not_done_is_done_again(clock: AutoAdvanceClock) -> None:
    refusal = slow_down(Retry_After="1")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        waiting = asyncio.create_task(arena.groups.invite(STUDIO, email=EMAIL))
        await server.asked_by(1)
        server.answer = http(invite_result(), "201 Created")
        await waiting
    assert len(server.requests) == 2


async def test_a_refused_connection_is_tried_again_whatever_is_asked(
    clock: AutoAdvanceClock,
) -> None:
    async with serving() as server:
        gone = server.url
    async with client(gone, clock, retry=RetryPolicy(attempts=3)) as arena:
        with pytest.raises(ArenaConnectionError, match="after 3 attempts") as caught:
            await arena.groups.invite(STUDIO, email=EMAIL)
    assert not caught.value.request_sent
    assert not caught.value.outcome_unknown


async def test_500_calls_from_50_tasks_use_the_quota_and_never_exceed_it() -> None:
    clock, start = AutoAdvanceClock(), time.time()
    async with (
        Sandbox(limit=120, clock=lambda: start + clock.now()) as sandbox,
        client(sandbox.url, clock, sandbox.tokens.owner) as arena,
    ):

        async def work() -> None:
            for _ in range(10):
                await arena.ping()

        await asyncio.gather(*(work() for _ in range(50)))
        statuses = Counter(request.status for request in sandbox.requests)
    assert statuses == {200: 500}
    # 500 calls at 120 a window need four windows to end and part of a fifth.
    assert clock.now() <= 4 * 60 * 1.05


async def test_polling_an_unchanged_list_transfers_no_bodies(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    seen: list[RequestEvent] = []
    token = sandbox.tokens.owner
    async with client(sandbox.url, clock, token, on_request=seen.append) as arena:
        first = await arena.groups.invitations(STUDIO, per=48).collect()
        again = await arena.groups.invitations(STUDIO, per=48).collect()
    assert len(first) == 480
    assert again == first
    assert [exchange.status for exchange in seen] == [200] * 10 + [304] * 10
    assert sum(exchange.size for exchange in seen[10:]) == 0


async def test_pages_far_down_are_kept_once_they_are_asked_for_again(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for statuses in ([200] * 24, [304] * 10 + [200] * 14, [304] * 24):
            sandbox.clear_requests()
            assert len(await arena.groups.invitations(STUDIO, per=20).collect()) == 480
            assert [request.status for request in sandbox.requests] == statuses


async def test_what_is_asked_for_again_and_again_is_decoded_twice_at_most(
    sandbox: Sandbox, clock: AutoAdvanceClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []

    def noted(returns: object, body: bytes, operation: str) -> object:
        decoded.append(operation)
        return decode(returns, body, operation)  # type: ignore[arg-type]

    monkeypatch.setattr("arena_groups._api.decode.decode", noted)
    monkeypatch.setattr("arena_groups._http.conditional.decode", noted)
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for _ in range(4):
            await arena.groups.invitations(STUDIO, per=48).collect()
            await arena.me()
    lists, single = "groups.invitations", "me"
    assert Counter(decoded) == {lists: 10 + 10, single: 1 + 1}


async def test_a_page_from_the_cache_can_be_changed_without_harm(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        for _ in range(3):
            page = await arena.groups.members(STUDIO)
            assert page.data
            page.data.clear()


async def test_what_one_token_sees_is_not_kept_for_another(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    tokens = [sandbox.tokens.owner, sandbox.tokens.member]

    async def provide() -> str:
        return tokens[0]

    async with ArenaClient(provide, base_url=sandbox.url, clock=clock) as arena:
        owner = await arena.me()
        tokens.reverse()
        assert (await arena.me()).id != owner.id
        tokens.reverse()
        assert await arena.me() == owner
    assert [request.status for request in sandbox.requests] == [200, 200, 304]


class RecordingCache(MemoryCache):
    """A cache that tells what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def set(self, key: str, response: CachedResponse) -> None:
        self.keys.append(key)
        super().set(key, response)


async def test_invite_codes_are_not_kept(sandbox: Sandbox, clock: AutoAdvanceClock) -> None:
    cache = RecordingCache()
    async with client(sandbox.url, clock, sandbox.tokens.owner, cache=cache) as arena:
        await arena.me()
        await arena.groups.create_invite_code(STUDIO)
        for _ in range(2):
            await arena.groups.invite_code(STUDIO)
    assert [request.status for request in sandbox.requests[2:]] == [200, 200]
    assert [key.rpartition("/")[2] for key in cache.keys] == ["me"]


async def test_the_cache_can_be_switched_off(sandbox: Sandbox, clock: AutoAdvanceClock) -> None:
    async with client(sandbox.url, clock, sandbox.tokens.owner, cache=None) as arena:
        for _ in range(2):
            await arena.me()
    assert [request.status for request in sandbox.requests] == [200, 200]


async def test_a_large_body_is_not_taken_in(clock: AutoAdvanceClock) -> None:
    bomb = gzip.compress(b'{"status": "' + b"o" * 5_000_000 + b'"}')
    answer = http(bomb, Content_Encoding="gzip")
    async with (
        serving(answer) as server,
        client(server.url, clock, max_body=1_000_000) as arena,
    ):
        with pytest.raises(DecodeError, match="larger than max_body allows"):
            await arena.me()
        async with client(server.url, clock, max_body=10_000_000) as roomier:
            with pytest.raises(DecodeError, match="is missing"):
                await roomier.me()
    assert len(server.requests) == 2


async def test_a_large_refusal_is_still_a_refusal(clock: AutoAdvanceClock) -> None:
    answer = http(b"x" * 5000, "404 Not Found")
    async with serving(answer) as server, client(server.url, clock, max_body=1000) as arena:
        with pytest.raises(ArenaAPIError, match="404 Not Found"):
            await arena.me()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_error_and_its_target_gets_nothing(
    clock: AutoAdvanceClock, status: int
) -> None:
    async with serving(PONG) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        answer = http(b"", f"{status} Moved", Location=f"{target}/v3/me")
        async with serving(answer) as server, client(server.url, clock) as arena:
            with pytest.raises(
                ArenaAPIError, match="redirect to localhost: redirects are not followed"
            ):
                await arena.me()
        assert elsewhere.requests == []


@pytest.mark.parametrize("url", ["http://api.are.na", "http://10.0.0.1", "http://127.0.0.1.nip.io"])
def test_plain_http_needs_a_word(url: str) -> None:
    with pytest.raises(ValueError, match="insecure_http=True"):
        ArenaClient(base_url=url)
    ArenaClient(base_url=url, insecure_http=True)


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://a.localhost", "http://127.9.9.9", "http://[::1]:80"]
)
def test_plain_http_to_this_machine_does_not(url: str) -> None:
    ArenaClient(base_url=url)


async def test_closing_ends_what_waits_for_the_quota_or_the_next_attempt() -> None:
    async with serving(DOWN) as server:
        policy = RetryPolicy(attempts=99, total=9999, backoff=9999, max_backoff=9999)
        arena = ArenaClient(TOKEN, base_url=server.url, retry=policy)
        tasks = [asyncio.create_task(arena.ping()) for _ in range(5)]
        await server.asked_by(1)
        await arena.aclose()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} == {ClientStateError}


async def test_cancelling_gives_back_the_pacers_slot(clock: AutoAdvanceClock) -> None:
    pacer = QuotaPacer(clock=clock)
    async with serving() as server, client(server.url, clock, pacer=pacer) as arena:
        for count in range(1, 4):
            task = asyncio.create_task(arena.ping())
            await server.asked_by(count)
            assert pacer.snapshot().in_flight == 1
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert (pacer.snapshot().in_flight, pacer.snapshot().waiting) == (0, 0)


async def test_a_token_provider_that_fails_gives_back_the_slot(clock: AutoAdvanceClock) -> None:
    async def provide() -> str:
        raise LookupError("no token today")

    pacer = QuotaPacer(clock=clock)
    async with (
        serving(PONG) as server,
        ArenaClient(provide, base_url=server.url, pacer=pacer, clock=clock) as arena,
    ):
        with pytest.raises(LookupError):
            await arena.ping()
    assert pacer.snapshot().in_flight == 0


async def test_a_timeout_of_the_callers_own_is_not_ours(clock: AutoAdvanceClock) -> None:
    async with serving() as server, client(server.url, clock) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await arena.ping()
    assert type(caught.value) is TimeoutError


async def test_a_time_limit_of_an_attempt_is_ours(clock: AutoAdvanceClock) -> None:
    policy = RetryPolicy(attempts=2)
    async with (
        serving() as server,
        client(server.url, clock, timeout=Timeout(total=0.01), retry=policy) as arena,
    ):
        with pytest.raises(ArenaTimeoutError, match="after 2 attempts"):
            await arena.ping()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_a_forked_process_needs_a_client_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ArenaClient(TOKEN) as arena:
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: -1)
            with pytest.raises(ClientStateError, match="before a fork"):
                await arena.ping()


async def test_exchanges_are_reported_without_values(
    clock: AutoAdvanceClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "arena_groups")
    seen: list[RequestEvent] = []
    async with (
        serving(http(invite())) as server,
        client(server.url, clock, on_request=seen.append) as arena,
    ):
        await arena.groups.invite_code("a-secret-group")
    (exchange,) = seen
    assert (exchange.operation, exchange.method, exchange.route, exchange.attempt) == (
        "groups.invite_code",
        "GET",
        "/v3/groups/{id}/invite",
        1,
    )
    assert (exchange.status, exchange.error, exchange.revalidated) == (200, None, False)
    assert exchange.size > 0
    assert "GET /v3/groups/{id}/invite -> 200" in caplog.text
    for secret in (TOKEN, CODE, "a-secret-group"):
        assert secret not in f"{caplog.text} {seen}"


async def test_an_exchange_that_failed_names_the_kind_of_error(clock: AutoAdvanceClock) -> None:
    seen: list[RequestEvent] = []
    policy = RetryPolicy(attempts=2)
    async with (
        serving(closing=True) as server,
        client(server.url, clock, on_request=seen.append, retry=policy) as arena,
    ):
        with pytest.raises(ArenaConnectionError):
            await arena.ping()
    assert [(e.attempt, e.status, e.error) for e in seen] == [
        (1, None, "ArenaConnectionError"),
        (2, None, "ArenaConnectionError"),
    ]


async def test_a_hook_that_fails_loses_no_answer(
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


async def test_trace_configs_reach_aiohttp(clock: AutoAdvanceClock) -> None:
    started: list[str] = []
    trace = aiohttp.TraceConfig()

    async def on_start(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        started.append(params.method)

    trace.on_request_start.append(on_start)
    async with (
        serving(PONG) as server,
        client(server.url, clock, trace_configs=[trace]) as arena,
    ):
        await arena.ping()
    assert started == ["GET"]


async def test_trace_configs_are_refused_beside_a_lent_session() -> None:
    async with aiohttp.ClientSession() as lent:
        with pytest.raises(ValueError, match="trace_configs= cannot be used with session="):
            ArenaClient(session=lent, trace_configs=[aiohttp.TraceConfig()])


async def test_a_long_hold_is_raised_to_those_who_wait_already(clock: AutoAdvanceClock) -> None:
    refusal = slow_down(Retry_After="3600")
    async with serving(refusal) as server, client(server.url, clock) as arena:
        ended = await asyncio.gather(*(arena.ping() for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in ended} == {RateLimitError}
    assert len(server.requests) == 1
    assert clock.waits == []


@pytest.mark.parametrize("write", [False, True])
async def test_closing_during_a_write_leaves_its_outcome_unknown(write: bool) -> None:
    async with serving() as server:
        arena = ArenaClient(TOKEN, base_url=server.url)
        call = arena.groups.invite(STUDIO, email=EMAIL) if write else arena.me()
        task = asyncio.ensure_future(call)
        await server.asked_by(1)
        await arena.aclose()
        with pytest.raises(ClientStateError) as caught:
            await task
    assert caught.value.outcome_unknown is write


async def test_one_cache_may_serve_two_hosts(clock: AutoAdvanceClock) -> None:
    cache = MemoryCache()
    for name in ("Ada", "Grace"):
        answer = http(me(name=name), ETag='"same"')
        async with (
            serving(answer) as server,
            client(server.url, clock, cache=cache) as arena,
        ):
            assert (await arena.me()).name == name


async def test_cancelling_at_any_moment_leaks_nothing(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    pacer = QuotaPacer(clock=clock, write_spacing=0)
    # With room for one connection, the first that is lost would stop all that come after it.
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as lent,
        client(sandbox.url, clock, sandbox.tokens.owner, session=lent, pacer=pacer) as arena,
    ):
        cancelled = 0
        for moment in range(60):
            group = arena.groups
            calls = [group.get(STUDIO), group.create_invite_code(STUDIO), arena.me()]
            tasks = [asyncio.ensure_future(call) for call in calls]
            for _ in range(moment):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            cancelled += sum(isinstance(each, asyncio.CancelledError) for each in ended)
            assert (pacer.snapshot().in_flight, pacer.snapshot().waiting) == (0, 0)
        assert cancelled
        assert (await arena.me()).id == sandbox.users.owner


async def test_a_304_that_nobody_asked_for_is_an_error(clock: AutoAdvanceClock) -> None:
    answer = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    async with serving(answer) as server, client(server.url, clock) as arena:
        with pytest.raises(ArenaAPIError, match=r"304 Not Modified: .* without an ETag"):
            await arena.me()
    assert len(server.requests) == 1


async def test_closing_twice_at_once_is_no_error() -> None:
    async with serving() as server:
        arena = ArenaClient(TOKEN, base_url=server.url)
        task = asyncio.create_task(arena.ping())
        await server.asked_by(1)
        first = asyncio.create_task(arena.aclose())
        await asyncio.sleep(0)
        await arena.aclose()
        await first
        with pytest.raises(ClientStateError):
            await task


async def test_an_absurd_retry_after_does_not_stop_the_client_for_good(
    clock: AutoAdvanceClock,
) -> None:
    async with (
        serving(slow_down(Retry_After="1790000000")) as server,
        client(server.url, clock) as arena,
    ):
        with pytest.raises(RateLimitError):
            await arena.ping()
        server.answer = PONG
        await clock.wait(asyncio.Event(), 3601)
        await arena.ping()


async def test_a_short_patience_with_429s_does_not_change_the_pacing(
    clock: AutoAdvanceClock,
) -> None:
    answer = http(
        {"status": "ok"},
        X_RateLimit_Limit="2",
        X_RateLimit_Window="60",
    )
    policy = RetryPolicy(max_retry_after=1)
    async with serving(answer) as server, client(server.url, clock, retry=policy) as arena:
        for _ in range(3):
            await arena.ping()
    assert len(server.requests) == 3
    assert len(clock.waits) == 1


async def test_a_token_provider_that_fails_uses_up_no_quota(clock: AutoAdvanceClock) -> None:
    fails = iter([False, True, True, True])

    async def provide() -> str:
        if next(fails):
            raise LookupError("no token today")
        return TOKEN

    pacer = QuotaPacer(clock=clock)
    async with (
        serving(PONG) as server,
        ArenaClient(provide, base_url=server.url, pacer=pacer, clock=clock) as arena,
    ):
        await arena.ping()
        for _ in range(3):
            with pytest.raises(LookupError):
                await arena.ping()
    assert pacer.snapshot().used == 1


async def test_what_is_cancelled_leaves_without_aiohttps_frames(clock: AutoAdvanceClock) -> None:
    async with serving() as server, client(server.url, clock) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await arena.groups.invite(STUDIO, email=EMAIL)
    assert TOKEN not in shown_by(caught.value)
    assert EMAIL not in shown_by(caught.value, within="arena_groups")
