"""Calls that several tasks share."""

import asyncio

import pytest

from arena_groups import StoreError
from arena_groups.bulk.shared_call import SharedCall
from tests.support.waiting import run_other_tasks


class Function:
    """Function that ends when the test lets it."""

    def __init__(self) -> None:
        self.calls: list[asyncio.Future[None]] = []

    async def __call__(self) -> None:
        end = asyncio.get_running_loop().create_future()
        self.calls.append(end)
        await end


def start(shared: SharedCall, count: int = 1) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(shared()) for _ in range(count)]


async def test_callers_during_a_call_share_the_next_one() -> None:
    function = Function()
    shared = SharedCall(function)
    first = start(shared)
    await run_other_tasks()
    others = start(shared, 100)
    await run_other_tasks()
    assert len(function.calls) == 1
    function.calls[0].set_result(None)
    await run_other_tasks()
    assert [task.done() for task in (*first, *others)] == [True] + [False] * 100
    assert len(function.calls) == 2
    function.calls[1].set_result(None)
    await asyncio.gather(*others)
    assert len(function.calls) == 2


async def test_caller_after_a_call_makes_another_one() -> None:
    count = 0

    async def function() -> None:
        nonlocal count
        count += 1

    shared = SharedCall(function)
    for expected in (1, 2, 3):
        await shared()
        assert count == expected


async def waiting_behind(shared: SharedCall, function: Function) -> list[asyncio.Task[None]]:
    """Start a call, then three callers, and end the call: they share the second."""
    first = start(shared)
    await run_other_tasks()
    others = start(shared, 3)
    await run_other_tasks()
    function.calls[0].set_result(None)
    await asyncio.gather(*first)
    await run_other_tasks()
    assert len(function.calls) == 2
    return others


async def test_cancelled_caller_leaves_the_call_to_another() -> None:
    function = Function()
    shared = SharedCall(function)
    tasks = await waiting_behind(shared, function)
    tasks[0].cancel()
    await run_other_tasks()
    assert len(function.calls) == 3
    assert [task.done() for task in tasks] == [True, False, False]
    function.calls[2].set_result(None)
    await asyncio.gather(*tasks[1:])
    assert tasks[0].cancelled()
    assert len(function.calls) == 3


async def test_cancelled_waiting_caller_changes_nothing() -> None:
    function = Function()
    shared = SharedCall(function)
    tasks = await waiting_behind(shared, function)
    tasks[1].cancel()
    function.calls[1].set_result(None)
    await asyncio.gather(tasks[0], tasks[2])
    assert tasks[1].cancelled()
    assert len(function.calls) == 2


@pytest.mark.parametrize("error", [StoreError("gone"), OSError("gone")])
async def test_error_is_raised_in_all_callers_of_the_call(error: Exception) -> None:
    function = Function()
    shared = SharedCall(function)
    tasks = await waiting_behind(shared, function)
    function.calls[1].set_exception(error)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results == [error] * 3
    assert len(function.calls) == 2


async def test_call_after_an_error_succeeds() -> None:
    function = Function()
    shared = SharedCall(function)
    tasks = start(shared)
    await run_other_tasks()
    function.calls[0].set_exception(StoreError("gone"))
    with pytest.raises(StoreError):
        await tasks[0]
    tasks = start(shared)
    await run_other_tasks()
    function.calls[1].set_result(None)
    await asyncio.gather(*tasks)
