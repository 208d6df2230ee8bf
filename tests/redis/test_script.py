"""Script in Redis: it counts as the window of one process does, and shares fairly."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_groups._pacing.window import FOREVER, RateLimitUpdate, RateLimitWindow
from arena_groups.models import RateLimit
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions
from tests.support.window_vectors import Step, load, parse

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis

from arena_groups.redis.connection import RedisConnection, RedisUnavailableError
from arena_groups.redis.script import AcquireReply, AcquireRequest, Release, run_script, serialize

EXAMPLES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=repetitions(40, thorough=1000),
)
PREFIX = "test:{limit}"
VECTORS = load()


@define
class Process:
    """A process that runs the script at chosen times."""

    connection: RedisConnection
    name: str = "a"
    permit_ttl: float = 1e6
    probe_ttl: float = 1e6
    runs: int = 0
    permits: list[tuple[str, int]] = field(factory=list[tuple[str, int]])

    async def run(
        self, now: float, wanted: int = 0, *releases: Release, **options: Any
    ) -> AcquireReply:
        """Send ``releases``, and ask for ``wanted`` permits."""
        self.runs += 1
        request = AcquireRequest(
            process=self.name, permit_prefix=f"{self.name}:{self.runs}:", releases=releases,
            wanted=wanted, write=False, ahead_of_write=0, write_spacing=0.2,
            permit_ttl=self.permit_ttl, probe_ttl=self.probe_ttl, max_poll=0.4, now=now,
        )  # fmt: skip
        request.update(options)  # type: ignore[typeddict-item]
        reply = await run_script(self.connection, PREFIX, request, lambda: now)
        for number in range(1, reply.granted + 1):
            self.permits.append((f"{request['permit_prefix']}{number}", reply.generation))
        return reply

    async def respond(
        self, now: float, update: RateLimitUpdate | None, wanted: int = 0, at: int = 0
    ) -> AcquireReply:
        """Release a permit with the response to its request."""
        permit, generation = self.permits.pop(at)
        release = Release(permit=permit, generation=generation)
        if update is not None:
            release["update"] = serialize(update)
        return await self.run(now, wanted, release)

    def unused(self) -> list[Release]:
        """Return releases of all permits, without requests."""
        permits, self.permits = self.permits, []
        return [Release(permit=each, generation=it, unused=True) for each, it in permits]


@pytest.fixture
async def connection(redis_server: RedisServer) -> AsyncIterator[RedisConnection]:
    opened = RedisConnection(redis_server.url, timeout=5)
    yield opened
    await opened.aclose()


def run_on_empty_redis(
    server: RedisServer, test: Callable[[RedisConnection], Coroutine[None, None, None]]
) -> None:
    """Run one example of a property; each has an event loop of its own."""
    server.command("FLUSHALL")

    async def run() -> None:
        connection = RedisConnection(server.url, timeout=5)
        try:
            await test(connection)
        finally:
            await connection.aclose()

    asyncio.run(run())


def response(
    now: float, *, limit: int = 10, window: int = 60, status: int = 200
) -> RateLimitUpdate:
    reset = (now // window + 1) * window
    return RateLimitUpdate(
        status=status,
        server_time=float(int(now)),
        rate_limit=RateLimit(
            limit=limit, window=window, reset_at=datetime.fromtimestamp(reset, UTC)
        ),
        retry_after=reset - int(now) if status == 429 else None,
    )


responses = st.one_of(
    st.just("none"),
    st.just("without headers"),
    st.just("429 without headers"),
    st.just("429 with 0 s"),
    st.just("429 of the edge"),
    st.tuples(
        st.sampled_from([200, 200, 200, 404, 429]),
        st.sampled_from([1, 3, 10]),
        st.sampled_from([2, 60]),
        st.sampled_from([0.0, 0.0, -3.0, 7.25]),
        st.sampled_from([None, 0, 1, 8, 100]),
    ),
)
sequences = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 1.0, 5.5, 61.0]),
        st.integers(0, 4),
        st.none() | st.tuples(st.integers(0, 9), responses),
    ),
    min_size=1,
    max_size=25,
)


def make_update(now: float, drawn: Any) -> RateLimitUpdate | None:
    if drawn == "none":
        return None
    if drawn == "429 without headers":
        return RateLimitUpdate(status=429, server_time=float(int(now)))
    if drawn == "429 with 0 s":
        return RateLimitUpdate(status=429, server_time=float(int(now)), retry_after=0.0)
    if drawn == "429 of the edge":
        return RateLimitUpdate(status=429, server_time=float(int(now)), counted=False)
    if drawn == "without headers":
        return RateLimitUpdate(status=304, server_time=float(int(now)))
    status, limit, window, skew, remaining = drawn
    update = response(now + skew, limit=limit, window=window, status=status)
    return evolve(update, remaining=remaining)


@pytest.mark.parametrize("name", VECTORS)
async def test_script_gives_the_results_of_the_vectors(
    connection: RedisConnection, name: str
) -> None:
    process = Process(connection)
    for number, step in enumerate(VECTORS[name]):
        assert await take_step(process, step) == pytest.approx(step["expected"], abs=1e-5), number


async def take_step(process: Process, step: Step) -> Step:
    """Run the script for a step of the vectors, and return its results."""
    releases: list[Release] = []
    for response in step["responses"]:
        permit, generation = process.permits[response["permit"]]
        release = Release(permit=permit, generation=generation)
        if (update := parse(response["update"])) is not None:
            release["update"] = serialize(update)
        releases.append(release)
    reply = await process.run(step["at"], step["wanted"], *releases)
    shared = reply.snapshot
    return {
        "granted": reply.granted,
        "wait": reply.wait,
        "limit": shared.limit,
        "window": shared.window,
        "counted": shared.counted,
        "in_flight": shared.in_flight,
        "resets_in": shared.resets_in,
        "blocked_for": shared.blocked_for,
    }


@EXAMPLES
@given(sequences)
def test_script_with_one_process_equals_the_window_in_python(
    redis_server: RedisServer, sequence: Any
) -> None:
    async def test(connection: RedisConnection) -> None:
        process, window, now = Process(connection), RateLimitWindow(), 1000.0
        for step, wanted, responded in sequence:
            now += step
            if responded is not None and process.permits:
                at = responded[0] % len(process.permits)
                update = make_update(now, responded[1])
                window.record_response(process.permits[at][1], update, now)  # type: ignore[arg-type]
                reply = await process.respond(now, update, wanted, at)
            else:
                reply = await process.run(now, wanted)
            ready = window.ready_at(now)
            granted = 0
            while granted < wanted and (permit := window.try_acquire(now)) is not None:
                assert permit == reply.generation
                granted += 1
            assert reply.granted == granted
            if granted < wanted:
                ready = window.ready_at(now)
                assert reply.wait == (None if ready == FOREVER else ready - now)
            shared = reply.snapshot
            assert (shared.limit, shared.window) == (window.limit, window.window)
            assert (shared.counted, shared.in_flight) == (window.counted, window.in_flight)
            assert shared.blocked_for == max(0.0, window.blocked_until - now)
            resets_in = None if window.resets_at == FOREVER else max(0.0, window.resets_at - now)
            assert shared.resets_in == resets_in

    run_on_empty_redis(redis_server, test)


@EXAMPLES
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.3, 2.0]), st.integers(0, 3), st.integers(0, 9)),
        min_size=5,
        max_size=40,
    )
)
def test_script_with_several_processes_grants_no_more_than_with_one(
    redis_server: RedisServer, sequence: Any
) -> None:
    async def test(connection: RedisConnection) -> None:
        window, now = RateLimitWindow(), 1000.0
        processes = [Process(connection, name) for name in "abcd"]
        for step, number, wanted in sequence:
            now += step
            process = processes[number]
            if process.permits and wanted % 2:
                update = response(now, limit=7, window=2)
                window.record_response(process.permits[0][1], update, now)  # type: ignore[arg-type]
                reply = await process.respond(now, update, wanted)
            else:
                reply = await process.run(now, wanted)
            for _ in range(reply.granted):
                assert window.try_acquire(now) is not None

    run_on_empty_redis(redis_server, test)


class TestFairness:
    async def test_free_permits_are_divided_among_waiting_processes(
        self, connection: RedisConnection
    ) -> None:
        greedy, late, third = (Process(connection, name) for name in ("greedy", "late", "third"))
        await greedy.run(1000.0, 1)
        await greedy.respond(1000.5, response(1000.5, limit=12))
        assert (await greedy.run(1001.0, 100)).granted == 11
        assert (await late.run(1001.1, 1)).granted == 0
        assert (await third.run(1001.2, 50)).granted == 0
        # In the next window, the first process leaves the others their part.
        resets_in = (await late.run(1002.0, 1)).snapshot.resets_in
        assert resets_in is not None
        now = 1002.0 + resets_in
        assert (await greedy.run(now, 100, *greedy.unused())).granted == 4
        assert (await greedy.run(now, 100)).granted == 2
        assert (await third.run(now + 0.1, 50)).granted > 0
        assert (await late.run(now + 0.2, 1)).granted == 1

    async def test_last_permit_goes_to_the_longest_waiting_process(
        self, connection: RedisConnection
    ) -> None:
        first, second, third = (Process(connection, name) for name in "abc")
        await first.run(1000.0, 1)
        for moment, each in ((1000.1, second), (1000.15, third)):
            assert (await each.run(moment, 1)).granted == 0
            await each.run(1000.2, 1)
        # It asks again, behind the others; the permit is for a probe again.
        assert (await first.run(1000.3, 1, *first.unused())).granted == 0
        assert (await third.run(1000.4, 1)).granted == 0
        assert (await second.run(1000.5, 1)).granted == 1

    async def test_process_that_stopped_waiting_blocks_no_other(
        self, connection: RedisConnection
    ) -> None:
        gone, other = Process(connection, "gone"), Process(connection, "other")
        await other.run(1000.0, 1)
        await gone.run(1000.0, 1)
        assert (await other.run(1000.1, 1, *other.unused())).granted == 0
        assert (await other.run(1001.0, 1)).granted == 1


async def test_permits_of_a_dead_process_expire(connection: RedisConnection) -> None:
    dead, other = (Process(connection, name, permit_ttl=20.0, probe_ttl=5.0) for name in "ab")
    await dead.run(1000.0, 1)
    assert (await other.run(1001.0, 1)).granted == 0
    # A probe expires sooner than any other request.
    assert (await other.run(1005.5, 1)).granted == 1
    await other.respond(1006.0, response(1006.0, limit=10))
    assert (await dead.run(1006.0, 9)).granted == 8
    assert (await other.run(1006.0, 9)).snapshot.in_flight == 8
    # Windows here end at multiples of 60 seconds, so this one is over.
    reply = await other.run(1026.5, 1)
    assert (reply.granted, reply.snapshot.in_flight) == (1, 1)


async def test_writes_of_all_processes_are_spaced(connection: RedisConnection) -> None:
    one, two = (Process(connection, name) for name in "ab")
    await one.run(1000.0, 1)
    await one.respond(1000.0, response(1000.0))
    assert (await one.run(1001.0, 2, write=True, ahead_of_write=1)).granted == 2
    reply = await two.run(1001.05, 2, write=True, ahead_of_write=0)
    assert (reply.granted, round(reply.write_wait, 6)) == (1, 0.15)
    assert (await two.run(1001.2, 1, write=True)).granted == 1


async def test_after_a_429_a_dead_process_delays_no_longer_than_a_lost_probe(
    connection: RedisConnection,
) -> None:
    dead, other = (Process(connection, name, permit_ttl=60.0, probe_ttl=5.0) for name in "ab")
    await other.run(1000.0, 1)
    await other.respond(1000.0, response(1000.0))
    await dead.run(1001.0, 3)
    await other.run(1001.0, 1)
    refused = RateLimitUpdate(status=429, server_time=1001.0, retry_after=1.0)
    assert (await other.respond(1001.0, refused)).snapshot.blocked_for == 1.0
    assert (await other.run(1002.5, 1)).granted == 0
    assert (await other.run(1007.5, 1)).granted == 1


@pytest.mark.parametrize("seconds", [0.3, 30.0, 600.0, 3000.0, 1e8])
async def test_redis_clock_set_back_changes_no_wait(
    connection: RedisConnection, seconds: float
) -> None:
    process, dead = (Process(connection, name, permit_ttl=20.0) for name in "ab")
    now = 1e9
    await process.run(now, 1, write=True, ahead_of_write=0)
    await process.respond(now, response(now, limit=4))
    await dead.run(now, 1)
    # The real time in between is unknown, and counts as none.
    then = now + 0.1 - seconds
    reply = await process.run(then, 1, write=True, ahead_of_write=0)
    assert round(reply.write_wait, 3) == 0.2
    reply = await process.run(then + 1, 3)
    assert (reply.granted, reply.snapshot.in_flight) == (2, 3)
    assert reply.wait == pytest.approx(19.0)  # windows here end at multiples of 60 seconds
    again = then - seconds
    refused = RateLimitUpdate(status=429, server_time=again, retry_after=10.0)
    assert (await process.respond(again, refused)).snapshot.blocked_for == 10.0
    assert (await process.run(again + 4)).snapshot.blocked_for == pytest.approx(6.0)
    assert (await process.run(again + 18.5)).snapshot.in_flight == 2
    assert (await process.run(again + 19.5)).snapshot.in_flight == 1


async def test_without_now_the_script_uses_the_clock_of_redis(connection: RedisConnection) -> None:
    request = AcquireRequest(
        process="a", permit_prefix="a:1:", releases=[], wanted=1, write=True, ahead_of_write=0,
        write_spacing=50.0, permit_ttl=60.0, probe_ttl=5.0, max_poll=0.4,
    )  # fmt: skip
    assert (await run_script(connection, PREFIX, request, time.monotonic)).granted == 1
    reply = await run_script(connection, PREFIX, request, time.monotonic)
    assert 40 < reply.write_wait <= 50


async def test_keys_expire_after_two_hours(
    redis_server: RedisServer, connection: RedisConnection
) -> None:
    await Process(connection).run(1000.0, 1)
    assert 7000 < int(redis_server.command(f"TTL {PREFIX}:window")) <= 7200


async def test_reply_of_another_script_raises_redis_unavailable_error() -> None:
    class OtherScriptRedis(Redis):
        async def evalsha(self, sha: str, numkeys: int, *keys_and_args: str) -> Any:  # type: ignore[override]
            return [b"1", b"what"]

    client = RedisConnection(OtherScriptRedis(), timeout=5)
    with pytest.raises(RedisUnavailableError, match="not the script's"):
        await Process(client).run(0.0)
