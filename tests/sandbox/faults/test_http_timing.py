"""Faults that delay a response, and clients that disconnect."""

import asyncio
from contextlib import suppress
from typing import cast

import aiohttp
import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.faults import (
    CutBody,
    CutChunks,
    Disconnect,
    Fault,
    FaultContext,
    Hang,
    Latency,
    MiddlewareFault,
    Reset,
    Trickle,
    WrongLength,
)
from arena_groups.sandbox.server_protocol import (
    ClientGoneError,
    LoopbackServer,
    RequestProcessor,
    SerializedResponse,
)
from tests.sandbox.api import Api, Sleeper
from tests.support.waiting import until

GROUPS = "/v3/groups"
PING_BODY = b'{"status":"ok"}'
PING = b"GET /v3/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def creation(token: str) -> bytes:
    body = b'{"name": "Late"}'
    return (
        b"POST /v3/groups HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (token.encode(), len(body), body)
    )


async def until_the_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the connection ends, by FIN or RST."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def wait_for_server(sandbox: Sandbox) -> None:
    """Wait until the server has noticed that its connections ended."""
    await until(lambda: len(asyncio.all_tasks()) == 1)  # this one
    assert sandbox.requests


@pytest.mark.parametrize("after", [False, True])
async def test_latency_delays_before_or_after_operation(
    session: aiohttp.ClientSession, after: bool
) -> None:
    sleeper = Sleeper()
    async with Sandbox(sleep=sleeper) as sandbox:
        sandbox.faults.add(Latency(2.5, after=after))
        before, token = len(sandbox.groups), sandbox.tokens.owner
        api = Api(sandbox, session)
        asking = asyncio.create_task(api.post(GROUPS, token, {"name": "Late"}))
        await sleeper.asleep.wait()
        assert sleeper.asked == [2.5]
        assert sandbox.requests[0].executed == after
        assert len(sandbox.groups) == before + after
        sleeper.wake.set()
        assert (await asking).status == 201
        assert len(sandbox.groups) == before + 1


async def test_latency_with_real_sleep_responds(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(Latency(0.001))
    assert (await http.get("/v3/ping")).status == 200


@pytest.mark.parametrize("after", [False, True])
async def test_latency_ends_when_client_disconnects(after: bool) -> None:
    sleeper = Sleeper()
    async with Sandbox(sleep=sleeper) as sandbox, aiohttp.ClientSession() as session:
        sandbox.faults.add(Latency(60, after=after))
        before = len(sandbox.groups)
        _, writer = await Api(sandbox, session).talk(creation(sandbox.tokens.owner))
        await sleeper.asleep.wait()
        writer.close()
        await writer.wait_closed()
        await wait_for_server(sandbox)
        (request,) = sandbox.requests
        assert (request.status, request.executed) == (None, after)
        assert len(sandbox.groups) == before + after


@pytest.mark.parametrize("after", [False, True])
async def test_hang_ends_when_client_disconnects(after: bool) -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        fault = sandbox.faults.add(Hang(after=after))
        before = len(sandbox.groups)
        _, writer = await Api(sandbox, session).talk(creation(sandbox.tokens.owner))
        await until(lambda: bool(fault.call_count))
        await until(lambda: sandbox.requests[0].executed == after)
        writer.close()
        await writer.wait_closed()
        await wait_for_server(sandbox)
        (request,) = sandbox.requests
        assert (request.status, request.executed) == (None, after)
        assert len(sandbox.groups) == before + after


@attrs.frozen
class Unaware(MiddlewareFault):
    """Responds after the client has disconnected."""

    async def handle(self, context: FaultContext) -> SerializedResponse:
        with suppress(ClientGoneError):
            await context.hang()
        return await context.call_next()


@pytest.mark.parametrize(
    "fault", [Disconnect(), Reset(), Hang(), CutBody(), CutChunks(), Trickle(), WrongLength(-3)]
)
async def test_fault_after_client_disconnected_logs_nothing(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        sandbox.faults.add(Unaware())
        injected = sandbox.faults.add(fault)
        _, writer = await Api(sandbox, session).talk(PING)
        await until(lambda: len(sandbox.requests) == 1)
        writer.close()
        await writer.wait_closed()
        await wait_for_server(sandbox)
        assert injected.call_count == 1
    assert not caplog.records


@pytest.mark.parametrize("fault", [Hang(), Latency(3600), Trickle(3600, size=1), WrongLength(9)])
async def test_aclose_ends_every_wait(fault: Fault) -> None:
    async with aiohttp.ClientSession() as session:
        sandbox = Sandbox()
        await sandbox.start()
        injected = sandbox.faults.add(fault)
        asked = [await Api(sandbox, session).talk(PING) for _ in range(3)]
        await until(lambda: injected.call_count == len(asked))
        await sandbox.aclose()
        for reader, writer in asked:
            assert b"}" not in await until_the_end(reader)
            writer.close()
            with suppress(ConnectionResetError):
                await writer.wait_closed()
        assert len(asyncio.all_tasks()) == 1


async def test_connection_during_close_does_not_wait() -> None:
    server = LoopbackServer(cast("RequestProcessor", None), asyncio.sleep)
    assert not server().closed.done()
    server.cancel_waits()
    assert server().closed.done()


async def test_trickle_sends_chunks_with_pauses(session: aiohttp.ClientSession) -> None:
    sleeper = Sleeper()
    async with Sandbox(sleep=sleeper) as sandbox:
        sandbox.faults.add(Trickle(0.5, size=4))
        reader, writer = await Api(sandbox, session).talk(PING)
        assert b"Content-Length: 15\r\n" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(4) == b'{"st'
        await sleeper.asleep.wait()
        assert sleeper.asked == [0.5]
        sleeper.wake.set()
        assert await reader.readexactly(11) == b'atus":"ok"}'
        assert sleeper.asked == [0.5] * 3
        writer.close()
        await writer.wait_closed()


async def test_trickle_leaves_response_without_body_alone(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    fault = sandbox.faults.add(Trickle())
    path = "/v3/groups/1001"
    assert (await http.delete(f"{path}/invite", tokens.owner)).status == 204
    assert (await http.send("HEAD", path)).status == 200
    assert (await http.get(path, headers={"If-None-Match": "*"})).status == 304
    assert fault.call_count == 0


async def test_trickle_ends_when_client_disconnects(session: aiohttp.ClientSession) -> None:
    sleeper = Sleeper()
    async with Sandbox(sleep=sleeper) as sandbox:
        sandbox.faults.add(Trickle(size=1))
        _, writer = await Api(sandbox, session).talk(PING)
        await sleeper.asleep.wait()
        writer.close()
        await writer.wait_closed()
        await wait_for_server(sandbox)
        assert sandbox.requests[0].status == 200


async def test_failing_sleep_is_logged_as_error(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_seconds: float) -> None:
        raise ZeroDivisionError

    async with Sandbox(sleep=broken) as sandbox:
        http = Api(sandbox, session)
        with sandbox.faults.add(Latency()):
            assert (await http.get("/v3/ping")).status == 500
        with sandbox.faults.add(Trickle(size=5)):
            assert (await http.raw(PING)).endswith(PING_BODY[:5])
    assert [each.exc_info and each.exc_info[0] for each in caplog.records] == [
        ZeroDivisionError
    ] * 2
