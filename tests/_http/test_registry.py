"""Requests in flight: their time limits, the closing of a client, and cancellation."""

import asyncio
import gc
import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    ClientStateError,
    NotFoundError,
    RetryPolicy,
    Timeout,
)
from tests.support.clients import connected, run_in_new_loop, single
from tests.support.documents import CODE, EMAIL, STUDIO, TOKEN
from tests.support.servers import DOWN, PONG, SHORT, Server, http, serving


@pytest.fixture
async def silent_server() -> AsyncIterator[Server]:
    async with serving(b"") as server:
        yield server


@asynccontextmanager
async def client(server: Server, *, external: bool, total: float) -> AsyncIterator[ArenaClient]:
    """A client of a server, with its own or with an external aiohttp session."""
    session = aiohttp.ClientSession() if external else None
    try:
        async with single(base_url=server.url, session=session, timeout=Timeout(total=total)) as a:
            yield a
    finally:
        if session is not None:
            await session.close()


async def cancelled_before() -> None:
    """Cancel the running task, and go on, as cleanup after a cancellation does."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    assert task.cancelling() == 1


class LenientTimeout(asyncio.Timeout):
    """``asyncio.Timeout`` as in Python 3.11.0: any pending cancellation hides an expiry."""

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            await super().__aexit__(kind, error, traceback)  # type: ignore[arg-type]
        except TimeoutError:
            task = asyncio.current_task()
            assert task is not None
            if task.cancelling():
                raise asyncio.CancelledError from None
            raise


@pytest.mark.parametrize("external", [False, True], ids=["own session", "external session"])
class TestTimeLimits:
    async def test_request_after_timeout_leaves_no_cancellation(
        self, silent_server: Server, *, external: bool
    ) -> None:
        async with client(silent_server, external=external, total=SHORT) as arena:
            for _ in range(2):
                with pytest.raises(ArenaTimeoutError):
                    await arena.ping()
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            silent_server.response = PONG
            await arena.ping()

    async def test_request_timeout_and_cancellation_together_is_cancelled(
        self, silent_server: Server, monkeypatch: pytest.MonkeyPatch, *, external: bool
    ) -> None:
        """The deadline passes first, and somebody cancels the task before it runs again."""
        scopes: list[asyncio.Timeout] = []

        class RecordedTimeout(asyncio.Timeout):
            async def __aenter__(self) -> asyncio.Timeout:
                scopes.append(self)
                return await super().__aenter__()

        def recorded(delay: float | None) -> asyncio.Timeout:
            loop = asyncio.get_running_loop()
            return RecordedTimeout(None if delay is None else loop.time() + delay)

        async with client(silent_server, external=external, total=3600) as arena:
            monkeypatch.setattr("asyncio.timeout", recorded)
            task = asyncio.create_task(arena.ping())
            await silent_server.wait_for_requests(1)
            limit = next(scope for scope in scopes if (scope.when() or 0) > 0)
            limit.reschedule(0)
            asyncio.get_running_loop().call_soon(task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task

    @pytest.mark.parametrize("old", [False, True], ids=["this Python", "Python 3.11.0"])
    async def test_request_in_task_cancelled_before_times_out(
        self,
        silent_server: Server,
        monkeypatch: pytest.MonkeyPatch,
        *,
        external: bool,
        old: bool,
    ) -> None:
        def lenient(delay: float | None) -> asyncio.Timeout:
            loop = asyncio.get_running_loop()
            return LenientTimeout(None if delay is None else loop.time() + delay)

        async def run() -> None:
            await cancelled_before()
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()

        async with client(silent_server, external=external, total=SHORT) as arena:
            if old:
                monkeypatch.setattr("asyncio.timeout", lenient)
            await asyncio.create_task(run())


class TestClosing:
    @pytest.mark.parametrize("external", [False, True], ids=["own session", "external session"])
    async def test_close_in_flight_ends_request_with_client_state_error(
        self, silent_server: Server, *, external: bool
    ) -> None:
        async with client(silent_server, external=external, total=3600) as arena:
            task = asyncio.create_task(arena.ping())
            await silent_server.wait_for_requests(1)
            await arena.aclose()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await task
            assert task.cancelling() == 0

    async def test_close_in_task_cancelled_before_ends_request(self, silent_server: Server) -> None:
        async def run() -> None:
            await cancelled_before()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await arena.ping()

        async with client(silent_server, external=False, total=3600) as arena:
            task = asyncio.create_task(run())
            await silent_server.wait_for_requests(1)
            await arena.aclose()
            await task

    async def test_close_and_cancellation_together_is_cancelled(
        self, silent_server: Server
    ) -> None:
        async with client(silent_server, external=False, total=3600) as arena:
            task = asyncio.create_task(arena.ping())
            await silent_server.wait_for_requests(1)
            closing = asyncio.create_task(arena.aclose())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await closing

    async def test_close_of_provider_that_suppresses_cancellation_leaves_none_behind(
        self, silent_server: Server
    ) -> None:
        """The request goes on after its scope has expired, and ends like any other."""
        waiting = asyncio.Event()

        async def provider() -> str:
            waiting.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "a-token"
            raise AssertionError

        silent_server.response = PONG
        async with single(provider, base_url=silent_server.url) as arena:
            task = asyncio.create_task(arena.ping())
            await waiting.wait()
            await arena.aclose()
            await asyncio.wait([task])
            assert task.cancelling() == 0

    async def test_close_waits_for_requests_of_provider_that_uses_the_same_client(
        self, silent_server: Server
    ) -> None:
        """Two requests of one task are two requests in flight."""
        silent_server.response = PONG

        async def provider() -> str:
            if len(silent_server.requests) == 0:
                nested.append(asyncio.current_task())
                async with single("a-token", base_url=silent_server.url) as other:
                    await other.ping()
            return "a-token"

        nested: list[object] = []
        async with single(provider, base_url=silent_server.url) as arena:
            await arena.ping()
            assert nested == [asyncio.current_task()]
            assert len(silent_server.requests) == 2


async def test_request_of_provider_that_calls_its_own_client_is_sent() -> None:
    async with serving(PONG) as server:
        calls: list[str] = []

        async def provider() -> str:
            calls.append("token")
            if len(calls) == 1:
                await arena.ping()
            return "a-token"

        async with single(provider, base_url=server.url) as arena:
            await arena.ping()
            assert len(server.requests) == 2
            silent = asyncio.create_task(arena.ping())
            await silent


async def test_client_outside_of_a_task_raises_client_state_error() -> None:
    async with single() as arena:
        coroutine = arena.ping()
        problems: list[str] = []

        def step() -> None:
            try:
                coroutine.send(None)
            except ClientStateError as error:
                problems.append(str(error))

        asyncio.get_running_loop().call_soon(step)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert problems == ["a client can only be used in a task"]


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
@pytest.mark.parametrize("external", [False, True], ids=["own session", "external session"])
async def test_task_after_its_request_is_freed_without_the_collector(
    *, external: bool, status: str
) -> None:
    async def run() -> None:
        with suppress(NotFoundError):
            await arena.ping()

    async with (
        serving(http({"status": "ok"}, status)) as server,
        client(server, external=external, total=30) as arena,
    ):
        await run()
        gc.collect()
        gc.disable()
        try:
            tasks = []
            for _ in range(50):
                task = asyncio.create_task(run())
                tasks.append(weakref.ref(task))
                await task
                del task
            await asyncio.sleep(0)
            assert [task for task in tasks if task() is not None] == []
        finally:
            gc.enable()


class TestState:
    async def test_a_second_loop_is_refused(self) -> None:
        async with connected() as (arena, server):
            await arena.ping()

            async def use() -> None:
                with pytest.raises(ClientStateError, match="another event loop: create one"):
                    await arena.ping()

            await run_in_new_loop(use)
            await arena.ping()
            assert len(server.requests) == 2

    async def test_closing_after_its_loop_has_ended_is_no_error(self) -> None:
        arena = single(base_url="http://127.0.0.1:1")

        async def use() -> None:
            with pytest.raises(ArenaConnectionError):
                await arena.ping()

        await run_in_new_loop(use)
        await arena.aclose()
        assert arena.closed

    @pytest.mark.parametrize(
        "use",
        [
            lambda arena: arena.ping(),
            lambda arena: arena.me(),
            lambda arena: arena.groups.get("x"),
            lambda arena: arena.groups.join("x", invite_token=CODE),
            lambda arena: arena.groups.members("x"),
            lambda arena: arena.groups.invitations("x").collect(),
            lambda arena: anext(aiter(arena.users.groups("x"))),
        ],
    )
    async def test_after_closing_everything_is_refused(
        self, use: Callable[[ArenaClient], Awaitable[object]]
    ) -> None:
        async with connected() as (arena, server):
            await arena.aclose()
            with pytest.raises(ClientStateError, match="closed: create a new one") as caught:
                await use(arena)
            assert isinstance(caught.value, RuntimeError)
            assert server.requests == []

    @pytest.mark.parametrize("lend", [False, True])
    async def test_closing_twice_does_no_harm(self, lend: bool) -> None:
        async with serving(PONG) as server, aiohttp.ClientSession() as lent:
            arena = single(base_url=server.url, session=lent if lend else None)
            await arena.ping()
            states = [arena.closed]
            await arena.aclose()
            await arena.aclose()
            async with arena:
                states.append(arena.closed)
            assert states == [False, True]
            assert not lent.closed

    async def test_closing_unused_is_no_error(self) -> None:
        arena = single()
        await arena.aclose()
        assert arena.closed

    async def test_closing_ends_what_is_in_flight(self) -> None:
        async with connected(b"") as (arena, server):
            waiting = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            await arena.aclose()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await waiting
            await server.wait_closed()

    async def test_closing_ends_what_waits_for_a_connection(self) -> None:
        async with connected(b"") as (arena, server):
            waiting = [asyncio.create_task(arena.ping()) for _ in range(110)]
            await server.wait_for_requests(100)
            await arena.aclose()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in ended} == {ClientStateError}
        assert len(server.requests) == 100

    @pytest.mark.parametrize("lend", [False, True])
    async def test_closing_while_a_token_is_provided_sends_nothing(self, lend: bool) -> None:
        asked, given = asyncio.Event(), asyncio.Event()

        async def provide() -> str:
            asked.set()
            await given.wait()
            return TOKEN

        async with serving(PONG) as server, aiohttp.ClientSession() as lent:
            session = lent if lend else None
            arena = single(provide, base_url=server.url, session=session)
            waiting = asyncio.create_task(arena.ping())
            await asked.wait()
            await arena.aclose()
            given.set()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await waiting
            assert server.requests == []

    async def test_closing_the_client_ends_its_work_on_a_lent_session_only(self) -> None:
        async with serving(b"") as server, aiohttp.ClientSession() as lent:
            arena = single(base_url=server.url, session=lent)
            waiting = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            await arena.aclose()
            assert waiting.done()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await waiting
            assert not lent.closed

    async def test_its_repr_tells_its_state_and_nothing_else(self) -> None:
        arena = single(TOKEN)
        assert repr(arena) == "<ArenaClient open>"
        await arena.aclose()
        assert repr(arena) == "<ArenaClient closed>"


async def test_closing_ends_what_waits_for_the_quota_or_the_next_attempt() -> None:
    async with serving(DOWN) as server:
        policy = RetryPolicy(attempts=99, total=9999, backoff=9999, max_backoff=9999)
        arena = ArenaClient(TOKEN, base_url=server.url, retry=policy)
        tasks = [asyncio.create_task(arena.ping()) for _ in range(5)]
        await server.wait_for_requests(1)
        await arena.aclose()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} == {ClientStateError}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_a_forked_process_needs_a_client_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ArenaClient(TOKEN) as arena:
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: -1)
            with pytest.raises(ClientStateError, match="before a fork"):
                await arena.ping()


@pytest.mark.parametrize("write", [False, True])
async def test_closing_during_a_write_leaves_its_outcome_unknown(write: bool) -> None:
    async with serving() as server:
        arena = ArenaClient(TOKEN, base_url=server.url)
        call = arena.groups.invite(STUDIO, email=EMAIL) if write else arena.me()
        task = asyncio.ensure_future(call)
        await server.wait_for_requests(1)
        await arena.aclose()
        with pytest.raises(ClientStateError) as caught:
            await task
    assert caught.value.outcome_unknown is write


async def test_closing_twice_at_once_is_no_error() -> None:
    async with serving() as server:
        arena = ArenaClient(TOKEN, base_url=server.url)
        task = asyncio.create_task(arena.ping())
        await server.wait_for_requests(1)
        first = asyncio.create_task(arena.aclose())
        await asyncio.sleep(0)
        await arena.aclose()
        await first
        with pytest.raises(ClientStateError):
            await task
