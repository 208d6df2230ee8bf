"""What ends a call before its time: its own limit, the client's end, or whoever cancels it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from arena_groups import ClientStateError
from arena_groups._http.registry import NOTHING, Call, Lifetime

T = TypeVar("T")

LONG = 3600.0


async def run(lifetime: Lifetime, work: Callable[[Call], Awaitable[T]]) -> T:
    call = lifetime.begin()
    try:
        return await work(call)
    except asyncio.CancelledError:
        if not call.was_closed():
            raise
    finally:
        lifetime.finish(call)
    raise lifetime.closed_error(writes=True)


async def silence() -> None:
    await asyncio.Event().wait()


async def attempt(call: Call, seconds: float) -> str:
    call.begin_attempt(seconds)
    try:
        await silence()
    except asyncio.CancelledError:
        if not call.was_late():
            raise
        return "late"
    finally:
        call.end_attempt()
    return "answered"


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_attempt_has_its_own_limit() -> None:
    lifetime = Lifetime()
    patient = asyncio.create_task(run(lifetime, lambda call: attempt(call, LONG)))
    await settle()
    for _ in range(3):
        hasty = run(lifetime, lambda call: attempt(call, 0))
        # The timer is set for the patient one; a shorter limit must not wait for it.
        assert await asyncio.wait_for(hasty, 30) == "late"
    assert not patient.done()
    await lifetime.end()
    with pytest.raises(ClientStateError):
        await patient


async def test_a_late_attempt_can_be_followed_by_another() -> None:
    async def work(call: Call) -> list[str]:
        return [await attempt(call, 0), await attempt(call, 0)]

    task = asyncio.create_task(run(Lifetime(), work))
    assert await task == ["late", "late"]
    assert task.cancelling() == 0


async def test_who_cancels_a_late_call_is_heard() -> None:
    async def work(call: Call) -> str:
        asyncio.get_running_loop().call_soon(task.cancel)
        return await attempt(call, 0)

    task = asyncio.create_task(run(Lifetime(), work))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_outweighs_being_late() -> None:
    lifetime = Lifetime()

    async def work(call: Call) -> str:
        return await attempt(call, LONG)

    task = asyncio.create_task(run(lifetime, work))
    await settle()
    (call,) = lifetime._calls
    call.deadline = 0
    lifetime._end_late_calls(1)
    await lifetime.end()
    with pytest.raises(ClientStateError, match="this client is closed") as caught:
        await task
    assert caught.value.outcome_unknown
    assert task.cancelling() == 0


async def test_a_call_that_ends_by_itself_is_no_longer_cancelled() -> None:
    lifetime = Lifetime()

    async def deaf(call: Call) -> str:
        try:
            await silence()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    task = asyncio.create_task(run(lifetime, deaf))
    await settle()
    await lifetime.end()
    assert await task == "done all the same"
    assert task.cancelling() == 0


async def test_silence_ends_an_attempt_and_every_sign_of_life_begins_it_anew() -> None:
    """Looked at every second, as the alarm does, with a patience of eight."""
    came = {3.0: 0, 9.0: 10, 16.0: 99}  # the head of the answer, and two parts of its body

    async def work(call: Call) -> str:
        received = NOTHING
        began = asyncio.get_running_loop().time()
        call.begin_attempt(LONG, patience=8)
        call.listen(lambda: received)
        for second in range(1, 60):
            received = came.get(second, received)
            if call.look(began + second) is None:
                break
            assert call.look(began + second) == pytest.approx(began + second + 1)
        else:
            return "never ended"
        try:
            await silence()
        except asyncio.CancelledError:
            assert call.was_late()
        return f"silent after {second} seconds" if call.silent else "late"

    assert await run(Lifetime(), work) == "silent after 24 seconds"


async def test_what_cannot_be_listened_to_yet_is_not_silent() -> None:
    async def work(call: Call) -> bool:
        began = asyncio.get_running_loop().time()
        call.begin_attempt(LONG, patience=8)
        ended = call.look(began + 100) is None
        call.end_attempt()
        return ended

    assert not await run(Lifetime(), work)


async def test_it_needs_a_task() -> None:
    def step() -> None:
        try:
            lifetime.begin()
        except ClientStateError as error:
            problems.append(str(error))

    lifetime, problems = Lifetime(), list[str]()
    asyncio.get_running_loop().call_soon(step)
    await settle()
    assert problems == ["a client is used from within a task"]
