"""``BulkRun``: reading ahead, order, cancellation, stopping and closing."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from arena_groups import (
    ArenaClient,
    AuthenticationError,
    BlockedError,
    BulkOutcome,
    BulkResult,
    ForbiddenError,
    InviteTarget,
    MemoryStore,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    UnprocessableError,
    invite_many,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Blocked, Hang
from tests.support.bulk import (
    GROUP,
    INVITE,
    addresses,
    bulk_tasks,
    invite_requests,
    make_client,
    sent_emails,
)
from tests.support.leaks import no_warning

INVITED, FAILED = BulkOutcome.INVITED, BulkOutcome.FAILED


class TestAwaiting:
    async def test_awaited_run_returns_the_summary(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        run = invite_many(arena, GROUP, addresses(3))
        summary = await run
        assert (summary.done, sent_emails(sandbox)) == (3, addresses(3))
        assert repr(run) == "<BulkRun 3 of 3 done>"
        assert [each async for each in run] == []

    async def test_run_without_inputs_returns_an_empty_summary(self, arena: ArenaClient) -> None:
        summary = await invite_many(arena, GROUP, [])
        assert (summary.done, str(summary)) == (0, "0 done")


class TestIterating:
    async def test_run_reads_at_most_concurrency_inputs_ahead(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        read: list[int] = []
        closed = False

        async def endless() -> AsyncIterator[str]:
            nonlocal closed
            number = 0
            try:
                while True:
                    read.append(number)
                    yield f"p{number}@example.org"
                    number += 1
            finally:
                closed = True

        with no_warning():
            async with invite_many(arena, GROUP, endless(), concurrency=3) as run:
                count = 0
                async for _ in run:
                    count += 1
                    assert len(read) <= count + 3
                    if count == 10:
                        break
            assert closed
            assert not bulk_tasks()
        assert len(sandbox.emails) >= 10

    async def test_sequential_run_has_no_task_between_two_results(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        async for result in invite_many(arena, GROUP, addresses(20)):
            assert not bulk_tasks()
            if result.position == 4:
                break
        assert len(sandbox.emails) == 5

    async def test_cancelled_anext_is_resumed_without_losing_a_result(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        run = invite_many(arena, GROUP, addresses(12), concurrency=2)
        results: list[BulkResult[InviteTarget]] = []
        cancelled = 0
        while True:
            task = asyncio.ensure_future(anext(run))
            await asyncio.sleep(0)
            if cancelled % 3:
                await asyncio.sleep(0)
            task.cancel()
            try:
                results.append(await task)
            except asyncio.CancelledError:
                cancelled += 1
                await asyncio.sleep(0.001)
            except StopAsyncIteration:
                break
        assert cancelled
        assert [result.position for result in results] == list(range(12))
        assert sent_emails(sandbox) == addresses(12)

    async def test_run_shared_by_tasks_yields_each_result_once(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        run = invite_many(arena, GROUP, addresses(10), concurrency=2)

        async def half() -> list[BulkResult[InviteTarget]]:
            return [result async for result in run]

        halves = await asyncio.gather(half(), half())
        assert sorted(r.position for half in halves for r in half) == list(range(10))


class TestStopping:
    @pytest.mark.parametrize("concurrency", [1, 3])
    async def test_on_error_stop_raises_the_first_error_after_started_inputs(
        self, arena: ArenaClient, sandbox: Sandbox, concurrency: int
    ) -> None:
        targets = [*addresses(2), 999_999, *addresses(20, 10)]
        run = invite_many(arena, GROUP, targets, on_error="stop", concurrency=concurrency)
        results: list[str] = []
        with pytest.raises(NotFoundError):
            async for result in run:
                results.append(result.outcome.value)  # noqa: PERF401
        assert results[:3] == ["invited", "invited", "failed"]
        assert set(results[3:]) <= {"invited"}
        assert len(results) == len(sandbox.emails) + 1 <= 3 + concurrency

    async def test_error_of_the_source_is_raised_after_earlier_results(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        def broken() -> Iterator[str]:
            yield from addresses(3)
            raise OSError("the file is gone")

        run = invite_many(arena, GROUP, broken(), concurrency=2)
        results: list[str] = []
        with pytest.raises(OSError, match="the file is gone"):
            async for result in run:
                results.append(result.outcome.value)  # noqa: PERF401
        assert results == ["invited"] * 3


class TestClosing:
    async def test_dropped_run_cancels_its_tasks(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Hang(), operation=INVITE, skip=1)
        with no_warning():
            run = invite_many(arena, GROUP, addresses(20), concurrency=4)
            await anext(run)
            del run
            while bulk_tasks():  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def test_aclose_cancels_requests_in_progress(
        self, arena: ArenaClient, sandbox: Sandbox
    ) -> None:
        sandbox.faults.add(Hang(), operation=INVITE)
        run = invite_many(arena, GROUP, addresses(20), concurrency=4)
        waiting = asyncio.ensure_future(anext(run))
        while invite_requests(sandbox) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await run.aclose()
        await run.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await anext(run)
        assert not bulk_tasks()
        assert run.closed


INVITED, FAILED = BulkOutcome.INVITED, BulkOutcome.FAILED


@pytest.mark.parametrize(
    ("group", "person", "kind"),
    [
        ("no-such-group", "owner", NotFoundError),
        (GROUP, "stranger", ForbiddenError),
        (GROUP, "wrong", AuthenticationError),
        (GROUP, "limited", RateLimitError),
    ],
)
async def test_fatal_error_stops_the_run_before_anything_is_sent(
    sandbox: Sandbox, group: str, person: str, kind: type[Exception]
) -> None:
    token = getattr(sandbox.tokens, person, "wrong")
    retry = RetryPolicy(attempts=1)
    async with make_client(sandbox, token, retry=retry) as arena:
        run = invite_many(arena, group, addresses(300))
        with pytest.raises(kind) as caught:
            await run
    assert caught.value.__notes__ == ["The run stopped after starting 0 inputs."]
    assert run.summary.stopped_by is caught.value
    assert len(sandbox.requests) <= 3
    assert sandbox.emails == ()


async def test_read_only_token_stops_the_run_at_the_first_inputs(sandbox: Sandbox) -> None:
    async with make_client(sandbox, sandbox.tokens.read_only) as arena:
        run = invite_many(arena, GROUP, addresses(300), concurrency=2)
        results: list[BulkResult[InviteTarget]] = []
        with pytest.raises(ForbiddenError):
            async for result in run:
                results.append(result)  # noqa: PERF401
    assert [result.outcome for result in results] == [FAILED] * len(results)
    assert len(results) <= 2
    assert run.summary.done == len(results)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_block_by_the_edge_stops_the_run_and_can_be_resumed(
    arena: ArenaClient, sandbox: Sandbox, concurrency: int
) -> None:
    store = MemoryStore()
    people = addresses(300)
    run = invite_many(arena, GROUP, people, store=store, journal="spring", concurrency=concurrency)
    with (
        sandbox.faults.add(Blocked("page"), operation=INVITE, skip=5),
        pytest.raises(BlockedError, match="not your token"),
    ):
        await run
    assert run.summary.counts[INVITED] == 5
    assert invite_requests(sandbox) <= 5 + 2 * concurrency
    again = await invite_many(arena, GROUP, people[:20], store=store, journal="spring")
    assert (again.counts[INVITED], again.from_journal) == (20, 5)
    assert len(sandbox.emails) == 20


async def test_deleted_group_stops_the_run(arena: ArenaClient, sandbox: Sandbox) -> None:
    run = invite_many(arena, GROUP, [*addresses(2), 3, *addresses(5, 10)])
    assert (await anext(run)).outcome is INVITED
    await arena.groups.delete(GROUP)
    assert (await anext(run)).outcome is FAILED
    with pytest.raises(NotFoundError):
        await anext(run)
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_unknown_user_fails_without_stopping_the_run(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    ghost = sandbox.add_user("Ghost", confirmed=False)
    run = invite_many(arena, GROUP, [999_999, ghost, "a@example.org"])
    results = [result async for result in run]
    assert results[0].outcome is FAILED
    assert results[2].outcome is INVITED
    assert all(isinstance(r.error, NotFoundError | UnprocessableError) for r in results[:1])
