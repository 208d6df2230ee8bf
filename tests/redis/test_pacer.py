"""Redis pacer in one process: order, cancellation, 429s, outages of Redis, closing."""

import asyncio
import logging
import pickle
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve

from arena_groups import (
    ArenaClient,
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
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisPyConnectionError

from arena_groups.redis import RedisPacer

TOKEN = "a-token-that-must-not-show"
WINDOW = 3600
RESET = datetime.fromtimestamp(int(time.time()) + WINDOW - 60, UTC)
PROCESSES = "ZCARD arena-groups:pacer:{guest}:processes"


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


async def released(pacer: RedisPacer) -> None:
    """Wait until Redis has been informed of all releases."""
    await until(lambda: pacer.snapshot().in_flight == 0)


async def reconnected(pacer: RedisPacer, limit: int) -> None:
    """Wait until the whole limit is shared again."""
    await until(lambda: pacer.snapshot().limit == limit)


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
        await released(pacer)
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
                    (found,) = {key.rpartition(":")[0] for key in await client.keys("*")}
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
            await released(other)
            snapshot = other.snapshot()
            assert (snapshot.limit, snapshot.used, snapshot.in_flight) == (7, 2, 0)

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
        await released(pacer)
        redis_server.command("CONFIG RESETSTAT")
        for permit in await asyncio.gather(*(acquire(pacer) for _ in range(200))):
            pacer.release(permit, response(limit=10_000))
        await released(pacer)
        assert redis_server.calls()["evalsha"] <= 4

    async def test_writes_of_two_pacers_are_spaced(self, redis_server: RedisServer) -> None:
        times: list[float] = []

        async def write(pacer: RedisPacer) -> None:
            permit = await acquire(pacer, write=True)
            times.append(time.monotonic())
            pacer.release(permit, response())

        async with (
            RedisPacer(redis_server.url, write_spacing=0.1) as one,
            RedisPacer(redis_server.url, write_spacing=0.1) as two,
        ):
            await send(one, response())
            await asyncio.gather(*(write(pacer) for pacer in (one, two, one, two)))
            reads = [asyncio.create_task(acquire(one)) for _ in range(3)]
            for permit in await asyncio.gather(*reads):
                one.release(permit, None)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps) > 0.05


class TestCancellation:
    async def test_cancelled_acquire_takes_no_permit(self, pacer: RedisPacer) -> None:
        await send(pacer, response(limit=3))
        for _ in range(10):
            acquiring = [asyncio.create_task(acquire(pacer)) for _ in range(5)]
            await asyncio.sleep(0)
            for each in acquiring:
                each.cancel()
            await asyncio.gather(*acquiring, return_exceptions=True)
        await released(pacer)
        assert pacer.snapshot().used == 1

    async def test_acquire_cancelled_while_it_is_granted_returns_the_permit(
        self, redis_server: RedisServer
    ) -> None:
        client = hooked(redis_server)
        async with RedisPacer(client) as pacer:
            await send(pacer, response(limit=3))
            await released(pacer)
            acquiring = asyncio.create_task(acquire(pacer))
            # The reply is handled before this callback, and the task runs after it.
            client.after_script = lambda: (
                asyncio.get_running_loop().call_soon(acquiring.cancel) and None
            )
            with pytest.raises(asyncio.CancelledError):
                await acquiring
            await released(pacer)
            assert pacer.snapshot().used == 1
        await client.aclose()

    async def test_next_waiting_task_gets_the_permit_of_a_cancelled_one(
        self, pacer: RedisPacer
    ) -> None:
        permit = await acquire(pacer)
        one, two = asyncio.create_task(acquire(pacer)), asyncio.create_task(acquire(pacer))
        await asyncio.sleep(0.02)
        one.cancel()
        pacer.release(permit, response())
        pacer.release(await two, response())


class TestTooManyRequests:
    async def test_429_blocks_all_processes_until_a_probe_succeeds(
        self, redis_server: RedisServer
    ) -> None:
        async with RedisPacer(redis_server.url) as one, RedisPacer(redis_server.url) as two:
            await send(one, response())
            await released(one)
            started = time.monotonic()
            one.release(await acquire(one), response(status=429, retry_after=0.3))
            await released(one)
            assert one.snapshot().blocked_for > 0
            assert await one.acquire(write=False, max_wait=0.1) is None
            assert await two.acquire(write=False, max_wait=0.1) is None
            assert await two.acquire(write=True, max_wait=0.1) is None
            acquiring = [asyncio.create_task(acquire(each)) for each in (one, two)]
            done, waiting = await asyncio.wait(acquiring, return_when=asyncio.FIRST_COMPLETED)
            assert time.monotonic() - started > 0.25
            await asyncio.sleep(0.1)
            assert not any(each.done() for each in waiting)
            probe = done.pop()
            (one if probe is acquiring[0] else two).release(probe.result(), response())
            await asyncio.gather(*waiting)

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
    async def test_each_process_uses_its_part_until_redis_is_available(
        self, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        own_redis_server.start()
        caplog.set_level(logging.INFO, "arena_groups")
        clock = SkippingClock()
        async with (
            RedisPacer(own_redis_server.url) as one,
            RedisPacer(own_redis_server.url, write_spacing=0, clock=clock) as two,
        ):
            await send(one, response(limit=20))
            await send(two, response(limit=20))
            await released(two)
            own_redis_server.kill()
            caplog.clear()
            permits = [await acquire(two, write=number % 2 == 1) for number in range(9)]
            snapshot = two.snapshot()
            assert (snapshot.limit, snapshot.used, snapshot.in_flight) == (10, 10, 9)
            beyond = asyncio.create_task(acquire(two))
            await asyncio.sleep(0.05)
            assert not beyond.done()
            for permit in permits:
                two.release(permit, response(limit=20))
            assert two.snapshot().limit == 10
            beyond.cancel()
            assert await asyncio.gather(beyond, return_exceptions=True)
            (line,) = [each for each in caplog.messages if "Redis" in each]
            assert "one of 2" in line
            assert all(each.levelname == "INFO" for each in caplog.records[1:])
            caplog.clear()
            own_redis_server.start()
            clock.skipped = 2
            acquiring = asyncio.create_task(two.acquire(write=False, max_wait=1))
            await until(lambda: "Redis is available again" in caplog.text)
            assert "Redis is unavailable" not in caplog.text
            # Redis is empty now, and counts twice the requests of this one of two processes: 20.
            acquired = await acquiring
            assert acquired is not None
            two.release(acquired, response(limit=20))
            await reconnected(two, 20)
            assert two.snapshot().used == 21

    async def test_waiting_tasks_continue_when_redis_is_available(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url, min_processes=4) as pacer:
            await send(pacer, response(limit=8))
            await released(pacer)
            own_redis_server.kill()
            permit = await acquire(pacer)
            sending = [asyncio.create_task(send(pacer, response())) for _ in range(3)]
            await until(lambda: pacer.snapshot().waiting == 3)
            own_redis_server.start()
            await asyncio.gather(*sending)
            await reconnected(pacer, 100)
            pacer.release(permit, response())

    @pytest.mark.parametrize("policy", ["local", "raise"])
    async def test_connection_closed_for_being_idle_is_not_an_outage(
        self, redis_server: RedisServer, policy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with RedisPacer(redis_server.url, on_outage=policy) as pacer:
            await send(pacer, response())
            await released(pacer)
            redis_server.command("CLIENT KILL TYPE normal")
            await send(pacer, response())
            await released(pacer)
            assert pacer.snapshot().used == 2
        assert not caplog.records

    async def test_connection_lost_during_a_command_is_not_an_outage(
        self, redis_server: RedisServer
    ) -> None:
        client, errors = hooked(redis_server), [RedisPyConnectionError("reply was lost")]

        def lose_reply() -> None:
            if errors:
                raise errors.pop()

        async with RedisPacer(client, on_outage="raise") as pacer:
            await send(pacer, response())
            await released(pacer)
            client.after_script = lose_reply
            pacer.release(await acquire(pacer), response())
            await released(pacer)
            assert not errors
            assert pacer.snapshot().used == 2
        await client.aclose()

    @pytest.mark.parametrize("policy", ["local", "raise"])
    async def test_access_denied_from_the_start_raises_pacer_error(
        self, redis_server: RedisServer, policy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis_server.command("ACL SETUSER reader on >a-password ~* +get")
        url = redis_server.url.replace("//", "//reader:a-password@")
        async with RedisPacer(url, on_outage=policy) as pacer:
            for _ in range(2):
                with pytest.raises(PacerError, match="permission"):
                    await acquire(pacer)
        redis_server.command("ACL DELUSER reader")
        assert "a-password" not in caplog.text

    async def test_requests_sent_during_an_outage_are_counted_after_it(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        clock = SkippingClock()
        async with RedisPacer(own_redis_server.url, timeout=0.1, clock=clock) as pacer:
            await send(pacer, response(limit=20))
            await send(pacer, response(limit=20))
            await released(pacer)
            own_redis_server.pause()
            for _ in range(3):
                await send(pacer, response(limit=20))
            own_redis_server.resume()
            clock.skipped = 2
            await send(pacer, response(limit=20))
            # The last request may have been sent while the pacer reconnected.
            await until(lambda: pacer.snapshot().used in {5, 6})

    async def test_remaining_requests_are_divided_during_an_outage(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url, min_processes=2) as pacer:
            await send(pacer, response(limit=20))
            await released(pacer)
            own_redis_server.kill()
            await send(pacer, evolve(response(limit=20), remaining=9))
            assert (pacer.snapshot().limit, pacer.snapshot().used) == (10, 6)

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
                await acquire(pacer)
            own_redis_server.start()
            clock.skipped = 2
            await send(pacer, response())

    async def test_redis_unavailable_at_the_start_divides_the_limit(
        self, own_redis_server: RedisServer
    ) -> None:
        async with RedisPacer(own_redis_server.url, min_processes=4) as pacer:
            await send(pacer, response(limit=20))
            assert pacer.snapshot().limit == 5

    async def test_redis_that_hangs_is_an_outage(
        self, own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        own_redis_server.start()
        caplog.set_level(logging.INFO, "arena_groups")
        clock = SkippingClock()
        async with RedisPacer(own_redis_server.url, timeout=0.1, clock=clock) as pacer:
            await send(pacer, response())
            await released(pacer)
            permit = await acquire(pacer)
            own_redis_server.pause()
            started = time.monotonic()
            other = await acquire(pacer)
            assert time.monotonic() - started < 5
            pacer.release(permit, response())
            pacer.release(other, response())
            own_redis_server.resume()
            clock.skipped = 2
            while "Redis is available again" not in caplog.text:
                await send(pacer, response())
                await asyncio.sleep(0.01)
            await send(pacer, response())
            await released(pacer)

    async def test_all_waiting_tasks_continue_when_redis_is_killed(
        self, own_redis_server: RedisServer
    ) -> None:
        own_redis_server.start()
        async with RedisPacer(own_redis_server.url) as pacer:
            await acquire(pacer)
            acquiring = [asyncio.create_task(acquire(pacer)) for _ in range(3)]
            await asyncio.sleep(0.02)
            own_redis_server.kill()
            done, _ = await asyncio.wait(acquiring, return_when=asyncio.FIRST_COMPLETED)
            pacer.release(done.pop().result(), response())
            await asyncio.gather(*acquiring)


class TestClosing:
    async def test_aclose_sends_releases_and_leaves_the_processes(
        self, redis_server: RedisServer
    ) -> None:
        with no_warning():
            async with RedisPacer(redis_server.url) as one:
                one.release(await acquire(one), response(limit=5))
            async with RedisPacer(redis_server.url) as two:
                await send(two, response(limit=5))
                await released(two)
                assert two.snapshot().used == 2
                assert redis_server.command(PROCESSES) == "1"

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
        pacer = RedisPacer(own_redis_server.url)
        await acquire(pacer)
        waiting = [asyncio.create_task(acquire(pacer, write=number == 1)) for number in range(3)]
        await asyncio.sleep(0.02)
        await pacer.aclose()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, PacerError)
            assert "closed" in str(outcome)

    async def test_each_child_of_a_fork_is_a_process_of_its_own(
        self, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with RedisPacer(redis_server.url) as pacer:
            for child in (1, 2):
                monkeypatch.setattr("os.getpid", lambda child=child: child)
                await send(pacer, response())
                await released(pacer)
            assert redis_server.command(PROCESSES) == "2"

    async def test_external_client_stays_open(self, redis_server: RedisServer) -> None:
        client = Redis.from_url(redis_server.url)
        async with RedisPacer(client) as pacer:
            await send(pacer, response())
        assert await client.ping()
        await client.aclose()
