"""Check that errors are freed by their reference counts, without the garbage collector."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine

from tests.support.waiting import run_other_tasks


async def assert_error_is_freed(
    call: Callable[[], Coroutine[None, None, object]],
    expected: type[BaseException] = BaseException,
) -> None:
    """Check that a task's error is freed after the task, while the collector is disabled."""

    async def fail() -> weakref.ref[BaseException]:
        task = asyncio.create_task(call())
        await asyncio.wait([task])
        error = task.exception()
        assert isinstance(error, expected)
        return weakref.ref(error)

    await fail()  # fills caches
    gc.collect()
    gc.disable()
    try:
        error = await fail()
        await run_other_tasks()
        assert error() is None
    finally:
        gc.enable()
