"""What became of each input, and of all of them."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from attrs import Factory, define, field, frozen

from arena_groups._exports import set_public_module
from arena_groups.models import InviteResult

__all__ = ["BulkOutcome", "BulkResult", "BulkSummary", "Ended", "Tally"]

T = TypeVar("T")


class BulkOutcome(StrEnum):
    """What became of one input."""

    INVITED = "invited"
    """An email went to them, or went before in the same journal."""
    ADDED = "added"
    """They follow the token's user, and are members now."""
    ALREADY_INVITED = "already_invited"
    """They had been invited already; nothing was done."""
    ALREADY_MEMBER = "already_member"
    """They were members already; nothing was done."""
    REVOKED = "revoked"
    """The invitation was revoked."""
    REMOVED = "removed"
    """They are no longer members."""
    ALREADY_GONE = "already_gone"
    """The invitation was no longer pending, or they were no members: nothing was to be done."""
    OWNER = "owner"
    """They own the group, and were left alone."""
    DUPLICATE = "duplicate"
    """The same as an earlier input; nothing was done."""
    FAILED = "failed"
    """``error`` of the result tells why."""
    WOULD_INVITE = "would_invite"
    """They would have been invited or added, had it been no dry run."""
    WOULD_REVOKE = "would_revoke"
    """The invitation would have been revoked."""
    WOULD_REMOVE = "would_remove"
    """They would have been removed."""


@frozen(kw_only=True)
class BulkResult(Generic[T]):
    """What became of one input.

    ``position`` counts the inputs from 0. ``invite`` is what the API answered, where it did.
    ``from_journal`` is ``True`` where an earlier run with the same journal did it. ``duplicate_of``
    is the position of the input that came first. ``error`` is set where ``outcome`` is
    ``failed``, and where the API's refusal told that something was gone before.
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
        """Whether what was asked for is not so now."""
        return self.outcome is BulkOutcome.FAILED


@frozen(kw_only=True)
class BulkSummary(Generic[T]):
    """What became of the inputs so far.

    ``done`` counts them, ``counts`` by outcome (those that there were), ``from_journal`` those that
    an earlier run did. ``failed`` has the results that failed, each with its ``error``.
    ``stopped_by`` is the error that ended the run before all inputs were read, if one did.
    """

    done: int
    counts: Mapping[BulkOutcome, int]
    from_journal: int
    failed: tuple[BulkResult[T], ...]
    stopped_by: Exception | None = field(default=None, eq=False)

    def __str__(self) -> str:
        told = ", ".join(
            f"{self.counts[outcome]} {outcome.value.replace('_', ' ')}"
            for outcome in BulkOutcome
            if outcome in self.counts
        )
        return f"{self.done} done" + (f": {told}" if told else "")


@define
class Tally(Generic[T]):
    """Counts results as they come."""

    counts: Counter[BulkOutcome] = Factory(Counter[BulkOutcome])
    from_journal: int = 0
    failed: list[BulkResult[T]] = Factory(list[BulkResult[T]])
    stopped_by: Exception | None = None

    def add(self, result: BulkResult[T]) -> None:
        """Count a result."""
        self.counts[result.outcome] += 1
        self.from_journal += result.from_journal
        if result.failed:
            self.failed.append(result)

    def summary(self) -> BulkSummary[T]:
        """The counts as they are now."""
        return BulkSummary(
            done=self.counts.total(),
            counts=MappingProxyType(dict(self.counts)),
            from_journal=self.from_journal,
            failed=tuple(self.failed),
            stopped_by=self.stopped_by,
        )


@frozen
class Ended(Generic[T]):
    """How the work for one input ended: its result, and the error that no other would escape."""

    result: BulkResult[T] | None
    stop: Exception | None = None


set_public_module(globals(), ["BulkOutcome", "BulkResult", "BulkSummary"])
