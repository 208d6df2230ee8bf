"""Requests in flight: their time limits, the closing of a client, and cancellation."""

import asyncio
import gc
import os
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress

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
from arena_groups._http.registry import RequestRegistry
from tests.support.clients import connected, own_and_external, run_in_new_loop, single
from tests.support.documents import CODE, EMAIL, STUDIO, TOKEN
from tests.support.processes import run_in_fork
from tests.support.servers import DOWN, PONG, SHORT, http, serving
from tests.support.timeouts import advance_loop_time, use_timeout
from tests.support.waiting import run_other_tasks


async def cancel_and_go_on() -> None:
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


either_python = pytest.mark.parametrize("old", [False, True], ids=["this Python", "Python 3.11.0"])


@own_and_external
class TestTimeLimits:
    async def test_request_after_timeout_leaves_no_cancellation(self, *, external: bool) -> None:
        timeout = Timeout(total=SHORT)
        async with connected(b"", external=external, timeout=timeout) as (arena, server):
            for _ in range(2):
                with pytest.raises(ArenaTimeoutError):
                    await arena.ping()
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            server.response = PONG
            await arena.ping()

    async def test_request_timeout_and_cancellation_together_is_cancelled(
        self, monkeypatch: pytest.MonkeyPatch, *, external: bool
    ) -> None:
        """The deadline passes first, and the task is cancelled before it runs again."""
        timeout = Timeout(read=7200, total=3600)
        async with connected(b"", external=external, timeout=timeout) as (arena, server):
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            loop.call_at(loop.time() + 3600, task.cancel)
            advance_loop_time(monkeypatch, 3601)
            with pytest.raises(asyncio.CancelledError):
                await task

    async def test_requests_with_different_limits_end_each_at_its_own(
        self, monkeypatch: pytest.MonkeyPatch, *, external: bool
    ) -> None:
        """The limits are set in another order than they are reached."""
        async with connected(b"", external=external, retry=None) as (arena, server):
            limits = 2000, 1000, 4000, 3000
            views = [arena.with_options(timeout=Timeout(read=9000, total=t)) for t in limits]
            views.append(views[2].with_options(deadline=5000))
            views.append(views[2].with_options(deadline=2500))
            tasks = [asyncio.create_task(view.ping()) for view in views]
            await server.wait_for_requests(len(tasks))
            ended: list[list[int]] = []
            for _ in range(4):
                advance_loop_time(monkeypatch, 1001)
                await asyncio.sleep(0)
                await run_other_tasks()
                ended.append([place for place, task in enumerate(tasks) if task.done()])
            assert ended == [[1], [0, 1], [0, 1, 3, 5], [0, 1, 2, 3, 4, 5]]
            for task in tasks:
                with pytest.raises(ArenaTimeoutError):
                    await task

    @either_python
    async def test_request_in_task_cancelled_before_times_out(
        self, monkeypatch: pytest.MonkeyPatch, *, external: bool, old: bool
    ) -> None:
        async def run() -> None:
            await cancel_and_go_on()
            with pytest.raises(ArenaTimeoutError):
                await arena.ping()

        timeout = Timeout(total=SHORT)
        async with connected(b"", external=external, timeout=timeout) as (arena, _):
            if old:
                use_timeout(monkeypatch, LenientTimeout)
            await asyncio.create_task(run())


class TestClosing:
    @own_and_external
    async def test_close_in_flight_ends_request_and_its_connection(self, *, external: bool) -> None:
        async with connected(b"", external=external) as (arena, server):
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            await arena.aclose()
            assert task.done()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await task
            assert task.cancelling() == 0
            await server.wait_closed()

    async def test_close_in_flight_leaves_an_external_session_open(self) -> None:
        async with aiohttp.ClientSession() as session:
            async with connected(b"", session=session) as (arena, server):
                task = asyncio.create_task(arena.ping())
                await server.wait_for_requests(1)
                await arena.aclose()
                with pytest.raises(ClientStateError):
                    await task
            assert not session.closed

    @own_and_external
    @either_python
    async def test_close_in_task_cancelled_before_ends_request(
        self, monkeypatch: pytest.MonkeyPatch, *, external: bool, old: bool
    ) -> None:
        async def run() -> None:
            await cancel_and_go_on()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await arena.ping()

        async with connected(b"", external=external) as (arena, server):
            if old:
                use_timeout(monkeypatch, LenientTimeout)
            task = asyncio.create_task(run())
            await server.wait_for_requests(1)
            await arena.aclose()
            await task

    async def test_close_and_cancellation_together_is_cancelled(self) -> None:
        async with connected(b"") as (arena, server):
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            closing = asyncio.create_task(arena.aclose())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await closing

    async def test_close_as_a_time_limit_passes_ends_the_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The attempt is cancelled, and would be repeated, as the client is closed."""
        async with connected(b"", timeout=Timeout(read=7200, total=3600)) as (arena, server):
            loop, closing = asyncio.get_running_loop(), list[asyncio.Task[None]]()
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            loop.call_at(
                loop.time() + 3500, lambda: closing.append(loop.create_task(arena.aclose()))
            )
            advance_loop_time(monkeypatch, 3601)
            with pytest.raises(ClientStateError):
                await task
            await closing[0]
            assert task.cancelling() == 0

    async def test_close_with_provider_that_suppresses_cancellation_leaves_none_behind(
        self,
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

        async with connected(token=provider) as (arena, _):
            task = asyncio.create_task(arena.ping())
            await waiting.wait()
            await arena.aclose()
            await asyncio.wait([task])
            assert task.cancelling() == 0

    async def test_second_close_waits_for_a_request_that_is_ending(self) -> None:
        waiting, ending, available = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def provider() -> str:
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                ending.set()
                await available.wait()
            raise AssertionError

        async with connected(token=provider) as (arena, server):
            task = asyncio.create_task(arena.ping())
            await waiting.wait()
            closing = [asyncio.create_task(arena.aclose())]
            await ending.wait()
            closing.append(asyncio.create_task(arena.aclose()))
            await run_other_tasks()
            assert not any(each.done() for each in closing)
            available.set()
            await asyncio.gather(*closing)
            with pytest.raises(ClientStateError):
                await task
            assert server.requests == []

    @own_and_external
    async def test_close_while_a_token_is_fetched_sends_nothing(self, *, external: bool) -> None:
        asked, available = asyncio.Event(), asyncio.Event()

        async def provider() -> str:
            asked.set()
            await available.wait()
            return TOKEN

        async with connected(token=provider, external=external) as (arena, server):
            task = asyncio.create_task(arena.ping())
            await asked.wait()
            await arena.aclose()
            available.set()
            with pytest.raises(ClientStateError, match="this client is closed"):
                await task
            assert server.requests == []

    async def test_close_ends_requests_that_wait_for_a_connection(self) -> None:
        async with connected(b"") as (arena, server):
            tasks = [asyncio.create_task(arena.ping()) for _ in range(110)]
            await server.wait_for_requests(100)
            await arena.aclose()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ended} == {ClientStateError}
        assert len(server.requests) == 100

    async def test_close_ends_requests_that_wait_for_a_permit_or_a_retry(self) -> None:
        async with serving(DOWN) as server:
            policy = RetryPolicy(attempts=99, total=9999, backoff=9999, max_backoff=9999)
            arena = ArenaClient(TOKEN, base_url=server.url, retry=policy)
            tasks = [asyncio.create_task(arena.ping()) for _ in range(5)]
            await server.wait_for_requests(1)
            await arena.aclose()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ended} == {ClientStateError}

    @pytest.mark.parametrize("write", [False, True])
    async def test_close_during_a_write_leaves_the_outcome_unknown(self, *, write: bool) -> None:
        async with connected(b"") as (arena, server):
            call = arena.groups.invite(STUDIO, email=EMAIL) if write else arena.me()
            task = asyncio.ensure_future(call)
            await server.wait_for_requests(1)
            await arena.aclose()
            with pytest.raises(ClientStateError) as caught:
                await task
        assert caught.value.outcome_unknown is write

    @own_and_external
    async def test_second_close_does_nothing(self, *, external: bool) -> None:
        async with connected(external=external) as (arena, _):
            await arena.ping()
            states = [arena.closed]
            await arena.aclose()
            await arena.aclose()
            async with arena:
                states.append(arena.closed)
            assert states == [False, True]

    async def test_two_concurrent_closes_both_succeed(self) -> None:
        async with connected(b"") as (arena, server):
            task = asyncio.create_task(arena.ping())
            await server.wait_for_requests(1)
            first = asyncio.create_task(arena.aclose())
            await asyncio.sleep(0)
            await arena.aclose()
            await first
            with pytest.raises(ClientStateError):
                await task

    async def test_close_of_an_unused_client_succeeds(self) -> None:
        arena = single()
        await arena.aclose()
        assert arena.closed

    async def test_close_after_the_event_loop_has_ended_succeeds(self) -> None:
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
    async def test_every_call_after_close_raises(
        self, use: Callable[[ArenaClient], Awaitable[object]]
    ) -> None:
        async with connected() as (arena, server):
            await arena.aclose()
            with pytest.raises(ClientStateError, match="closed: create a new one") as caught:
                await use(arena)
            assert isinstance(caught.value, RuntimeError)
            assert server.requests == []


class TestClientState:
    async def test_client_in_another_event_loop_raises(self) -> None:
        async with connected() as (arena, server):
            await arena.ping()

            async def use() -> None:
                with pytest.raises(ClientStateError, match="another event loop: create one"):
                    await arena.ping()

            await run_in_new_loop(use)
            await arena.ping()
            assert len(server.requests) == 2

    @pytest.mark.parametrize("close", [False, True], ids=["open", "closed"])
    async def test_client_whose_event_loop_has_ended_says_so(self, close: bool) -> None:
        registry = RequestRegistry()

        async def use() -> None:
            registry.remove(registry.add())
            if close:
                await registry.close()

        await run_in_new_loop(use)
        problem = "closed, and" if close else "cannot be used here, as"
        remedy = "the event loop that it was used in has ended: create a client in each event loop"
        with pytest.raises(ClientStateError, match=f"{problem} {remedy}"):
            registry.add()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    async def test_client_created_before_a_fork_raises(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with ArenaClient(TOKEN) as arena:
            with monkeypatch.context() as patched:
                patched.setattr(os, "getpid", lambda: -1)
                with pytest.raises(ClientStateError, match="before a fork"):
                    await arena.ping()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    async def test_close_in_a_forked_child_leaves_the_connections_of_the_parent(self) -> None:
        async with connected() as (arena, server):
            await arena.ping()

            async def close() -> None:
                await arena.aclose()
                assert arena.closed

            assert await run_in_fork(close) == 0
            async with asyncio.timeout(10):
                await arena.ping()
            assert server.connections == 1

    async def test_close_in_another_event_loop_leaves_the_connections(self) -> None:
        async with connected() as (arena, server):
            await arena.ping()
            await run_in_new_loop(arena.aclose)
            assert arena.closed
            assert len(server.tasks) == 1
            await arena.aclose()
            await server.wait_closed()

    async def test_client_outside_of_a_task_raises(self) -> None:
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


async def test_request_of_provider_that_calls_its_own_client_is_sent() -> None:
    """Two requests of one task are two requests in flight."""
    calls: list[str] = []

    async def provider() -> str:
        calls.append("token")
        if len(calls) == 1:
            await arena.ping()
        return "a-token"

    async with connected(token=provider) as (arena, server):
        await arena.ping()
        assert (len(calls), len(server.requests)) == (2, 2)


async def test_request_of_provider_that_calls_another_client_is_sent() -> None:
    async with serving(PONG) as server:

        async def provider() -> str:
            async with single("a-token", base_url=server.url) as other:
                await other.ping()
            return "a-token"

        async with single(provider, base_url=server.url) as arena:
            await arena.ping()
            assert len(server.requests) == 2


@own_and_external
async def test_close_of_nested_requests_ends_both(*, external: bool) -> None:
    calls: list[str] = []

    async def provider() -> str:
        calls.append("token")
        if len(calls) == 1:
            await arena.ping()
        return "a-token"

    async with connected(b"", token=provider, external=external) as (arena, server):
        task = asyncio.create_task(arena.ping())
        await server.wait_for_requests(1)
        await arena.aclose()
        with pytest.raises(ClientStateError):
            await task
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
@own_and_external
async def test_task_after_its_request_is_freed_without_the_collector(
    *, external: bool, status: str
) -> None:
    async def run() -> None:
        with suppress(NotFoundError):
            await arena.ping()

    async with connected(http({"status": "ok"}, status), external=external) as (arena, _):
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


def test_call_without_an_event_loop_says_what_a_client_needs() -> None:
    arena = ArenaClient(TOKEN)
    call = arena.me()
    # As any framework but asyncio steps through a coroutine.
    with pytest.raises(ClientStateError, match="a running event loop of asyncio"):
        call.send(None)
