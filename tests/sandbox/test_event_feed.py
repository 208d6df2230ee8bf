"""Server-sent events of a sandbox."""

import asyncio
import contextlib
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.event_feed import MAX_EVENTS, EventFeed, EventReader, EventWriter
from arena_groups.sandbox.faults import Hang
from arena_groups.sandbox.server_protocol import (
    ClientConnection,
    ClientGoneError,
    LoopbackServer,
    SerializedResponse,
)
from arena_groups.sandbox.threaded import ThreadedSandbox
from tests.sandbox.api import Api
from tests.support.waiting import HANG_TIMEOUT

EVENTS = "/__sandbox__/events"
Connect = Callable[..., Any]


class Stream:
    """The events of one connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[int, str, Any]:
        """Return number, kind and data of the next event."""
        fields: dict[str, str] = {}
        while True:
            line = (await self.response.content.readline()).decode()
            if not line:
                raise EOFError
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                return int(fields["id"]), fields["event"], json.loads(fields["data"])

    async def ends(self) -> bool:
        """Return whether the stream ends without another event."""
        try:
            await self.next()
        except (EOFError, aiohttp.ClientError):
            return True
        return False


@pytest.fixture
async def connect(sandbox: Sandbox, session: aiohttp.ClientSession) -> AsyncIterator[Connect]:
    opened: list[aiohttp.ClientResponse] = []

    async def open_stream(**headers: str) -> Stream:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await session.get(sandbox.url + EVENTS, headers=sent)
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        opened.append(response)
        return Stream(response)

    yield open_stream
    for response in opened:
        response.close()


async def test_events_report_requests_emails_and_changes(
    http: Api, sandbox: Sandbox, connect: Connect
) -> None:
    stream = await connect()
    path = "/v3/groups/blank-page/invitations"
    await http.post(path, sandbox.tokens.owner, {"email": "ada@example.org"})
    events = [await stream.next() for _ in range(4)]
    assert [number for number, _, _ in events] == [1, 2, 3, 4]
    assert [kind for _, kind, _ in events] == ["request", "email", "change", "request"]
    assert events[1][2]["address"] == "ada@example.org"
    assert events[2][2] == {"action": "createGroupInvitation"}
    assert (events[3][2]["status"], events[3][2]["finished"]) == (201, True)


async def test_request_that_hangs_is_reported_at_once(
    http: Api, sandbox: Sandbox, connect: Connect
) -> None:
    stream = await connect()
    sandbox.faults.add(Hang())
    _, writer = await http.talk(b"GET /v3/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await stream.next())[2] == {"action": "faults"}
    _, kind, waiting = await stream.next()
    assert (kind, waiting["finished"], waiting["status"]) == ("request", False, None)
    writer.close()
    _, _, ended = await stream.next()
    assert (ended["number"], ended["finished"], ended["status"]) == (1, True, None)


async def test_every_change_is_reported(sandbox: Sandbox, connect: Connect) -> None:
    stream = await connect()
    sandbox.add_member("blank-page", sandbox.users.stranger.id)
    sandbox.advance(1)
    sandbox.faults.add_spec("hang").remove()
    sandbox.reset()
    actions = [(await stream.next())[2]["action"] for _ in range(6)]
    assert actions == ["add_member", "advance", "faults", "faults", "faults", "reset"]


async def test_reader_continues_after_the_last_event_it_has_seen(
    sandbox: Sandbox, connect: Connect
) -> None:
    for seconds in (1, 2, 3):
        sandbox.advance(seconds)
    stream = await connect(Last_Event_ID="1")
    assert [(await stream.next())[0] for _ in range(2)] == [2, 3]
    fresh = await connect()
    sandbox.advance(4)
    assert [(await each.next())[0] for each in (stream, fresh)] == [4, 4]


@pytest.mark.parametrize("last", ["x", "-1", "", "9" * 30])
async def test_invalid_last_event_id_is_ignored(
    sandbox: Sandbox, connect: Connect, last: str
) -> None:
    sandbox.advance(1)
    stream = await connect(Last_Event_ID=last)
    sandbox.advance(1)
    assert (await stream.next())[0] == 2


async def test_reader_of_an_earlier_sandbox_is_given_a_gap(
    sandbox: Sandbox, connect: Connect
) -> None:
    stream = await connect(Last_Event_ID="77")
    assert await stream.next() == (0, "gap", {"missed": 0})
    sandbox.advance(1)
    assert (await stream.next())[:2] == (1, "change")


async def test_reader_who_is_behind_is_given_a_gap(sandbox: Sandbox, connect: Connect) -> None:
    for _ in range(MAX_EVENTS + 5):
        sandbox.advance(1)
    stream = await connect(Last_Event_ID="2")
    assert await stream.next() == (5, "gap", {"missed": 3})
    assert (await stream.next())[0] == 6


async def test_reader_that_never_reads_holds_nothing(http: Api, sandbox: Sandbox) -> None:
    parts = urlsplit(sandbox.url)
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect((parts.hostname, parts.port))
        idle.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for _ in range(100):
            for _ in range(300):
                sandbox.advance(1)
            assert (await http.get("/v3/ping")).status == 200
        async with asyncio.timeout(HANG_TIMEOUT):
            await sandbox.aclose()


class FeedProcessor:
    """Answers every request with the events of a feed."""

    def __init__(self, feed: EventFeed) -> None:
        self._writer = EventWriter(feed)

    async def respond(
        self, request: web.BaseRequest, connection: ClientConnection
    ) -> web.StreamResponse:
        try:
            return await self._writer(SerializedResponse(200), connection)
        except ClientGoneError:
            return web.Response()

    def respond_to_invalid(
        self, request: web.BaseRequest, error: BaseException | None
    ) -> web.Response:
        raise AssertionError(error)


async def test_slow_readers_do_not_each_hold_the_events_they_are_behind() -> None:
    feed = EventFeed()
    for _ in range(MAX_EVENTS):
        feed.publish("request", lambda: {"query": "x" * 10_000})
    runner = web.ServerRunner(LoopbackServer(FeedProcessor(feed), asyncio.sleep))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = runner.addresses[0]
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n"
    tracemalloc.start()
    with contextlib.ExitStack() as readers:
        for _ in range(5):
            idle = readers.enter_context(socket.socket())
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect(address)
            idle.sendall(request)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        async with asyncio.timeout(HANG_TIMEOUT):
            while await reader.readline() != f"id: {MAX_EVENTS}\n".encode():
                pass
        writer.close()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    await runner.cleanup()
    assert peak < 3 * MAX_EVENTS * 10_000


def test_all_readers_are_given_the_same_description() -> None:
    feed, numbers = EventFeed(), count()
    feed.publish("change", lambda: {"number": next(numbers)})
    first, second = feed.after(0)[0].encode(), feed.after(0)[0].encode()
    assert first == second == b'id: 1\nevent: change\ndata: {"number": 0}\n\n'


@pytest.mark.parametrize("published", [0, 1, 5, MAX_EVENTS, MAX_EVENTS + 5])
@pytest.mark.parametrize("seen", [0, 1, 3, MAX_EVENTS, MAX_EVENTS + 4, 10**18])
def test_events_after_any_number_end_with_the_newest(published: int, seen: int) -> None:
    feed = EventFeed()
    for _ in range(published):
        feed.publish("change", dict)
    numbers = [each.number for each in feed.after(seen)]
    kinds = [each.kind for each in feed.after(seen)]
    if seen == published:
        assert numbers == []
        return
    oldest = max(published - MAX_EVENTS, 0) + 1
    gap = seen > published or seen + 1 < oldest
    first = published if seen > published else max(oldest, seen + 1) - gap
    assert numbers == list(range(first, published + 1))
    assert ("gap" in kinds, kinds.count("gap")) == (gap, int(gap))


async def test_aclose_ends_every_stream_at_once(sandbox: Sandbox, connect: Connect) -> None:
    streams = [await connect() for _ in range(3)]
    waiting = [asyncio.ensure_future(each.ends()) for each in streams]
    async with asyncio.timeout(HANG_TIMEOUT):
        await sandbox.aclose()
        assert await asyncio.gather(*waiting) == [True, True, True]


async def test_stream_of_http_1_0_is_not_chunked(http: Api, sandbox: Sandbox) -> None:
    reader, writer = await http.talk(f"GET {EVENTS} HTTP/1.0\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert "chunked" not in head.lower()
    assert await reader.readuntil(b"\n\n") == b"retry: 1000\n\n"
    sandbox.advance(1)
    assert b'"advance"' in await reader.readuntil(b"\n\n")
    writer.close()


def test_event_of_another_thread_reaches_the_reader() -> None:
    feed = EventFeed()

    async def read() -> list[int]:
        reader = EventReader(feed, feed.newest)
        feed.add_reader(reader)
        waiting = asyncio.ensure_future(reader.next_events())
        await asyncio.sleep(0)
        await asyncio.to_thread(feed.publish, "change", dict)
        return [each.number for each in await waiting]

    assert asyncio.run(read()) == [1]


async def test_threaded_sandbox_reports_events(session: aiohttp.ClientSession) -> None:
    with ThreadedSandbox() as sandbox:
        async with session.get(sandbox.url + EVENTS) as response:
            stream = Stream(response)
            await asyncio.to_thread(sandbox.advance, 1)
            sandbox.faults.add(Hang())
            assert (await stream.next())[2] == {"action": "advance"}
            assert (await stream.next())[2] == {"action": "faults"}
