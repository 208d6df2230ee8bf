"""The script counts as the quota of one process does, and shares fairly among several."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_groups._pacing.window import FOREVER, RateLimitUpdate, RateLimitWindow
from arena_groups.models import RateLimit
from tests.redis.servers import OwnRedis

pytest.importorskip("redis", reason="redis is in the extra redis")

from arena_groups.redis.connection import AwayError, Script, Server
from arena_groups.redis.script import Ask, Back, Reply, visit, written

ONE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
TWO = settings(ONE, max_examples=60)
PREFIX = "test:{quota}"


@define
class Process:
    """One that asks the script at times of the test's choice."""

    server: Server
    name: str = "a"
    lifetime: float = 1e6
    probe_lifetime: float = 1e6
    visits: int = 0
    slots: list[tuple[str, int]] = field(factory=list[tuple[str, int]])

    async def visit(self, now: float, want: int = 0, *back: Back, **more: Any) -> Reply:
        self.visits += 1
        ask = Ask(
            process=self.name, name=f"{self.name}:{self.visits}:", back=back, want=want,
            write=False, before_write=0, spacing=0.2, lifetime=self.lifetime,
            probe_lifetime=self.probe_lifetime, poll=0.4, now=now,
        )  # fmt: skip
        ask.update(more)  # type: ignore[typeddict-item]
        reply = await visit(self.server, PREFIX, ask, lambda: now)
        for number in range(1, reply.granted + 1):
            self.slots.append((f"{ask['name']}{number}", reply.mark))
        return reply

    async def answer(
        self, now: float, told: RateLimitUpdate | None, want: int = 0, at: int = 0
    ) -> Reply:
        slot, mark = self.slots.pop(at)
        back = Back(slot=slot, mark=mark)
        if told is not None:
            back["told"] = written(told)
        return await self.visit(now, want, back)


def with_server(redis: OwnRedis, run: Callable[[Server], Coroutine[None, None, None]]) -> None:
    redis.command("FLUSHALL")

    async def begin() -> None:
        server = Server(redis.url, timeout=5)
        try:
            await run(server)
        finally:
            await server.aclose()

    asyncio.run(begin())


def ok(now: float, *, limit: int = 10, window: int = 60, status: int = 200) -> RateLimitUpdate:
    reset = (now // window + 1) * window
    return RateLimitUpdate(
        status=status,
        server_time=float(int(now)),
        rate_limit=RateLimit(
            limit=limit, window=window, reset_at=datetime.fromtimestamp(reset, UTC)
        ),
        retry_after=reset - int(now) if status == 429 else None,
    )


tolds = st.one_of(
    st.just("none"),
    st.just("silent"),
    st.tuples(
        st.sampled_from([200, 200, 200, 404, 429]),
        st.sampled_from([1, 3, 10]),
        st.sampled_from([2, 60]),
        st.sampled_from([0.0, 0.0, -3.0, 7.25]),
    ),
)
courses = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 1.0, 5.5, 61.0]),
        st.integers(0, 4),
        st.none() | st.tuples(st.integers(0, 9), tolds),
    ),
    min_size=1,
    max_size=25,
)


def told_at(now: float, kind: Any) -> RateLimitUpdate | None:
    if kind == "none":
        return None
    if kind == "silent":
        return RateLimitUpdate(status=304, server_time=float(int(now)))
    status, limit, window, skew = kind
    return ok(now + skew, limit=limit, window=window, status=status)


@ONE
@given(courses)
def test_alone_it_is_the_quota_of_one_process(redis: OwnRedis, course: Any) -> None:
    async def run(server: Server) -> None:
        process, quota, now = Process(server), RateLimitWindow(), 1000.0
        for step, want, answer in course:
            now += step
            if answer is not None and process.slots:
                place, told = answer[0] % len(process.slots), told_at(now, answer[1])
                quota.record_response(process.slots[place][1], told, now)
                reply = await process.answer(now, told, want, place)
            else:
                reply = await process.visit(now, want)
            quota.ready_at(now)
            granted = 0
            while granted < want and quota.try_acquire(now) is not None:
                granted += 1
            assert (reply.granted, reply.mark) == (granted, quota._hold_generation)
            ready = quota.ready_at(now)
            if granted < want:
                assert reply.wait == (None if ready == FOREVER else ready - now)
            standing = reply.standing
            assert (standing.limit, standing.window) == (quota.limit, quota.window)
            assert (standing.counted, standing.in_flight) == (quota.counted, quota.in_flight)
            assert standing.blocked_for == max(0.0, quota.blocked_until - now)
            resets = None if quota.resets_at == FOREVER else max(0.0, quota.resets_at - now)
            assert standing.resets_in == resets

    with_server(redis, run)


@TWO
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.3, 2.0]), st.integers(0, 3), st.integers(0, 9)),
        min_size=5,
        max_size=40,
    )
)
def test_several_never_take_more_than_one_would(redis: OwnRedis, course: Any) -> None:
    async def run(server: Server) -> None:
        names, quota, now = "abcd", RateLimitWindow(), 1000.0
        processes = [Process(server, name) for name in names]
        for step, who, want in course:
            now += step
            process = processes[who]
            if process.slots and want % 2:
                told = ok(now, limit=7, window=2)
                quota.record_response(process.slots[0][1], told, now)
                reply = await process.answer(now, told, want)
            else:
                reply = await process.visit(now, want)
            for _ in range(reply.granted):
                assert quota.try_acquire(now) is not None

    with_server(redis, run)


class TestSharing:
    def test_what_is_free_is_divided_among_those_who_wait(self, redis: OwnRedis) -> None:
        async def run(server: Server) -> None:
            greedy, late, third = (Process(server, name) for name in ("greedy", "late", "third"))
            await greedy.visit(1000.0, 1)
            await greedy.answer(1000.5, ok(1000.5, limit=12))
            assert (await greedy.visit(1001.0, 100)).granted == 11
            assert (await late.visit(1001.1, 1)).granted == 0
            assert (await third.visit(1001.2, 50)).granted == 0
            # A new window; whoever comes first leaves the others their part.
            back = [(slot, mark) for slot, mark in greedy.slots]
            greedy.slots.clear()
            resets = (await late.visit(1002.0, 1)).standing.resets_in
            assert resets is not None
            now = 1002.0 + resets
            ended = [Back(slot=slot, mark=mark, unsent=True) for slot, mark in back]
            assert (await greedy.visit(now, 100, *ended)).granted == 4
            assert (await greedy.visit(now, 100)).granted == 2
            assert (await third.visit(now + 0.1, 50)).granted > 0
            assert (await late.visit(now + 0.2, 1)).granted == 1

        with_server(redis, run)

    def test_the_last_slot_is_for_who_has_waited_longest(self, redis: OwnRedis) -> None:
        async def run(server: Server) -> None:
            first, second, third = (Process(server, name) for name in "abc")
            await first.visit(1000.0, 1)
            for moment, each in ((1000.1, second), (1000.15, third)):
                assert (await each.visit(moment, 1)).granted == 0
                await each.visit(1000.2, 1)
            slot, mark = first.slots.pop()
            # It asks again, behind the others; the slot is for a probe again.
            assert (
                await first.visit(1000.3, 1, Back(slot=slot, mark=mark, unsent=True))
            ).granted == 0
            assert (await third.visit(1000.4, 1)).granted == 0
            assert (await second.visit(1000.5, 1)).granted == 1

        with_server(redis, run)

    def test_who_waits_no_more_keeps_nobody_waiting(self, redis: OwnRedis) -> None:
        async def run(server: Server) -> None:
            gone, other = Process(server, "gone"), Process(server, "other")
            await other.visit(1000.0, 1)
            await gone.visit(1000.0, 1)
            slot, mark = other.slots.pop()
            back = Back(slot=slot, mark=mark, unsent=True)
            assert (await other.visit(1000.1, 1, back)).granted == 0
            assert (await other.visit(1001.0, 1)).granted == 1

        with_server(redis, run)


def test_what_the_dead_had_in_flight_is_given_back(redis: OwnRedis) -> None:
    async def run(server: Server) -> None:
        dead, other = (Process(server, name, lifetime=20.0, probe_lifetime=5.0) for name in "ab")
        await dead.visit(1000.0, 1)
        assert (await other.visit(1001.0, 1)).granted == 0
        # A probe is not waited for as long as any other request.
        assert (await other.visit(1005.5, 1)).granted == 1
        await other.answer(1006.0, ok(1006.0, limit=10))
        assert (await dead.visit(1006.0, 9)).granted == 8
        assert (await other.visit(1006.0, 9)).standing.in_flight == 8
        # The windows of the test end at multiples of 60: it is over by then.
        reply = await other.visit(1026.5, 1)
        assert (reply.granted, reply.standing.in_flight) == (1, 1)

    with_server(redis, run)


def test_writes_of_all_are_spaced(redis: OwnRedis) -> None:
    async def run(server: Server) -> None:
        one, two = (Process(server, name) for name in "ab")
        await one.visit(1000.0, 1)
        await one.answer(1000.0, ok(1000.0))
        assert (await one.visit(1001.0, 2, write=True, before_write=1)).granted == 2
        reply = await two.visit(1001.05, 2, write=True, before_write=0)
        assert (reply.granted, round(reply.write_wait, 6)) == (1, 0.15)
        assert (await two.visit(1001.2, 1, write=True)).granted == 1

    with_server(redis, run)


def test_after_a_429_the_dead_are_not_waited_for_longer_than_for_a_probe(redis: OwnRedis) -> None:
    async def run(server: Server) -> None:
        dead, other = (Process(server, name, lifetime=60.0, probe_lifetime=5.0) for name in "ab")
        await other.visit(1000.0, 1)
        await other.answer(1000.0, ok(1000.0))
        await dead.visit(1001.0, 3)
        await other.visit(1001.0, 1)
        refused = RateLimitUpdate(status=429, server_time=1001.0, retry_after=1.0)
        assert (await other.answer(1001.0, refused)).standing.blocked_for == 1.0
        assert (await other.visit(1002.5, 1)).granted == 0
        assert (await other.visit(1007.5, 1)).granted == 1

    with_server(redis, run)


@pytest.mark.parametrize("back", [0.3, 30.0, 600.0, 3000.0, 1e8])
def test_a_clock_that_is_set_back_changes_no_wait(redis: OwnRedis, back: float) -> None:
    async def run(server: Server) -> None:
        process, dead = (Process(server, name, lifetime=20.0) for name in "ab")
        now = 1e9
        await process.visit(now, 1, write=True, before_write=0)
        await process.answer(now, ok(now, limit=4))
        await dead.visit(now, 1)
        # How much time has passed meanwhile cannot be known; it is taken for none.
        then = now + 0.1 - back
        reply = await process.visit(then, 1, write=True, before_write=0)
        assert round(reply.write_wait, 3) == 0.2
        reply = await process.visit(then + 1, 3)
        assert (reply.granted, reply.standing.in_flight) == (2, 3)
        assert reply.wait == pytest.approx(19.0)  # windows of the test end at multiples of 60
        again = then - back
        refused = RateLimitUpdate(status=429, server_time=again, retry_after=10.0)
        assert (await process.answer(again, refused)).standing.blocked_for == 10.0
        assert (await process.visit(again + 4)).standing.blocked_for == pytest.approx(6.0)
        assert (await process.visit(again + 18.5)).standing.in_flight == 2
        assert (await process.visit(again + 19.5)).standing.in_flight == 1

    with_server(redis, run)


def test_its_own_clock_is_the_servers(redis: OwnRedis) -> None:
    async def run(server: Server) -> None:
        ask = Ask(process="a", name="a:1:", back=[], want=1, write=True, before_write=0,
                  spacing=50.0, lifetime=60.0, probe_lifetime=5.0, poll=0.4)  # fmt: skip
        assert (await visit(server, PREFIX, ask, time.monotonic)).granted == 1
        reply = await visit(server, PREFIX, ask, time.monotonic)
        assert 40 < reply.write_wait <= 50

    with_server(redis, run)


def test_what_is_kept_names_no_token_and_ends_by_itself(redis: OwnRedis) -> None:
    with_server(redis, _visit_once)
    assert 7000 < int(redis.command(f"TTL {PREFIX}:quota")) <= 7200


async def _visit_once(server: Server) -> None:
    await Process(server).visit(1000.0, 1)


async def test_an_answer_that_is_none_of_the_scripts(
    redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arena_groups.redis import script as module

    monkeypatch.setattr(module, "SCRIPT", Script("return {'1', 'what'}"))
    server = Server(redis.url, timeout=5)
    with pytest.raises(AwayError, match="never says"):
        await Process(server).visit(0.0)
    await server.aclose()
