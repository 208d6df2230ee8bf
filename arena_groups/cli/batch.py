"""Batches: one action on several items, one after the other, with a result for each."""

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
from arena_groups.cli.output.messages import confirm, is_interactive
from arena_groups.cli.output.results import Noun, Results, counted
from arena_groups.cli.output.rows import ActionRow, InviteRow
from arena_groups.cli.output.views import ACTIONS
from arena_groups.cli.run_progress import (
    OutcomeCounts,
    RunProgress,
    describe_duration,
    reported_stop,
    shown_quota_waits,
)

T = TypeVar("T")
R = TypeVar("R", bound=ActionRow | InviteRow)

INVITATIONS = ("invitation", "invitations")
MAX_EMAILS = 50  # that are sent without a question
LONGEST_WAIT = 3600.0  # seconds
GO_ON = "run the same command again to go on"
MAX_LISTED = 20  # invitations that are left after Ctrl-C
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
    results = Results(settings, view, None)
    counts = OutcomeCounts()
    stop = reported_stop(settings, counts, len(items), noun, lambda: GO_ON)
    with stop, RunProgress(settings) as shown:
        for number, item in enumerate(items, start=1):
            shown.update(f"{number} of {len(items)}")
            try:
                result = await _with_rate_limit_wait(shown, act, item, begun=results.count > 0)
            except ITEM_ERRORS as error:
                failures.append(BatchFailure(error))
                result = failed(item, failures[-1])
            counts.add(result.outcome)
            shown.before_result()
            results.write(result)
    results.close()
    counts.write(settings)
    return failures


async def _with_rate_limit_wait(
    shown: RunProgress, act: Callable[[T], Awaitable[R]], item: T, *, begun: bool
) -> R:
    for _ in range(MAX_WAITS):
        try:
            return await act(item)
        except RateLimitError as error:
            if not await wait_for_rate_limit(shown, error, begun=begun):
                raise
    return await act(item)


async def wait_for_rate_limit(shown: RunProgress, error: RateLimitError, *, begun: bool) -> bool:
    """Wait as long as the API asks for. Return ``False``, at once, if the error is to be raised."""
    # A batch that has begun is worth finishing; any other can be run again later.
    if not begun or error.retry_after is None or error.retry_after > LONGEST_WAIT:
        return False
    note = f"rate limit reached, waiting {error.retry_after:.0f} s"
    shown.wait(error.retry_after, note, "waiting for the rate limit")
    await sleep(error.retry_after)
    return True


async def confirm_emails(settings: Settings, arena: ArenaClient, group: str, count: int) -> None:
    """Ask before more emails are sent than anybody sends by mistake, unless ``--yes`` was given.

    Raises:
        CliError: If the answer is not yes, or if there is no terminal to ask at.
    """
    if settings.yes or count <= MAX_EMAILS:
        return
    emails = f"up to {count} emails"
    if not is_interactive():
        raise CliError(
            "confirmation",
            f"this sends {emails}: confirmation required, and this is not a terminal",
            hint="pass --yes to send them, or --dry-run to see them; nothing was sent",
        )
    if arena.pacer.snapshot().limit is None:
        await arena.groups.get(group)  # its response has the quota of the token
    duration = describe_duration(count, arena.pacer.snapshot())
    takes = f", which takes {duration}" if duration else ""
    confirm(settings, f"Send {emails} for {group}{takes}?", ())


async def revoke_all(
    settings: Settings, arena: ArenaClient, group: str, items: Sequence[PendingItem]
) -> list[BatchFailure]:
    """Revoke invitations, write each result at once, and return the failures."""
    failures: list[BatchFailure] = []
    results = Results(settings, ACTIONS, None)
    counts = OutcomeCounts()
    left, waits = list(items), MAX_WAITS

    def go_on() -> str:
        return _how_to_revoke(group, [number for number, _ in left], yes=settings.yes)

    stop = reported_stop(settings, counts, len(items), INVITATIONS, go_on)
    with stop, RunProgress(settings) as shown:
        while left:
            try:
                quota_waits = shown_quota_waits(
                    arena.pacer.snapshot, lambda: counts.done, shown.count_down
                )
                revoking = revoke_many(arena, group, [number for number, _ in left])
                async with quota_waits, revoking as run:
                    async for result in run:
                        if result.error and not isinstance(result.error, ITEM_ERRORS):
                            raise result.error
                        row = _revocation_row(left.pop(0), result, failures)
                        counts.add(row.outcome)
                        shown.before_result()
                        results.write(row)
                        shown.update(f"{results.count} of {len(items)}")
            except RateLimitError as error:
                waits -= 1
                begun = results.count > 0
                if waits < 0 or not await wait_for_rate_limit(shown, error, begun=begun):
                    raise
    results.close()
    counts.write(settings)
    return failures


def _how_to_revoke(group: str, numbers: Sequence[int], *, yes: bool) -> str:
    """Return how to revoke the invitations that are left."""
    if len(numbers) > MAX_LISTED:
        return f"{GO_ON}, or see what is left: arena-groups invitations list {group}"
    words = ["invitations", "revoke", group, *map(str, numbers), *(["--yes"] if yes else [])]
    return f"to go on: arena-groups {' '.join(words)}"


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
