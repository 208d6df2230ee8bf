"""Results of bulk calls, for each input and in total."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Generic, TypeVar

from attrs import define, field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import ReadOnlyMapping
from arena_groups.errors import ArenaError, ServerError
from arena_groups.models import InviteResult

__all__ = ["BulkOutcome", "BulkResult", "BulkSummary", "Tally"]

T = TypeVar("T")

MAX_OUTAGES_IN_ROW: Final = 3


class BulkOutcome(StrEnum):
    """Outcome of one input of a bulk call."""

    INVITED = "invited"
    """An invitation was sent, in this run or in an earlier one with the same journal."""
    ADDED = "added"
    """The user follows the token's user, and was made a member without an invitation."""
    ALREADY_INVITED = "already_invited"
    """The person had a pending invitation. Nothing was sent."""
    ALREADY_MEMBER = "already_member"
    """The person was a member. Nothing was sent."""
    REVOKED = "revoked"
    """The invitation was revoked."""
    REMOVED = "removed"
    """The user was removed from the group."""
    ALREADY_GONE = "already_gone"
    """The invitation was no longer pending, or the user was not a member."""
    OWNER = "owner"
    """The user owns the group, and was not removed."""
    DUPLICATE = "duplicate"
    """The input repeats an earlier one. Nothing was sent."""
    FAILED = "failed"
    """The result's ``error`` says why."""
    WOULD_INVITE = "would_invite"
    """Dry run: the person would have been invited, or added if the run does not predict that."""
    WOULD_ADD = "would_add"
    """Dry run with ``predict``: the user would have been added without an invitation."""
    WOULD_REVOKE = "would_revoke"
    """Dry run: the invitation would have been revoked."""
    WOULD_REMOVE = "would_remove"
    """Dry run: the user would have been removed."""


@frozen(kw_only=True)
class BulkResult(Generic[T]):
    """Result of one input of a bulk call.

    Args:
        position: Index of the input, from 0.
        target: The input in its normalized form.
        outcome: The outcome.
        invite: The API's result of the invitation, if one was sent in this run.
        from_journal: ``True`` if the outcome was recorded by an earlier run or by another
            process with the same journal.
        duplicate_of: Position of the input that this one repeats.
        error: The error, if the outcome is ``failed``; the API's refusal, if it shows that
            the target was ``already_gone``.
    """

    position: int
    target: T
    outcome: BulkOutcome
    invite: InviteResult | None = None
    from_journal: bool = False
    duplicate_of: int | None = None
    error: Exception | None = field(default=None, eq=False)

    @property
    def failed(self) -> bool:
        """``True`` if the outcome is ``failed``."""
        return self.outcome is BulkOutcome.FAILED


@frozen(kw_only=True)
class BulkSummary(Generic[T]):
    """Summary of a bulk call, over the results so far.

    Args:
        done: Number of results.
        counts: Number of results by outcome; outcomes without any are absent. Those of
            earlier runs are among them.
        from_journal: Number of results that an earlier run, or another process with the same
            journal, has recorded. Nothing was sent for them in this run.
        waiting_for_claim: Number of inputs for which the run waits now, because an earlier
            request for them has no known outcome yet.
        failed: The results that failed, each with its ``error``.
        stopped_by: The error that ended the run before all inputs were read, if any.
    """

    done: int
    counts: Mapping[BulkOutcome, int] = field(hash=False)
    from_journal: int
    failed: tuple[BulkResult[T], ...]
    waiting_for_claim: int = 0
    stopped_by: Exception | None = field(default=None, eq=False)

    def __str__(self) -> str:
        counts = ", ".join(
            f"{self.counts[outcome]} {outcome.value.replace('_', ' ')}"
            for outcome in BulkOutcome
            if outcome in self.counts
        )
        text = f"{self.done} done" + (f": {counts}" if counts else "")
        if self.from_journal:
            text += f" ({self.from_journal} by other runs)"
        if self.waiting_for_claim:
            text += f"; waiting for the outcome of {self.waiting_for_claim} more"
        return text


@define
class Tally(Generic[T]):
    """Count of the results of a run so far."""

    counts: Counter[BulkOutcome] = field(factory=Counter[BulkOutcome])
    from_journal: int = 0
    failed: list[BulkResult[T]] = field(factory=list[BulkResult[T]])
    outages_in_row: int = 0

    @property
    def is_outage(self) -> bool:
        """Whether so many inputs in a row met a failure of the server that all others would too."""
        return self.outages_in_row >= MAX_OUTAGES_IN_ROW

    def add(self, result: BulkResult[T]) -> None:
        """Count a result."""
        self.counts[result.outcome] += 1
        self.from_journal += result.from_journal
        if result.failed:
            self.failed.append(result)
        if _is_outage(result.error):
            self.outages_in_row += 1
        elif result.outcome is not BulkOutcome.DUPLICATE:
            self.outages_in_row = 0

    def summary(self, *, waiting_for_claim: int, stopped_by: Exception | None) -> BulkSummary[T]:
        """Return the summary of the results so far."""
        return BulkSummary(
            done=self.counts.total(),
            counts=ReadOnlyMapping(dict(self.counts)),
            from_journal=self.from_journal,
            waiting_for_claim=waiting_for_claim,
            failed=tuple(self.failed),
            stopped_by=stopped_by,
        )


def _is_outage(error: Exception | None) -> bool:
    return isinstance(error, ServerError) or (
        isinstance(error, ArenaError) and error.outcome_unknown
    )


set_public_module(globals(), ["BulkOutcome", "BulkResult", "BulkSummary"])
