"""Doing the same to several things, one after the other."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from attrs import evolve, frozen

from arena_groups import (
    ArenaAPIError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    UnprocessableError,
)
from arena_groups.cli.errors import describe_api
from arena_groups.cli.notes import note
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.cli.results import Noun, Results, counted, progress
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import View

T = TypeVar("T")
R = TypeVar("R")

WAITS = 5  # for the quota, for one thing

# What is wrong with one of them only; anything else would be wrong with the next one too.
PARTICULAR = (BadRequestError, NotFoundError, UnprocessableError)


@frozen
class Failure:
    """What the API said about one of them."""

    error: ArenaAPIError

    @property
    def problem(self) -> Problem:
        """The failure as it is told."""
        return describe_api(self.error)

    @property
    def gone_meanwhile(self) -> bool:
        """Whether it was no longer there to be changed."""
        return isinstance(self.error, UnprocessableError | NotFoundError)


async def in_turn(
    settings: Settings,
    things: Sequence[T],
    view: View[R],
    noun: Noun,
    *,
    act: Callable[[T], Awaitable[R]],
    failed: Callable[[T, Failure], R],
) -> list[Failure]:
    """Do ``act`` to each thing and write what came of it at once.

    What the API refuses for one is written by ``failed``, and the others follow; the failures
    are returned. Any other error ends it, what was written stays.
    """
    failures: list[Failure] = []
    results = Results(settings, view, noun)
    with progress(settings, beside_results=True) as shown:
        for number, thing in enumerate(things, start=1):
            shown.update(f"{number} of {len(things)}")
            try:
                result = await _patiently(settings, act, thing, begun=results.count > 0)
            except PARTICULAR as error:
                failures.append(Failure(error))
                result = failed(thing, failures[-1])
            results.write(result)
    results.close()
    return failures


async def _patiently(
    settings: Settings, act: Callable[[T], Awaitable[R]], thing: T, *, begun: bool
) -> R:
    for _ in range(WAITS):
        try:
            return await act(thing)
        except RateLimitError as error:
            if not await wait_for_quota(settings, error, begun=begun):
                raise
    return await act(thing)


async def wait_for_quota(settings: Settings, error: RateLimitError, *, begun: bool) -> bool:
    """Wait as long as the API asks for; whether there was any sense in it."""
    # Half of a job helps nobody; one that has not begun can be put off.
    if not begun or error.retry_after is None:
        return False
    note(settings, f"waiting {error.retry_after:.0f} s for the quota")
    await sleep(error.retry_after)
    return True


def raise_first(failures: Sequence[Failure], total: int, noun: Noun, verb: str) -> None:
    """Raise the first failure, if there is any, with how many of how many there are."""
    if not failures:
        return
    first = failures[0].problem
    if total > 1:
        told = f"{len(failures)} of {counted(total, noun)} could not be {verb}: {first.message}"
        first = evolve(first, message=told)
    raise ProblemError(first)
