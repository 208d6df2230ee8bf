"""Doing the same to several things, one after the other."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
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
from arena_groups.cli.errors import CliError, describe_api
from arena_groups.cli.options import Settings
from arena_groups.cli.output.messages import info
from arena_groups.cli.output.rows import ActionRow
from arena_groups.cli.output.views import ACTIONS, View
from arena_groups.cli.output.writers import Noun, Results, counted, progress

T = TypeVar("T")
R = TypeVar("R")

INVITATIONS = ("invitation", "invitations")
MAX_WAITS = 5  # for the quota, for one thing

# What is wrong with one of them only; anything else would be wrong with the next one too.
ITEM_ERRORS = (BadRequestError, NotFoundError, UnprocessableError)


@frozen
class BatchFailure:
    """What the API said about one of them."""

    error: ArenaAPIError

    @property
    def problem(self) -> CliError:
        """The failure as it is told."""
        return describe_api(self.error)

    @property
    def already_gone(self) -> bool:
        """Whether it was no longer there to be changed."""
        return isinstance(self.error, UnprocessableError | NotFoundError)


async def run_batch(
    settings: Settings,
    things: Sequence[T],
    view: View[R],
    noun: Noun,
    *,
    act: Callable[[T], Awaitable[R]],
    failed: Callable[[T, BatchFailure], R],
) -> list[BatchFailure]:
    """Do ``act`` to each thing and write what came of it at once.

    What the API refuses for one is written by ``failed``, and the others follow; the failures
    are returned. Any other error ends it, what was written stays.
    """
    failures: list[BatchFailure] = []
    results = Results(settings, view, noun)
    with progress(settings, beside_results=True) as shown:
        for number, thing in enumerate(things, start=1):
            shown.update(f"{number} of {len(things)}")
            try:
                result = await _with_rate_limit_wait(settings, act, thing, begun=results.count > 0)
            except ITEM_ERRORS as error:
                failures.append(BatchFailure(error))
                result = failed(thing, failures[-1])
            results.write(result)
    results.close()
    return failures


async def _with_rate_limit_wait(
    settings: Settings, act: Callable[[T], Awaitable[R]], thing: T, *, begun: bool
) -> R:
    for _ in range(MAX_WAITS):
        try:
            return await act(thing)
        except RateLimitError as error:
            if not await wait_for_rate_limit(settings, error, begun=begun):
                raise
    return await act(thing)


async def wait_for_rate_limit(settings: Settings, error: RateLimitError, *, begun: bool) -> bool:
    """Wait as long as the API asks for; whether there was any sense in it."""
    # Half of a job helps nobody; one that has not begun can be put off.
    if not begun or error.retry_after is None:
        return False
    info(settings, f"waiting {error.retry_after:.0f} s for the quota")
    await sleep(error.retry_after)
    return True


async def revoke_all(
    settings: Settings,
    arena: ArenaClient,
    group: str,
    things: Sequence[tuple[int, str | None]],
) -> list[BatchFailure]:
    """Revoke invitations, and write what became of each; the failures are returned."""
    failures: list[BatchFailure] = []
    results = Results(settings, ACTIONS, INVITATIONS)
    with progress(settings, beside_results=True) as shown:
        left, waits = list(things), MAX_WAITS
        while left:
            try:
                async with revoke_many(arena, group, [number for number, _ in left]) as run:
                    async for result in run:
                        if result.error and not isinstance(result.error, ITEM_ERRORS):
                            raise result.error
                        thing = left.pop(0)
                        results.write(_revoked(thing, result.error, failures))
                        shown.update(f"{results.count} of {len(things)}")
            except RateLimitError as error:
                waits -= 1
                if waits < 0 or not await wait_for_rate_limit(
                    settings, error, begun=results.count > 0
                ):
                    raise
    results.close()
    return failures


def _revoked(
    thing: tuple[int, str | None], error: Exception | None, failures: list[BatchFailure]
) -> ActionRow:
    if not isinstance(error, ArenaAPIError):
        return _change("revoked", thing)
    failures.append(BatchFailure(error))
    return _not_revoked(thing, failures[-1])


def _not_revoked(thing: tuple[int, str | None], failure: BatchFailure) -> ActionRow:
    outcome = "too late" if failure.already_gone else "failed"
    return _change(outcome, thing, failure.problem.message)


def _change(outcome: str, thing: tuple[int, str | None], problem: str | None = None) -> ActionRow:
    number, what = thing
    return ActionRow(
        outcome=outcome, type="MembershipInvitation", id=number, what=what, problem=problem
    )


def raise_first_failure(
    failures: Sequence[BatchFailure], total: int, noun: Noun, verb: str
) -> None:
    """Raise the first failure, if there is any, with how many of how many there are."""
    if not failures:
        return
    first = failures[0].problem
    if total > 1:
        first.message = (
            f"{len(failures)} of {counted(total, noun)} could not be {verb}: {first.message}"
        )
    raise first
