"""Doing the same to several things, one after the other."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from attrs import frozen

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    UnprocessableError,
    revoke_many,
)
from arena_groups.cli.errors import Problem, ProblemError, describe_api
from arena_groups.cli.options import Settings
from arena_groups.cli.output.messages import note
from arena_groups.cli.output.rows import Change
from arena_groups.cli.output.views import CHANGES, View
from arena_groups.cli.output.writers import Noun, Results, counted, progress

T = TypeVar("T")
R = TypeVar("R")

INVITATIONS = ("invitation", "invitations")
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


async def revoke_all(
    settings: Settings,
    arena: ArenaClient,
    group: str,
    things: Sequence[tuple[int, str | None]],
) -> list[Failure]:
    """Revoke invitations, and write what became of each; the failures are returned."""
    failures: list[Failure] = []
    results = Results(settings, CHANGES, INVITATIONS)
    with progress(settings, beside_results=True) as shown:
        left, waits = list(things), WAITS
        while left:
            try:
                async with revoke_many(arena, group, [number for number, _ in left]) as run:
                    async for result in run:
                        if result.error and not isinstance(result.error, PARTICULAR):
                            raise result.error
                        thing = left.pop(0)
                        results.write(_revoked(thing, result.error, failures))
                        shown.update(f"{results.count} of {len(things)}")
            except RateLimitError as error:
                waits -= 1
                if waits < 0 or not await wait_for_quota(settings, error, begun=results.count > 0):
                    raise
    results.close()
    return failures


def _revoked(
    thing: tuple[int, str | None], error: Exception | None, failures: list[Failure]
) -> Change:
    if not isinstance(error, ArenaAPIError):
        return _change("revoked", thing)
    failures.append(Failure(error))
    return _not_revoked(thing, failures[-1])


def _not_revoked(thing: tuple[int, str | None], failure: Failure) -> Change:
    outcome = "too late" if failure.gone_meanwhile else "failed"
    return _change(outcome, thing, failure.problem.message)


def _change(outcome: str, thing: tuple[int, str | None], problem: str | None = None) -> Change:
    number, what = thing
    return Change(
        outcome=outcome, type="MembershipInvitation", id=number, what=what, problem=problem
    )


def raise_first(failures: Sequence[Failure], total: int, noun: Noun, verb: str) -> None:
    """Raise the first failure, if there is any, with how many of how many there are."""
    if not failures:
        return
    first = failures[0].problem
    if total > 1:
        told = f"{len(failures)} of {counted(total, noun)} could not be {verb}: {first.message}"
        first = replace(first, message=told)
    raise ProblemError(first)
