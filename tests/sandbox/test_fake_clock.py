"""Clocks of the sandbox."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import HTMLPage, ServerFailure
from tests.sandbox.api import Api, Reply


async def test_wait_advances_time() -> None:
    jumps: list[float] = []
    clock = AutoAdvanceClock(jumps.append)
    await clock.wait(asyncio.Event(), 30)
    await clock.wait(asyncio.Event(), 0.5)
    assert clock.now() == 30.5
    assert clock.waits == jumps == [30, 0.5]
    assert repr(clock) == "<AutoAdvanceClock after 2 waits, 30.5 seconds>"


async def test_concurrent_waits_end_in_order() -> None:
    clock = AutoAdvanceClock()
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        await clock.wait(asyncio.Event(), seconds)
        ended.append(seconds)

    await asyncio.gather(*(wait(seconds) for seconds in (3, 1, 2, 1)))
    assert ended == [1, 1, 2, 3]
    assert clock.now() == 3


async def test_wait_without_duration_keeps_time() -> None:
    jumps: list[float] = []
    clock = AutoAdvanceClock(jumps.append)
    await clock.wait(asyncio.Event(), 0)
    await clock.wait(asyncio.Event(), -1)
    assert (clock.now(), jumps) == (0, [])


async def test_wait_ended_by_event_keeps_time() -> None:
    clock, event = AutoAdvanceClock(), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, 30))
    await asyncio.sleep(0)
    event.set()
    await waiting
    assert (clock.now(), clock.waits) == (0, [])


async def test_wait_without_end_needs_event() -> None:
    clock, event = AutoAdvanceClock(), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, None))
    await clock.wait(asyncio.Event(), 30)
    assert not waiting.done()
    event.set()
    await waiting
    assert clock.waits == [30]


async def test_cancelled_wait_is_removed() -> None:
    clock = AutoAdvanceClock()
    waiting = asyncio.create_task(clock.wait(asyncio.Event(), 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await clock.wait(asyncio.Event(), 5)
    assert clock.waits == [5]


NOON = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()


def sent_at(reply: Reply) -> float:
    (date,) = reply.headers.getall("Date")
    return parsedate_to_datetime(date).timestamp()


async def test_date_header_follows_clock(session: aiohttp.ClientSession) -> None:
    now = [NOON + 0.9]
    async with Sandbox(clock=lambda: now[0]) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        group = "/v3/groups/1001"
        replies = [
            await http.get(group),
            await http.get("/v3/nothing"),
            await http.delete(f"{group}/invite", token),
            await http.get(group, headers={"If-None-Match": "*"}),
            await http.send("HEAD", group),
            await http.send("BREW", group),
        ]
        for fault in (HTMLPage(), ServerFailure()):
            with sandbox.faults.add(fault):
                replies.append(await http.get(group))
        assert [reply.status for reply in replies] == [200, 404, 204, 304, 200, 405, 200, 500]
        assert {sent_at(reply) for reply in replies} == {NOON}
        sandbox.advance(3600)
        now[0] += 5
        assert sent_at(await http.get(group)) == NOON + 3605


@pytest.mark.parametrize("window", [1, 2])
async def test_rate_limit_window_follows_clock(session: aiohttp.ClientSession, window: int) -> None:
    now = [NOON]
    async with Sandbox(limit=2, window=window, clock=lambda: now[0]) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        for start in (NOON, NOON + window, NOON + 2 * window):
            now[0] = start
            replies = [await http.get("/v3/me", token)]
            now[0] = start + window - 0.25
            replies += [await http.get("/v3/me", token) for _ in range(2)]
            assert [reply.status for reply in replies] == [200, 200, 429]
            assert {reply.headers["X-RateLimit-Window"] for reply in replies} == {str(window)}
            resets = {float(reply.headers["X-RateLimit-Reset"]) for reply in replies}
            assert resets == {start + window}
            assert 0 < resets.pop() - sent_at(replies[-1]) <= window
            assert replies[-1].headers["Retry-After"] == "1"
        unit = {1: "1 second.", 2: "2 seconds."}[window]
        assert replies[-1].body["error"]["message"].endswith(unit)
