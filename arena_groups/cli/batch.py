"""Batches: one action on several items, one after the other, with a result for each."""

import math
from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from attrs import frozen

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    BadRequestError,
    BulkResult,
    NotFoundError,
    RateLimitError,
    RevokeTarget,
    UnprocessableError,
    revoke_many,
)
from arena_groups.cli.errors import CliError, describe_api
from arena_groups.cli.options import Settings
from arena_groups.cli.output.columns import View
from arena_groups.cli.output.messages import info
from arena_groups.cli.output.results import Noun, Results, counted, progress
from arena_groups.cli.output.rows import ActionRow
from arena_groups.cli.output.views import ACTIONS

T = TypeVar("T")
R = TypeVar("R")

INVITATIONS = ("invitation", "invitations")
LONGEST_WAIT = 3600.0  # seconds
MAX_WAITS = 5  # for the rate limit, for one item
# Errors of one item. Any other error would also fail the items that follow.
ITEM_ERRORS = (BadRequestError, NotFoundError, UnprocessableError)

PendingItem = tuple[int, str | None]
"""Id of an invitation and its invitee, if known."""


@frozen
class BatchFailure:
    """An error of the API for one item."""

    error: ArenaAPIError

    @property
    def cli_error(self) -> CliError:
        """The error as the user sees it."""
        return describe_api(self.error)

    @property
    def already_gone(self) -> bool:
        """``True`` if the item could not be changed because it was no longer there."""
        return isinstance(self.error, UnprocessableError | NotFoundError)


async def run_batch(
    settings: Settings,
    items: Sequence[T],
    view: View[R],
    noun: Noun,
    *,
    act: Callable[[T], Awaitable[R]],
    failed: Callable[[T, BatchFailure], R],
) -> list[BatchFailure]:
    """Run ``act`` on each item, write each result at once, and return the failures.

    An item that the API refuses gets its result from ``failed``, and the next one follows.
    Any other error ends the batch; the results written so far remain.
    """
    failures: list[BatchFailure] = []
    results = Results(settings, view, noun)
    with progress(settings, beside_results=True) as shown:
        for number, item in enumerate(items, start=1):
            shown.update(f"{number} of {len(items)}")
            try:
                result = await _with_rate_limit_wait(settings, act, item, begun=results.count > 0)
            except ITEM_ERRORS as error:
                failures.append(BatchFailure(error))
                result = failed(item, failures[-1])
            results.write(result)
    results.close()
    return failures


async def _with_rate_limit_wait(
    settings: Settings, act: Callable[[T], Awaitable[R]], item: T, *, begun: bool
) -> R:
    for _ in range(MAX_WAITS):
        try:
            return await act(item)
        except RateLimitError as error:
            if not await wait_for_rate_limit(settings, error, begun=begun):
                raise
    return await act(item)


async def wait_for_rate_limit(settings: Settings, error: RateLimitError, *, begun: bool) -> bool:
    """Wait as long as the API asks for. Return ``False``, at once, if the error is to be raised."""
    # A batch that has begun is worth finishing; any other can be run again later.
    if not begun or error.retry_after is None or error.retry_after > LONGEST_WAIT:
        return False
    info(settings, f"rate limit reached, waiting {error.retry_after:.0f} s")
    await sleep(error.retry_after)
    return True


def report_claim_wait(settings: Settings, seconds: float) -> None:
    """Report the wait for the outcome of what an earlier run began."""
    # Rounded up: a wait of 0 s would look like none.
    info(
        settings,
        f"waiting up to {math.ceil(seconds)} s for the outcome of an invitation that an earlier "
        "run began",
    )


async def revoke_all(
    settings: Settings, arena: ArenaClient, group: str, items: Sequence[PendingItem]
) -> list[BatchFailure]:
    """Revoke invitations, write each result at once, and return the failures."""
    failures: list[BatchFailure] = []
    results = Results(settings, ACTIONS, INVITATIONS)
    with progress(settings, beside_results=True) as shown:
        left, waits = list(items), MAX_WAITS
        while left:
            try:
                async with revoke_many(arena, group, [number for number, _ in left]) as run:
                    async for result in run:
                        if result.error and not isinstance(result.error, ITEM_ERRORS):
                            raise result.error
                        results.write(_revocation_row(left.pop(0), result, failures))
                        shown.update(f"{results.count} of {len(items)}")
            except RateLimitError as error:
                waits -= 1
                begun = results.count > 0
                if waits < 0 or not await wait_for_rate_limit(settings, error, begun=begun):
                    raise
    results.close()
    return failures


def _revocation_row(
    item: PendingItem, result: BulkResult[RevokeTarget], failures: list[BatchFailure]
) -> ActionRow:
    text = None
    if isinstance(result.error, ArenaAPIError):
        failures.append(BatchFailure(result.error))
        text = failures[-1].cli_error.message
    number, invitee = item
    return ActionRow(
        outcome=result.outcome.value,
        type="MembershipInvitation",
        id=number,
        target=invitee,
        error=text,
    )


def raise_first_failure(
    failures: Sequence[BatchFailure], total: int, noun: Noun, verb: str
) -> None:
    """Raise the first failure, if any, with the number of all of them."""
    if not failures:
        return
    first = failures[0].cli_error
    if total > 1:
        first.message = (
            f"{len(failures)} of {counted(total, noun)} could not be {verb}: {first.message}"
        )
    raise first
