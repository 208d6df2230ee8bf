"""Worker that forks for each line on its stdin.

A fork starts in a hundredth of the time of a new interpreter. The worker's output lines are
``pid PID``, what the fork prints, and ``exit CODE``.
"""

import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Coroutine


def print_line(*words: object) -> None:
    """Print a line at once."""
    print(*words, flush=True)  # noqa: T201


def fork_for_each_line(run: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine function in a fork for each line, one after the other."""
    # Not `for line in sys.stdin`, which reads ahead.
    for _ in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            os._exit(_run_child(run))
        print_line("pid", child)
        _, status = os.waitpid(child, 0)
        print_line("exit", os.waitstatus_to_exitcode(status))


def _run_child(run: Callable[[], Coroutine[object, object, None]]) -> int:
    try:
        asyncio.run(run())
    except BaseException:  # noqa: BLE001 - the child must not return to the loop of its parent
        traceback.print_exc()
        return 1
    return 0
