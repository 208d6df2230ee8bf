"""The sandbox's time: the Date of answers and the windows of the quota go by it alike."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import HTMLPage, ServerFailure
from tests.sandbox.api import Api, FakeClock, Reply

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()


def sent_at(reply: Reply) -> float:
    (date,) = reply.headers.getall("Date")
    return parsedate_to_datetime(date).timestamp()


async def test_every_answer_has_the_date_of_the_clock(session: aiohttp.ClientSession) -> None:
    clock = FakeClock(NOON + 0.9)
    async with Sandbox(clock=clock) as sandbox:
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
        clock.at += 5
        assert sent_at(await http.get(group)) == NOON + 3605


@pytest.mark.parametrize("window", [1, 2])
async def test_short_windows(session: aiohttp.ClientSession, window: int) -> None:
    clock = FakeClock(NOON)
    async with Sandbox(limit=2, window=window, clock=clock) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        for start in (NOON, NOON + window, NOON + 2 * window):
            clock.at = start
            replies = [await http.get("/v3/me", token)]
            clock.at = start + window - 0.25
            replies += [await http.get("/v3/me", token) for _ in range(2)]
            assert [reply.status for reply in replies] == [200, 200, 429]
            assert {reply.headers["X-RateLimit-Window"] for reply in replies} == {str(window)}
            resets = {float(reply.headers["X-RateLimit-Reset"]) for reply in replies}
            assert resets == {start + window}
            assert 0 < resets.pop() - sent_at(replies[-1]) <= window
            assert replies[-1].headers["Retry-After"] == "1"
        unit = {1: "1 second.", 2: "2 seconds."}[window]
        assert replies[-1].body["error"]["message"].endswith(unit)
