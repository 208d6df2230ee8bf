"""A pacer on Redis, for one process at a time: order, cancelling, holds, outages."""

import asyncio
import logging
import pickle
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    Pacer,
    PacerError,
    RateLimitError,
    RateLimitUpdate,
    RetryPolicy,
)
from arena_groups._api import Secret
from arena_groups.models import RateLimit
from arena_groups.sandbox import Sandbox, faults
from tests.redis.servers import OwnRedis
from tests.support.leaks import no_warning
from tests.support.waiting import until

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from arena_groups.redis import RedisPacer

TOKEN = "a-token-that-must-not-show"
WINDOW = 3600
RESET = datetime.fromtimestamp(int(time.time()) + WINDOW - 60, UTC)


def ok(limit: int = 100, *, status: int = 200, wait: float | None = None) -> RateLimitUpdate:
    return RateLimitUpdate(
        status=status,
        server_time=float(int(time.time())),
        rate_limit=RateLimit(limit=limit, window=WINDOW, reset_at=RESET),
        retry_after=wait,
    )


async def get(pacer: Pacer, **options: Any) -> int:
    mark = await pacer.acquire(write=options.get("write", False), max_wait=60.0)
    assert mark is not None
    return mark


async def learn(pacer: Pacer, told: RateLimitUpdate) -> None:
    pacer.release(await get(pacer), told)


async def settle(pacer: RedisPacer) -> None:
    """Wait until all that was given back has been told."""
    await until(lambda: pacer._pump is None)


async def healed(pacer: RedisPacer) -> None:
    """Wait until it has found that Redis is back."""
    await until(lambda: pacer._away is None)


@pytest.fixture
async def pacer(redis: OwnRedis) -> AsyncIterator[RedisPacer]:
    async with RedisPacer(redis.url, token=TOKEN, write_spacing=0) as made:
        yield made


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
    def test_bad_ones(self, options: Any, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            RedisPacer("redis://host", **options)

    async def test_the_token_is_nowhere(
        self, redis: OwnRedis, pacer: RedisPacer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await learn(pacer, ok())
        await settle(pacer)
        async with Redis.from_url(redis.url, decode_responses=True) as client:
            keys = await client.keys("*")
            assert keys
            assert not [key for key in keys if TOKEN in key]
        assert TOKEN not in repr(pacer)
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        same = [RedisPacer(redis.url), RedisPacer(redis.url, token=Secret(TOKEN))]
        other = [RedisPacer(redis.url, token="other"), RedisPacer(redis.url, fingerprint="own")]
        assert {each._prefix for each in same} == {pacer._prefix}
        assert len({each._prefix for each in [*same, *other]}) == 3
        monkeypatch.delenv("ARENA_TOKEN")
        assert "{guest}" in RedisPacer(redis.url)._prefix


class TestOrder:
    async def test_the_first_request_goes_alone(self, redis: OwnRedis, pacer: RedisPacer) -> None:
        async with RedisPacer(redis.url, token=TOKEN) as other:
            mark = await get(pacer)
            waiting = asyncio.create_task(get(other))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            assert other.snapshot().waiting == 1
            pacer.release(mark, ok(limit=7))
            other.release(await waiting, ok(limit=7))
            await settle(other)
            told = other.snapshot()
            assert (told.limit, told.used, told.in_flight) == (7, 2, 0)

    async def test_whoever_comes_first_goes_first(self, pacer: RedisPacer) -> None:
        order: list[int] = []

        async def go(number: int) -> None:
            mark = await get(pacer)
            order.append(number)
            await asyncio.sleep(0)
            pacer.release(mark, ok())

        await asyncio.gather(*(go(number) for number in range(20)))
        assert order == list(range(20))

    async def test_many_at_once_are_few_commands(self, redis: OwnRedis, pacer: RedisPacer) -> None:
        await learn(pacer, ok(limit=10_000))
        await settle(pacer)
        redis.command("CONFIG RESETSTAT")
        for mark in await asyncio.gather(*(get(pacer) for _ in range(200))):
            pacer.release(mark, ok(limit=10_000))
        await settle(pacer)
        assert redis.commands()["evalsha"] <= 4

    async def test_writes_of_two_are_apart(self, redis: OwnRedis) -> None:
        times: list[float] = []

        async def write(pacer: RedisPacer) -> None:
            mark = await get(pacer, write=True)
            times.append(time.monotonic())
            pacer.release(mark, ok())

        async with (
            RedisPacer(redis.url, write_spacing=0.1) as one,
            RedisPacer(redis.url, write_spacing=0.1) as two,
        ):
            await learn(one, ok())
            await asyncio.gather(*(write(pacer) for pacer in (one, two, one, two)))
            reads = [asyncio.create_task(get(one)) for _ in range(3)]
            for mark in await asyncio.gather(*reads):
                one.release(mark, None)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps) > 0.05


class TestCancelling:
    async def test_it_takes_no_slot(self, redis: OwnRedis, pacer: RedisPacer) -> None:
        await learn(pacer, ok(limit=3))
        for _ in range(10):
            asking = [asyncio.create_task(get(pacer)) for _ in range(5)]
            await asyncio.sleep(0)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        await settle(pacer)
        assert pacer.snapshot().in_flight == 0
        assert pacer.snapshot().used == 1

    async def test_at_the_moment_it_is_given_one(
        self, pacer: RedisPacer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await learn(pacer, ok(limit=3))
        hand_out = pacer._hand_out

        def hand_out_and_cancel(ask: Any, reply: Any) -> None:
            hand_out(ask, reply)
            if reply.granted:
                asking.cancel()

        monkeypatch.setattr(pacer, "_hand_out", hand_out_and_cancel)
        asking = asyncio.create_task(get(pacer))
        with pytest.raises(asyncio.CancelledError):
            await asking
        await settle(pacer)
        assert pacer.snapshot().in_flight == 0

    async def test_the_next_in_line_is_not_forgotten(self, pacer: RedisPacer) -> None:
        mark = await get(pacer)
        one, two = asyncio.create_task(get(pacer)), asyncio.create_task(get(pacer))
        await asyncio.sleep(0.02)
        one.cancel()
        pacer.release(mark, ok())
        pacer.release(await two, ok())


class TestHolds:
    async def test_a_429_holds_all_and_then_one_goes_to_see(self, redis: OwnRedis) -> None:
        async with RedisPacer(redis.url) as one, RedisPacer(redis.url) as two:
            await learn(one, ok())
            await settle(one)
            began = time.monotonic()
            one.release(await get(one), ok(status=429, wait=0.3))
            await settle(one)
            assert one.snapshot().blocked_for > 0
            assert await one.acquire(write=False, max_wait=0.1) is None
            assert await two.acquire(write=False, max_wait=0.1) is None
            assert await two.acquire(write=True, max_wait=0.1) is None
            asking = [asyncio.create_task(get(each)) for each in (one, two)]
            done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            assert time.monotonic() - began > 0.25
            await asyncio.sleep(0.1)
            assert not any(each.done() for each in waiting)
            probe = done.pop()
            (one if probe is asking[0] else two).release(probe.result(), ok())
            await asyncio.gather(*waiting)

    async def test_in_a_client_it_is_an_error_that_says_when(self, redis: OwnRedis) -> None:
        async with (
            Sandbox() as sandbox,
            RedisPacer(redis.url, token=sandbox.tokens.owner) as pacer,
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
    async def test_each_keeps_to_its_part_until_redis_is_back(
        self, own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        own_redis.start()
        caplog.set_level(logging.INFO, "arena_groups")
        async with (
            RedisPacer(own_redis.url) as one,
            RedisPacer(own_redis.url, write_spacing=0) as two,
        ):
            await learn(one, ok(limit=20))
            await learn(two, ok(limit=20))
            await settle(two)
            own_redis.kill()
            caplog.clear()
            marks = [await get(two, write=number % 2 == 1) for number in range(9)]
            told = two.snapshot()
            assert (told.limit, told.used, told.in_flight) == (10, 10, 9)
            beyond = asyncio.create_task(get(two))
            await asyncio.sleep(0.05)
            assert not beyond.done()
            for mark in marks:
                two.release(mark, ok(limit=20))
            assert two.snapshot().limit == 10
            beyond.cancel()
            assert await asyncio.gather(beyond, return_exceptions=True)
            (line,) = [each for each in caplog.messages if "Redis" in each]
            assert "one of 2" in line
            assert all(each.levelname == "INFO" for each in caplog.records[1:])
            caplog.clear()
            own_redis.start()
            two._next_try = 0
            asking = asyncio.create_task(two.acquire(write=False, max_wait=1))
            await healed(two)
            assert "Redis can be used again" in caplog.text
            assert "Redis cannot" not in caplog.text
            # Redis has forgotten all, and reckons that one has sent as many as two: 10.
            mark = await asking
            assert mark is not None
            two.release(mark, ok(limit=20))
            await settle(two)
            assert (two.snapshot().limit, two.snapshot().used) == (20, 21)

    async def test_whoever_waits_meanwhile_goes_on_when_it_is_back(
        self, own_redis: OwnRedis
    ) -> None:
        own_redis.start()
        async with RedisPacer(own_redis.url, min_processes=4) as pacer:
            await learn(pacer, ok(limit=8))
            await settle(pacer)
            own_redis.kill()
            mark = await get(pacer)
            asking = [asyncio.create_task(learn(pacer, ok())) for _ in range(3)]
            await until(lambda: pacer.snapshot().waiting == 3)
            own_redis.start()
            await asyncio.gather(*asking)
            assert pacer._away is None
            pacer.release(mark, ok())

    @pytest.mark.parametrize("policy", ["local", "raise"])
    async def test_a_connection_that_was_idle_for_too_long_is_no_outage(
        self, redis: OwnRedis, policy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with RedisPacer(redis.url, on_outage=policy) as pacer:
            await learn(pacer, ok())
            await settle(pacer)
            redis.command("CLIENT KILL TYPE normal")
            await learn(pacer, ok())
            await settle(pacer)
            assert pacer.snapshot().used == 2
        assert not caplog.records

    async def test_nor_is_one_that_breaks_while_it_is_asked(
        self, redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from arena_groups.redis import connection as module

        run, left = module.Server._run, ["done, but not heard of"]

        async def broken(self: module.Server, *arguments: Any) -> object:
            answer = await run(self, *arguments)
            if left and pacer._line:
                raise RedisConnectionError(left.pop())
            return answer

        async with RedisPacer(redis.url, on_outage="raise") as pacer:
            await learn(pacer, ok())
            await settle(pacer)
            monkeypatch.setattr(module.Server, "_run", broken)
            pacer.release(await get(pacer), ok())
            await settle(pacer)
            assert not left
            assert (pacer.snapshot().used, pacer.snapshot().in_flight) == (2, 0)

    @pytest.mark.parametrize("policy", ["local", "raise"])
    async def test_whoever_is_never_let_in_is_told(
        self, redis: OwnRedis, policy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis.command("ACL SETUSER reader on >a-password ~* +get")
        url = redis.url.replace("//", "//reader:a-password@")
        async with RedisPacer(url, on_outage=policy) as pacer:
            for _ in range(2):
                with pytest.raises(PacerError, match="permission"):
                    await get(pacer)
        redis.command("ACL DELUSER reader")
        assert "a-password" not in caplog.text

    async def test_what_was_sent_alone_counts_where_redis_has_kept_the_rest(
        self, own_redis: OwnRedis
    ) -> None:
        own_redis.start()
        async with RedisPacer(own_redis.url, timeout=0.1) as pacer:
            await learn(pacer, ok(limit=20))
            await learn(pacer, ok(limit=20))
            await settle(pacer)
            own_redis.pause()
            for _ in range(3):
                await learn(pacer, ok(limit=20))
            own_redis.resume()
            pacer._next_try = 0
            await learn(pacer, ok(limit=20))
            await healed(pacer)
            # The last one was let go while it was asked whether Redis is back.
            assert pacer.snapshot().used in {5, 6}

    async def test_or_it_is_an_error(
        self, own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = own_redis.url.replace("//", "//:a-password@")
        async with RedisPacer(url, on_outage="raise", token=TOKEN) as pacer:
            for _ in range(3):
                with pytest.raises(PacerError, match="cannot tell") as caught:
                    await get(pacer)
            error = pickle.loads(pickle.dumps(caught.value))
            assert str(error) == str(caught.value)
            assert "a-password" not in str(error) + caplog.text
            assert len(caplog.records) == 1
        async with RedisPacer(own_redis.url, on_outage="raise") as pacer:
            with pytest.raises(PacerError):
                await get(pacer)
            own_redis.start()
            pacer._next_try = 0
            await learn(pacer, ok())

    async def test_redis_is_away_at_the_start(self, own_redis: OwnRedis) -> None:
        async with RedisPacer(own_redis.url, min_processes=4) as pacer:
            await learn(pacer, ok(limit=20))
            assert pacer.snapshot().limit == 5

    async def test_redis_hangs(self, own_redis: OwnRedis) -> None:
        own_redis.start()
        async with RedisPacer(own_redis.url, timeout=0.1) as pacer:
            await learn(pacer, ok())
            await settle(pacer)
            mark = await get(pacer)
            own_redis.pause()
            began = time.monotonic()
            other = await get(pacer)
            assert time.monotonic() - began < 5
            pacer.release(mark, ok())
            pacer.release(other, ok())
            own_redis.resume()
            pacer._next_try = 0
            while pacer._away is not None:
                await learn(pacer, ok())
                await asyncio.sleep(0.01)
            await learn(pacer, ok())
            await settle(pacer)
            assert pacer.snapshot().in_flight == 0

    async def test_all_that_waited_in_the_line_go_on(self, own_redis: OwnRedis) -> None:
        own_redis.start()
        async with RedisPacer(own_redis.url) as pacer:
            await get(pacer)
            asking = [asyncio.create_task(get(pacer)) for _ in range(3)]
            await asyncio.sleep(0.02)
            own_redis.kill()
            done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            pacer.release(done.pop().result(), ok())
            await asyncio.gather(*asking)


class TestClosing:
    async def test_it_tells_what_has_ended_and_leaves_nothing_open(self, redis: OwnRedis) -> None:
        with no_warning():
            async with RedisPacer(redis.url) as one:
                one.release(await get(one), ok(limit=5))
            async with RedisPacer(redis.url) as two:
                await learn(two, ok(limit=5))
                await settle(two)
                assert (two.snapshot().used, two._standing.processes) == (2, 1)

    async def test_whoever_waits_is_told(self, redis: OwnRedis) -> None:
        pacer = RedisPacer(redis.url)
        await get(pacer)
        waiting = asyncio.create_task(get(pacer))
        await asyncio.sleep(0.02)
        await pacer.aclose()
        with pytest.raises(PacerError, match="closed"):
            await waiting
        with pytest.raises(PacerError, match="closed"):
            await get(pacer)
        await pacer.aclose()

    async def test_writes_in_a_row_are_told_too(self, redis: OwnRedis) -> None:
        with no_warning():
            pacer = RedisPacer(redis.url)
            await get(pacer)
            waiting = [asyncio.create_task(get(pacer, write=True)) for _ in range(3)]
            await asyncio.sleep(0.02)
            await pacer.aclose()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, PacerError)
            assert pacer._pump is None
            del pacer, waiting

    async def test_while_redis_is_away_too(self, own_redis: OwnRedis) -> None:
        pacer = RedisPacer(own_redis.url)
        await get(pacer)
        waiting = [asyncio.create_task(get(pacer, write=number == 1)) for number in range(3)]
        await asyncio.sleep(0.02)
        await pacer.aclose()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, PacerError)
            assert "closed" in str(outcome)

    async def test_made_before_a_fork_it_is_another_one_in_each_child(
        self, redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with RedisPacer(redis.url) as pacer:
            for child in (1, 2):
                monkeypatch.setattr("os.getpid", lambda child=child: child)
                await learn(pacer, ok())
                await settle(pacer)
            assert pacer._standing.processes == 2

    async def test_a_borrowed_client_stays_open(self, redis: OwnRedis) -> None:
        client = Redis.from_url(redis.url)
        async with RedisPacer(client) as pacer:
            await learn(pacer, ok())
        assert await client.ping()
        await client.aclose()
