"""Redis pacer in one process: order, cancellation, 429s, outages of Redis, closing."""

import asyncio
import gc
import json
import logging
import pickle
import re
import subprocess
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from attrs import evolve

from arena_groups import (
    ArenaClient,
    ClientStateError,
    Pacer,
    PacerError,
    Permit,
    RateLimitError,
    RateLimitUpdate,
    RetryPolicy,
)
from arena_groups._api import Secret
from arena_groups._pacing.pacer import SystemClock
from arena_groups.models import RateLimit
from arena_groups.sandbox import Sandbox, faults
from tests.support.leaks import no_warning
from tests.support.redis_server import FailoverServers, RedisServer, free_port, start_cluster_node
from tests.support.waiting import until, until_blocking

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import ConnectionError as RedisPyConnectionError

from arena_groups.redis import RedisPacer, RedisStore

TOKEN = "a-token-that-must-not-show"
GUIDE = Path(__file__).parents[2] / "docs/replicas.md"
WINDOW = 3600
RESET = datetime.fromtimestamp(int(time.time()) + WINDOW - 60, UTC)
KEY = "arena-groups:pacer:{guest}"


class SkippingClock(SystemClock):
    """Real time, except that a test can skip some seconds."""

    skipped = 0.0

    def now(self) -> float:  # type: ignore[override]
        return time.monotonic() + self.skipped


class HookedRedis(Redis):
    """A client that calls a function after each run of a script."""

    after_script: Callable[[], None] = staticmethod(lambda: None)

    async def evalsha(self, *arguments: Any) -> Any:  # type: ignore[override]
        reply = await super().evalsha(*arguments)
        self.after_script()
        return reply


def hooked(server: RedisServer) -> HookedRedis:
    return HookedRedis(port=server.port)


def response(
    limit: int = 100, *, status: int = 200, retry_after: float | None = None
) -> RateLimitUpdate:
    return RateLimitUpdate(
        status=status,
        server_time=float(int(time.time())),
        rate_limit=RateLimit(limit=limit, window=WINDOW, reset_at=RESET),
        retry_after=retry_after,
    )


async def acquire(pacer: Pacer, *, write: bool = False) -> Permit:
    permit = await pacer.acquire(write=write, max_wait=60.0)
    assert permit is not None
    return permit


async def send(pacer: Pacer, update: RateLimitUpdate) -> None:
    """Acquire a permit, and release it with a response."""
    pacer.release(await acquire(pacer), update)


async def reported(server: RedisServer) -> None:
    """Wait until every process is permitted to send: the first response has been reported."""
    await until(lambda: '"open":true' in server.command(f"GET {KEY}"))


def members(server: RedisServer) -> int:
    """Return the number of processes that use the limit of guests."""
    found = json.loads(server.command(f"GET {KEY}"))["members"].values()
    return sum(each["seen"] > 0 for each in found)


def slots(server: RedisServer) -> int:
    """Return the number of slots for writes that processes have asked for."""
    members = json.loads(server.command(f"GET {KEY}") or "{}").get("members", {})
    return sum(each["writes"] for each in members.values())


async def held(server: RedisServer) -> None:
    """Wait until a hold has been reported."""
    await until(
        lambda: json.loads(server.command(f"GET {KEY}") or "{}").get("blocked_until", 0) > 0
    )


@pytest.fixture
async def pacer(redis_server: RedisServer) -> AsyncIterator[RedisPacer]:
    async with RedisPacer(redis_server.url, token=TOKEN, write_spacing=0) as opened:
        yield opened


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"write_spacing": -1}, "write_spacing"),
            ({"on_outage": "explode"}, "on_outage"),
            ({"min_processes": 0}, "min_processes"),
            ({"member_ttl": 0}, "member_ttl"),
            ({"timeout": 0}, "timeout"),
            ({"token": "a b"}, "the token from the argument token= holds a space"),
            ({"token": "a", "fingerprint": "b"}, "not both"),
            ({"fingerprint": ""}, "must not be empty"),
        ],
    )
    def test_invalid_argument_raises_value_error(self, options: Any, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            RedisPacer("redis://host", **options)

    async def test_token_appears_in_no_key_and_no_repr(
        self, redis_server: RedisServer, pacer: RedisPacer
    ) -> None:
        await send(pacer, response())
        async with Redis.from_url(redis_server.url, decode_responses=True) as client:
            keys = await client.keys("*")
        assert keys
        assert not [key for key in keys if TOKEN in key]
        assert TOKEN not in repr(pacer)

    async def test_equal_tokens_share_a_limit_and_others_do_not(
        self, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def prefix(**options: Any) -> str:
            redis_server.command("FLUSHALL")
            async with RedisPacer(redis_server.url, **options) as pacer:
                await acquire(pacer)
                async with Redis.from_url(redis_server.url, decode_responses=True) as client:
                    (found,) = await client.keys("*")
            return str(found)

        assert "{guest}" in await prefix()
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        same = {await prefix(), await prefix(token=TOKEN), await prefix(token=Secret(TOKEN))}
        assert len(same) == 1
        others = {await prefix(token="other"), await prefix(fingerprint="own")}
        assert len(same | others) == 3


class TestOrder:
    async def test_first_request_is_sent_alone(
        self, redis_server: RedisServer, pacer: RedisPacer
    ) -> None:
        async with RedisPacer(redis_server.url, token=TOKEN) as other:
            permit = await acquire(pacer)
            waiting = asyncio.create_task(acquire(other))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            assert other.snapshot().waiting == 1
            pacer.release(permit, response(limit=7))
            other.release(await waiting, response(limit=7))
            snapshot = other.snapshot()
            assert (snapshot.limit, snapshot.used, snapshot.in_flight) == (7, 2, 0)

    async def test_first_request_of_a_process_that_died_blocks_others_for_seconds_only(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url) as one, RedisPacer(redis_server.url) as two:
            await acquire(one)
            found = json.loads(redis_server.command(f"GET {KEY}"))
            assert 4 < found["probe_until"] - time.time() < 6
            redis_server.command(f"DEL {KEY}")  # as if they had passed
            await acquire(two)

    async def test_permits_are_granted_in_fifo_order(self, pacer: RedisPacer) -> None:
        order: list[int] = []

        async def work(number: int) -> None:
            permit = await acquire(pacer)
            order.append(number)
            await asyncio.sleep(0)
            pacer.release(permit, response())

        await asyncio.gather(*(work(number) for number in range(20)))
        assert order == list(range(20))

    async def test_many_requests_at_once_need_few_commands(
        self, redis_server: RedisServer, pacer: RedisPacer
    ) -> None:
        await send(pacer, response(limit=10_000))
        redis_server.command("CONFIG RESETSTAT")
        for permit in await asyncio.gather(*(acquire(pacer) for _ in range(200))):
            pacer.release(permit, response(limit=10_000))
        assert redis_server.calls()["evalsha"] <= 4

    async def test_writes_of_two_pacers_are_spaced(self, redis_server: RedisServer) -> None:
        times: list[float] = []

        async def write(pacer: RedisPacer) -> None:
            permit = await acquire(pacer, write=True)
            times.append(time.monotonic())
            pacer.release(permit, response())

        async with (
            RedisPacer(redis_server.url, write_spacing=0.3) as one,
            RedisPacer(redis_server.url, write_spacing=0.3) as two,
        ):
            await send(one, response())
            await asyncio.gather(*(write(pacer) for pacer in (one, two, one, two)))
            reads = [asyncio.create_task(acquire(one)) for _ in range(3)]
            for permit in await asyncio.gather(*reads):
                one.release(permit, None)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps) > 0.15


class TestCancellation:
    async def test_cancelled_acquire_takes_no_permit(self, pacer: RedisPacer) -> None:
        await send(pacer, response(limit=3))
        for number in range(4):
            await asyncio.sleep(0.21)  # what was promised is used no longer without a report
            acquiring = [
                asyncio.create_task(acquire(pacer, write=number % 2 == 1)) for _ in range(5)
            ]
            await asyncio.sleep(0)
            for each in acquiring:
                each.cancel()
            await asyncio.gather(*acquiring, return_exceptions=True)
        assert pacer.snapshot().used == 1
        for _ in range(2):
            await acquire(pacer)

    async def test_write_cancelled_while_it_waits_for_its_slot_takes_no_permit(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url, write_spacing=60) as one:
            await send(one, response())
            one.release(await acquire(one, write=True), response())
            async with RedisPacer(redis_server.url, write_spacing=60) as two:
                writing = asyncio.create_task(acquire(two, write=True))
                await until(lambda: slots(redis_server) == 2)
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
                assert (two.snapshot().in_flight, two.snapshot().waiting) == (0, 0)

    async def test_next_waiting_task_gets_the_permit_of_a_cancelled_one(
        self, pacer: RedisPacer
    ) -> None:
        permit = await acquire(pacer)
        one, two = asyncio.create_task(acquire(pacer)), asyncio.create_task(acquire(pacer))
        await asyncio.sleep(0.02)
        one.cancel()
        pacer.release(permit, response())
        pacer.release(await two, response())


class TestPriority:
    async def test_background_of_one_process_leaves_a_reserve_to_another(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url) as bulk, RedisPacer(redis_server.url) as bot:
            await send(bulk, response(limit=20))
            waiting = [
                asyncio.create_task(bulk.acquire(write=False, priority="background"))
                for _ in range(40)
            ]
            granted = 0
            while granted < 17:  # with the first request 18, which leaves a tenth
                done = [each for each in waiting if each.done()]
                for each in done:
                    waiting.remove(each)
                    permit = each.result()
                    assert permit is not None
                    bulk.release(permit, response(limit=20))
                granted += len(done)
                await asyncio.sleep(0.01)
            for _ in range(2):
                bot.release(await acquire(bot), response(limit=20))
            assert await bot.acquire(write=False, deadline=60) is None
            assert not any(each.done() for each in waiting)
            assert bulk.snapshot().waiting_in_background == len(waiting) == 23
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert bulk.snapshot().waiting == 0

    async def test_deadline_is_refused_where_others_have_used_the_limit(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url) as one, RedisPacer(redis_server.url) as two:
            for _ in range(3):
                await send(one, response(limit=3))
            assert await one.acquire(write=False, deadline=600) is None
            waiting = asyncio.create_task(one.acquire(write=False))  # so it reports the others
            assert await two.acquire(write=False, deadline=600) is None
            waiting.cancel()
            assert (two.snapshot().waiting, two.snapshot().in_flight) == (0, 0)

    async def test_write_in_the_foreground_uses_the_slot_that_the_background_waits_for(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url, write_spacing=1) as pacer:
            await send(pacer, response())
            pacer.release(await acquire(pacer, write=True), response())
            later = asyncio.create_task(pacer.acquire(write=True, priority="background"))
            await until(lambda: slots(redis_server) == 2)
            pacer.release(await acquire(pacer), response())  # a read does not wait for it
            pacer.release(await acquire(pacer, write=True), response())
            assert not later.done()
            assert await later is not None


class TestTooManyRequests:
    async def test_429_blocks_all_processes_until_a_probe_succeeds(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url) as one, RedisPacer(redis_server.url) as two:
            await send(one, response())
            await send(two, response())
            started = time.monotonic()
            one.release(await acquire(one), response(status=429, retry_after=0.5))
            await held(redis_server)
            await asyncio.sleep(0.2)  # so long, what was promised is used without a report
            assert one.snapshot().blocked_for > 0
            assert await one.acquire(write=False, max_wait=0.1) is None
            assert await two.acquire(write=False, max_wait=0.1) is None
            assert await two.acquire(write=True, max_wait=0.1) is None
            acquiring = [asyncio.create_task(acquire(each)) for each in (one, two)]
            done, waiting = await asyncio.wait(acquiring, return_when=asyncio.FIRST_COMPLETED)
            assert time.monotonic() - started > 0.45
            await asyncio.sleep(0.1)
            assert not any(each.done() for each in waiting)
            probe = done.pop()
            (one if probe is acquiring[0] else two).release(probe.result(), response())
            await asyncio.gather(*waiting)

    async def test_hold_of_another_process_ends_each_call_that_does_not_wait_so_long(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url) as one, RedisPacer(redis_server.url) as two:
            await send(one, response(3))
            await send(two, response(3))
            permit = await acquire(one)
            first, second = (
                asyncio.create_task(two.acquire(write=False, max_wait=seconds))
                for seconds in (60.0, 1.0)
            )
            await until(lambda: two.snapshot().waiting == 2)
            one.release(permit, response(3, status=429, retry_after=30.0))
            assert await second is None
            assert not first.done()
            first.cancel()

    async def test_client_blocked_for_too_long_raises_rate_limit_error(
        self, redis_server: RedisServer
    ) -> None:
        async with (
            Sandbox() as sandbox,
            RedisPacer(redis_server.url, token=sandbox.tokens.owner) as pacer,
            ArenaClient(
                sandbox.tokens.owner, base_url=sandbox.url, pacer=pacer,
                retry=RetryPolicy(max_retry_after=5),
            ) as arena,
        ):  # fmt: skip
            await arena.ping()
            sandbox.faults.add(faults.RateLimited(retry_after=50), times=1)
            with pytest.raises(RateLimitError):
                await arena.ping()
            with pytest.raises(RateLimitError, match="nothing was sent") as caught:
                await arena.ping()
            assert caught.value.retry_after is not None
            assert 40 < caught.value.retry_after <= 50


class TestOutage:
    async def test_each_process_uses_its_share_until_redis_is_available(
        self, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "arena_groups")
        async with RedisPacer(own_redis_server.url, write_spacing=0, min_processes=2) as pacer:
            await send(pacer, response(limit=20))
            permits = [await acquire(pacer, write=number % 2 == 1) for number in range(9)]
            snapshot = pacer.snapshot()
            assert (snapshot.limit, snapshot.used, snapshot.in_flight) == (10, 10, 9)
            beyond = asyncio.create_task(acquire(pacer))
            await asyncio.sleep(0.05)
            assert not beyond.done()
            for permit in permits:
                pacer.release(permit, response(limit=20))
            assert pacer.snapshot().limit == 10
            (line,) = [each for each in caplog.messages if "Redis" in each]
            assert "one of 2" in line
            own_redis_server.start()
            await until(lambda: "Redis is available again" in caplog.text)
            # Another process may have sent as many.
            await asyncio.sleep(0.1)
            assert not beyond.done()
            assert pacer.snapshot().used == 10
            beyond.cancel()

    async def test_window_of_the_outage_has_only_what_was_promised(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url) as one, RedisPacer(own_redis_server.url) as two:
            for pacer in (one, two):
                await send(pacer, response(limit=20))
            await asyncio.sleep(0.21)
            await send(one, response(limit=20))  # reports, and learns of the other
            own_redis_server.kill()
            acquiring = [asyncio.create_task(acquire(one)) for _ in range(20)]
            await until(lambda: one.snapshot().limit == 10)
            await asyncio.sleep(0.05)
            assert one.snapshot().used <= 5
            for each in acquiring:
                each.cancel()

    @pytest.mark.parametrize("count", [5, 13])
    async def test_waiting_calls_continue_without_a_new_call(
        self, own_redis_server: RedisServer, count: int
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url) as pacer:
            await send(pacer, response())
            sending = [asyncio.create_task(send(pacer, response())) for _ in range(count)]
            own_redis_server.kill()
            await asyncio.sleep(0.5)
            own_redis_server.start()
            async with asyncio.timeout(5):
                await asyncio.gather(*sending)

    async def test_redis_that_flaps_raises_nothing_in_waiting_calls(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url) as pacer:
            await send(pacer, response(limit=1000))
            sending: list[asyncio.Task[None]] = []
            for _ in range(3):
                own_redis_server.kill()
                sending += [asyncio.create_task(send(pacer, response(1000))) for _ in range(13)]
                await asyncio.sleep(0.3)
                own_redis_server.start()
                await asyncio.sleep(0.3)
            async with asyncio.timeout(5):
                await asyncio.gather(*sending)

    @pytest.mark.parametrize("policy", ["local", "raise"])
    async def test_connection_closed_for_being_idle_is_not_an_outage(
        self, redis_server: RedisServer, policy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with RedisPacer(redis_server.url, on_outage=policy) as pacer:
            await send(pacer, response())
            await reported(redis_server)
            redis_server.command("CLIENT KILL TYPE normal")
            await send(pacer, response())
            assert pacer.snapshot().used == 2
        assert not caplog.records

    async def test_lost_reply_is_not_an_outage_and_counts_nothing_twice(
        self, redis_server: RedisServer
    ) -> None:
        client, errors = hooked(redis_server), list[RedisPyConnectionError]()

        def lose_reply() -> None:
            if errors:
                raise errors.pop()

        async with (
            RedisPacer(client, on_outage="raise") as pacer,
            RedisPacer(redis_server.url) as other,
        ):
            await send(pacer, response())
            client.after_script = lose_reply
            for _ in range(5):
                errors.append(RedisPyConnectionError("reply was lost"))
                await asyncio.sleep(0.21)  # what was promised is used no longer
                await send(pacer, response())
                assert not errors
            assert pacer.snapshot().used == 6
            await send(other, response())
            assert other.snapshot().used <= 7
        await client.aclose()

    async def test_remaining_requests_of_a_response_bound_an_outage(
        self, own_redis_server: RedisServer
    ) -> None:
        async with RedisPacer(own_redis_server.url, min_processes=2) as pacer:
            await send(pacer, evolve(response(limit=20), remaining=1))
            await acquire(pacer)
            beyond = asyncio.create_task(acquire(pacer))
            await asyncio.sleep(0.05)
            assert not beyond.done()
            beyond.cancel()

    async def test_raise_policy_raises_pacer_error_without_secrets(
        self, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = own_redis_server.url.replace("//", "//:a-password@")
        async with RedisPacer(url, on_outage="raise", token=TOKEN) as pacer:
            for _ in range(3):
                with pytest.raises(PacerError, match="was not sent") as caught:
                    await acquire(pacer)
            error = pickle.loads(pickle.dumps(caught.value))
            assert str(error) == str(caught.value)
            assert "a-password" not in str(error) + caplog.text
            assert len(caplog.records) == 1

    async def test_raise_policy_works_again_when_redis_is_available(
        self, own_redis_server: RedisServer
    ) -> None:
        clock = SkippingClock()
        async with RedisPacer(own_redis_server.url, on_outage="raise", clock=clock) as pacer:
            with pytest.raises(PacerError):
                await acquire(pacer, write=True)
            own_redis_server.start()
            clock.skipped = 2
            await send(pacer, response())
            pacer.release(await acquire(pacer, write=True), response())
            own_redis_server.kill()
            clock.skipped = 4
            with pytest.raises(PacerError):
                await acquire(pacer, write=True)

    async def test_thousands_of_failed_calls_keep_nothing(
        self, own_redis_server: RedisServer
    ) -> None:
        package = tracemalloc.Filter(inclusive=True, filename_pattern="*/arena_groups/*")

        def allocated() -> int:
            gc.collect()
            traces = tracemalloc.take_snapshot().filter_traces([package]).statistics("filename")
            return sum(each.size for each in traces)

        async with RedisPacer(own_redis_server.url, on_outage="raise") as pacer:

            async def fail(times: int) -> None:
                for number in range(times):
                    with pytest.raises(PacerError):
                        await acquire(pacer, write=number % 2 == 1)

            await fail(50)
            tracemalloc.start(10)  # frames, so that what a library keeps for us counts too
            try:
                await fail(50)
                before = allocated()
                await fail(5000)
                assert allocated() - before < 5000  # bytes: less than one for each call
            finally:
                tracemalloc.stop()

    async def test_redis_never_reached_divides_the_limit_by_min_processes(
        self, own_redis_server: RedisServer
    ) -> None:
        async with RedisPacer(own_redis_server.url, min_processes=4) as pacer:
            await send(pacer, response(limit=20))
            assert pacer.snapshot().limit == 5

    async def test_redis_never_reached_without_min_processes_raises_pacer_error(
        self, own_redis_server: RedisServer
    ) -> None:
        clock = SkippingClock()
        async with RedisPacer(own_redis_server.url, clock=clock) as pacer:
            for _ in range(3):
                with pytest.raises(PacerError, match="min_processes"):
                    await acquire(pacer)
            own_redis_server.start()
            clock.skipped = 2
            await send(pacer, response())

    async def test_redis_that_hangs_is_an_outage_until_it_replies(
        self, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        own_redis_server.start()
        caplog.set_level(logging.INFO, "arena_groups")
        async with RedisPacer(own_redis_server.url, timeout=0.1) as pacer:
            await send(pacer, response())
            await reported(own_redis_server)
            own_redis_server.pause()
            sending = [asyncio.create_task(send(pacer, response())) for _ in range(20)]
            await until(lambda: "Redis is unavailable" in caplog.text)
            own_redis_server.resume()
            await asyncio.gather(*sending)
            assert "Redis is available again" in caplog.text
            assert pacer.snapshot().used == 21

    async def test_429_of_the_outage_holds_all_processes_after_it(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url) as one, RedisPacer(own_redis_server.url) as two:
            for pacer in (one, two):
                await send(pacer, response())
            permit = await acquire(one)
            own_redis_server.kill()
            one.release(permit, response(status=429, retry_after=30))
            await asyncio.sleep(0.3)
            own_redis_server.start()
            await held(own_redis_server)
            await asyncio.sleep(0.2)
            for pacer in (one, two):
                assert await pacer.acquire(write=False, max_wait=10) is None
                assert 25 < pacer.snapshot().blocked_for <= 30


@pytest.fixture
def cluster_node(tmp_path: Path) -> Iterator[RedisServer]:
    """The only node of a cluster."""
    with ExitStack() as stack:
        yield start_cluster_node(stack, tmp_path)


REFUSED = {
    "password": ("CONFIG SET requirepass word", "redis://:wrong@127.0.0.1:{port}", "password"),
    "no password": ("CONFIG SET requirepass word", "redis://127.0.0.1:{port}", "password"),
    "database": ("PING", "redis://127.0.0.1:{port}/99", "database"),
    "CA file": ("PING", "rediss://127.0.0.1:{port}/0?ssl_ca_certs=/nowhere.pem", "certificates"),
    "no script": ("ACL SETUSER u on >u ~* +get", "redis://u:u@127.0.0.1:{port}", "permission"),
    "in the script": (
        "ACL SETUSER u on >u ~* +@all -set", "redis://u:u@127.0.0.1:{port}", "permission",
    ),
    "other key": ("ACL SETUSER u on >u ~x +@all", "redis://u:u@127.0.0.1:{port}", "permission"),
}  # fmt: skip


class TestConfiguration:
    @pytest.mark.parametrize("policy", ["local", "raise"])
    @pytest.mark.parametrize("case", REFUSED)
    async def test_redis_that_cannot_be_used_raises_pacer_error(
        self, own_redis_server: RedisServer, policy: Any, case: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        command, url, advice = REFUSED[case]
        own_redis_server.start()
        assert own_redis_server.command(command) in {"OK", "PONG"}
        async with RedisPacer(
            url.format(port=own_redis_server.port), on_outage=policy, min_processes=2
        ) as pacer:
            for write in (False, True):
                with pytest.raises(PacerError, match=f"Redis cannot be used.*{advice}"):
                    await acquire(pacer, write=write)
            assert pacer.snapshot().used == 0
        assert not caplog.records

    @pytest.mark.parametrize(
        ("url", "advice"),
        [("rediss://127.0.0.1:{port}", "certificates"), ("redis://127.0.0.1:{port}", "rediss://")],
        ids=["unknown certificate", "without TLS"],
    )
    async def test_server_with_tls_used_wrongly_raises_pacer_error(
        self, tmp_path: Path, url: str, advice: str
    ) -> None:
        if which("openssl") is None:
            pytest.skip("openssl is not installed")
        subprocess.run(  # noqa: ASYNC221
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis",
             "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
        port = free_port()
        server = RedisServer(
            tmp_path, "--tls-port", str(port), "--tls-auth-clients", "no",
            "--tls-cert-file", str(tmp_path / "cert.pem"),
            "--tls-key-file", str(tmp_path / "key.pem"),
        )  # fmt: skip
        server.start()
        try:
            async with RedisPacer(url.format(port=port), min_processes=2) as pacer:
                with pytest.raises(PacerError, match=f"Redis cannot be used.*{advice}"):
                    await acquire(pacer)
        finally:
            server.kill()

    async def test_failover_of_sentinel_is_an_outage_that_ends(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "arena_groups")
        with ExitStack() as stack:
            servers = FailoverServers.start(stack, tmp_path)
            primary, replica = servers.primary, servers.replica
            sentinel = Sentinel([("127.0.0.1", servers.sentinel.port)])
            client = sentinel.master_for("ours")
            async with RedisPacer(client) as pacer, RedisStore(client) as store:
                await send(pacer, response())
                await store.compare_and_set("one", {"a": "1"})
                until_blocking(lambda: replica.command(f"TYPE {KEY}") == "string")
                primary.kill()
                sending = [asyncio.create_task(send(pacer, response())) for _ in range(20)]
                await asyncio.gather(*sending)
                await until(lambda: "Redis is available again" in caplog.text)
                await send(pacer, response())
                assert await store.read("one") == {"a": "1"}
                assert "role:master" in replica.command("INFO replication")
            await client.aclose()
            for each in sentinel.sentinels:
                await each.aclose()

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "nowhere.invalid"])
    async def test_redis_that_cannot_be_reached_is_an_outage(self, host: str) -> None:
        async with RedisPacer(f"redis://{host}:1", min_processes=2) as pacer:
            await send(pacer, response(limit=20))
            assert pacer.snapshot().limit == 10

    async def test_restricted_user_needs_the_documented_permissions(
        self, redis_server: RedisServer
    ) -> None:
        (rule,) = re.findall(r"ACL SETUSER .*", GUIDE.read_text("utf-8"))
        user, password = re.findall(r"SETUSER (\S+) .*>(\S+)", rule)[0]
        assert redis_server.command(rule) == "OK"
        url = redis_server.url.replace("//", f"//{user}:{password}@")
        async with RedisPacer(url, on_outage="raise") as pacer, RedisStore(url) as store:
            await send(pacer, response())
            pacer.release(await acquire(pacer, write=True), response(status=429, retry_after=0))
            assert await store.compare_and_set("one", {"a": "1", "b": None}, expected={"a": None})
            assert await store.read("one") == {"a": "1"}
        assert redis_server.command(f"ACL DELUSER {user}") == "1"

    async def test_one_node_cluster_is_used_by_a_cluster_client(
        self, cluster_node: RedisServer
    ) -> None:
        async with RedisCluster(host="127.0.0.1", port=cluster_node.port) as cluster:
            async with RedisPacer(cluster, on_outage="raise") as pacer:
                await send(pacer, response())
                pacer.release(await acquire(pacer, write=True), response())
            async with RedisStore(cluster) as store:
                assert await store.compare_and_set("one", {"a": "1"})
                assert await store.read("one") == {"a": "1"}

    async def test_node_of_a_cluster_without_a_cluster_client_raises_pacer_error(
        self, cluster_node: RedisServer
    ) -> None:
        # Another node, which cannot be reached, has the slot of the key.
        cluster_node.kill()
        config = cluster_node.folder / "nodes.conf"
        text = config.read_text("utf-8").replace("0-16383", "0-1")
        other = f"{'a' * 40} 127.0.0.1:1@2 master - 0 0 1 connected 2-16383\n"
        config.write_text(other + text, "utf-8")
        cluster_node.start()
        async with RedisPacer(cluster_node.url, min_processes=2) as pacer:
            with pytest.raises(PacerError, match="Redis cannot be used"):
                await acquire(pacer)


async def end_other_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class TestEventLoops:
    @pytest.mark.parametrize("ended", [True, False])
    def test_second_event_loop_raises_client_state_error(
        self, redis_server: RedisServer, *, ended: bool
    ) -> None:
        client = Redis(port=redis_server.port)
        pacer, store = RedisPacer(client), RedisStore(client)

        async def use() -> None:
            await send(pacer, response())
            await store.read("one")

        first = asyncio.new_event_loop()
        first.run_until_complete(use())
        if ended:
            first.run_until_complete(end_other_tasks())
            first.run_until_complete(client.aclose())
            first.close()

        async def use_again() -> None:
            for write in (False, True):
                with pytest.raises(ClientStateError, match="event loop"):
                    await acquire(pacer, write=write)
            with pytest.raises(ClientStateError, match="event loop"):
                await store.read("one")
            with pytest.raises(ClientStateError, match="event loop"):
                await store.compare_and_set("one", {"a": "1"})
            if ended:
                await pacer.aclose()
                await store.aclose()

        asyncio.run(use_again())
        if not ended:
            first.run_until_complete(pacer.aclose())
            first.run_until_complete(store.aclose())
            first.run_until_complete(client.aclose())
            first.close()

    async def test_process_that_was_forked_raises_client_state_error(
        self, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with RedisPacer(redis_server.url) as pacer:
            await send(pacer, response())
            with monkeypatch.context() as patch:
                patch.setattr("os.getpid", lambda: 1)
                with pytest.raises(ClientStateError, match="process"):
                    await acquire(pacer)


class TestClosing:
    async def test_aclose_sends_releases_and_leaves_the_processes(
        self, redis_server: RedisServer
    ) -> None:
        with no_warning():
            async with RedisPacer(redis_server.url) as one:
                one.release(await acquire(one), response(limit=5))
            async with RedisPacer(redis_server.url) as two:
                await send(two, response(limit=5))
                assert two.snapshot().used == 2
                assert members(redis_server) == 1

    async def test_waiting_task_gets_pacer_error(self, redis_server: RedisServer) -> None:
        pacer = RedisPacer(redis_server.url)
        await acquire(pacer)
        waiting = asyncio.create_task(acquire(pacer))
        await asyncio.sleep(0.02)
        await pacer.aclose()
        with pytest.raises(PacerError, match="closed"):
            await waiting
        with pytest.raises(PacerError, match="closed"):
            await acquire(pacer)
        await pacer.aclose()

    async def test_waiting_writes_get_pacer_error(self, redis_server: RedisServer) -> None:
        tasks_before = asyncio.all_tasks()
        with no_warning():
            pacer = RedisPacer(redis_server.url)
            await acquire(pacer)
            waiting = [asyncio.create_task(acquire(pacer, write=True)) for _ in range(3)]
            await asyncio.sleep(0.02)
            await pacer.aclose()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, PacerError)
            assert asyncio.all_tasks() == tasks_before
            del pacer, waiting

    async def test_tasks_waiting_during_an_outage_get_pacer_error(
        self, own_redis_server: RedisServer
    ) -> None:
        pacer = RedisPacer(own_redis_server.url, min_processes=1)
        await acquire(pacer)
        waiting = [asyncio.create_task(acquire(pacer, write=number == 1)) for number in range(3)]
        await asyncio.sleep(0.02)
        await pacer.aclose()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, PacerError)
            assert "closed" in str(outcome)

    async def test_external_client_stays_open(self, redis_server: RedisServer) -> None:
        client = Redis.from_url(redis_server.url)
        async with RedisPacer(client) as pacer:
            await send(pacer, response())
        assert await client.ping()
        await client.aclose()
