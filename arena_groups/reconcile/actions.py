"""Actions of a plan, and the results of carrying them out."""

from enum import StrEnum
from typing import Literal

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import hidden
from arena_groups.models import EmbeddedUser

__all__ = ["ActionKind", "SyncAction", "SyncOutcome", "SyncReason", "SyncResult"]


class ActionKind(StrEnum):
    """Kind of an action in a plan."""

    INVITE = "invite"
    """The person is not in the group, and is invited."""
    REVOKE = "revoke"
    """The invitation is pending and not desired, and is revoked."""
    REMOVE = "remove"
    """The member is not desired, and is removed."""
    HELD = "held"
    """A removal or revocation that waits until it is known who somebody is."""
    KEEP = "keep"
    """The person stays as they are."""
    SKIP = "skip"
    """The person is desired, but was invited or a member before, and is not invited again."""
    UNRESOLVED = "unresolved"
    """The address was invited before, and may belong to one of several members."""


class SyncReason(StrEnum):
    """Reason of an action."""

    NOT_IN_GROUP = "not_in_group"
    INTERRUPTED = "interrupted"
    """An earlier run ended before it knew the outcome of the invitation."""
    REINVITE = "reinvite"
    NOT_DESIRED = "not_desired"
    MEMBER = "member"
    PENDING = "pending"
    OWNER = "owner"
    OWN_USER = "own_user"
    PROTECTED = "protected"
    """Named by ``keep``."""
    LEFT = "left"
    """The person was a member before, and left or was removed."""
    NOT_ACCEPTED = "not_accepted"
    """An earlier invitation was declined or revoked, or it expired."""
    ADD_ONLY = "add_only"
    REMOVE_ONLY = "remove_only"
    POSSIBLY_ACCEPTED = "possibly_accepted"
    """The invitation is no longer pending, and members joined since who may have accepted it."""
    WAITS_FOR_INVITATIONS = "waits_for_invitations"
    """The outcomes of the invitations in this plan show who it is."""
    WAITS_FOR_LINK = "waits_for_link"
    """A link between an address and a user is needed to know who it is."""


class SyncOutcome(StrEnum):
    """Outcome of an action that was carried out."""

    INVITED = "invited"
    ADDED = "added"
    """The user follows the token's user, and became a member without an email."""
    ALREADY_INVITED = "already_invited"
    ALREADY_MEMBER = "already_member"
    REVOKED = "revoked"
    REMOVED = "removed"
    ALREADY_GONE = "already_gone"
    KEPT = "kept"
    """The person turned out to be desired, and was neither removed nor revoked."""
    HELD = "held"
    """It is still not known who the person is. Nothing was done."""
    DRIFTED = "drifted"
    """The group has changed since the plan was made. Nothing was done."""
    FAILED = "failed"
    """The result's ``error`` says why."""


@frozen(kw_only=True)
class SyncAction:
    """One action of a plan, with its reason.

    Args:
        kind: The kind of the action.
        reason: The reason for it.
        email: The address of a desired person, or of a pending invitation. ``repr()`` hides it.
        user: The user, if the group's lists or the person show one.
        user_id: The id of the user, if it is known.
        invitation_id: The id of the pending invitation.
        positions: Indexes of the inputs that name the person, from 0; more than one for
            duplicates.
        note: The note of the input.
        candidates: Ids of members who may be the person (``unresolved``).
        held: The action that is held: ``"revoke"`` or ``"remove"``.
        waits_for: Indexes of the inputs that have to be resolved first (``held``).
        round: How many invitations the person had from earlier plans.
    """

    kind: ActionKind
    reason: SyncReason
    email: str | None = field(default=None, repr=hidden)
    user: EmbeddedUser | None = None
    user_id: int | None = None
    invitation_id: int | None = None
    positions: tuple[int, ...] = ()
    note: str | None = field(default=None, repr=hidden)
    candidates: tuple[int, ...] = ()
    held: Literal["revoke", "remove"] | None = None
    waits_for: tuple[int, ...] = ()
    round: int = 0


@frozen(kw_only=True)
class SyncResult:
    """Result of one action.

    Args:
        action: The action, as planned.
        outcome: The outcome.
        user: The user behind an address, if the outcome shows one.
        error: The error, if the outcome is ``failed``.
    """

    action: SyncAction
    outcome: SyncOutcome
    user: EmbeddedUser | None = None
    error: Exception | None = field(default=None, eq=False)

    @property
    def failed(self) -> bool:
        """``True`` if the outcome is ``failed``."""
        return self.outcome is SyncOutcome.FAILED


set_public_module(globals(), __all__, "arena_groups.reconcile")
