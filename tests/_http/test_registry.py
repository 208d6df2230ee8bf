"""Requests in flight: their time limits, the closing of a client, and cancellation."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from arena_groups import ArenaClient, ArenaTimeoutError, ClientStateError, NotFoundError, Timeout
from tests.support.clients import single
from tests.support.servers import Server, http, serving

PONG = http({"status": "ok"})
SHORT = 0.05  # seconds, for servers that never answer


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
            silent_server.answer = PONG
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
            await silent_server.asked_by(1)
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
            await silent_server.asked_by(1)
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
            await silent_server.asked_by(1)
            await arena.aclose()
            await task

    async def test_close_and_cancellation_together_is_cancelled(
        self, silent_server: Server
    ) -> None:
        async with client(silent_server, external=False, total=3600) as arena:
            task = asyncio.create_task(arena.ping())
            await silent_server.asked_by(1)
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

        silent_server.answer = PONG
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
        silent_server.answer = PONG

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
