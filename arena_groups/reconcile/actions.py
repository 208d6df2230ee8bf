"""Actions of a plan, and the results of carrying them out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import hidden
from arena_groups.models import EmbeddedUser

__all__ = ["ActionKind", "SyncAction", "SyncOutcome", "SyncReason", "SyncResult", "describe"]


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
        candidates: Ids of members who may be the person (``unresolved``), at most 100.
        candidate_count: Number of members who may be the person.
        held: The action that is held: ``"revoke"`` or ``"remove"``.
        waits_for: Indexes of the inputs that have to be resolved first (``held``), at most 100.
        waits_for_count: Number of people who have to be resolved first, with those whom ``keep``
            names by address.
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
    candidate_count: int = 0
    held: Literal["revoke", "remove"] | None = None
    waits_for: tuple[int, ...] = ()
    waits_for_count: int = 0
    round: int = 0

    @property
    def text(self) -> str:
        """The reason in plain words, with what would resolve a held one. It has no address."""
        return _TEXTS_OF_KINDS.get((self.kind, self.reason), _TEXTS[self.reason]).format(
            members=_members(max(self.candidate_count, len(self.candidates))),
            inputs=_inputs(self.waits_for, self.waits_for_count),
        )


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


def describe(action: SyncAction) -> str:
    """Return an action in words without an address."""
    verb = f"{action.held} (held)" if action.held else action.kind.value
    if action.user is not None:
        return f"{verb} {action.user.slug}"
    if action.user_id is not None:
        return f"{verb} user {action.user_id}"
    if action.positions:
        return f"{verb} input {', '.join(map(str, action.positions))}"
    return f"{verb} invitation {action.invitation_id}"


_AGAIN: Final = "reinvite sends another invitation"
_LINK: Final = "name the user beside the address in the list, or link the two (link() or sync link)"
_TEXTS: Final[Mapping[SyncReason, str]] = {
    SyncReason.NOT_IN_GROUP: "not in the group",
    SyncReason.INTERRUPTED: "an earlier run ended before the outcome of the invitation was known",
    SyncReason.REINVITE: "invited or a member before, and named by reinvite",
    SyncReason.NOT_DESIRED: "a member, and not in the list",
    SyncReason.MEMBER: "a member",
    SyncReason.PENDING: "invited, and has not answered yet",
    SyncReason.OWNER: "owns the group",
    SyncReason.OWN_USER: "the token's own user",
    SyncReason.PROTECTED: "named by keep",
    SyncReason.LEFT: f"a member before, who left or was removed: {_AGAIN}",
    SyncReason.NOT_ACCEPTED: f"invited before, and did not accept: {_AGAIN}",
    SyncReason.ADD_ONLY: "not in the list, and add_only removes nobody",
    SyncReason.REMOVE_ONLY: "not in the group, and remove_only invites nobody",
    SyncReason.POSSIBLY_ACCEPTED: ("invited before, and may be {members} who came since: " + _LINK),
    SyncReason.WAITS_FOR_INVITATIONS: (
        "may be {inputs}: the outcomes of the invitations in this plan show it"
    ),
    SyncReason.WAITS_FOR_LINK: "may be {inputs}: " + _LINK,
}
_TEXTS_OF_KINDS: Final[Mapping[tuple[ActionKind, SyncReason], str]] = {
    (ActionKind.REVOKE, SyncReason.NOT_DESIRED): "invited, and not in the list",
    (ActionKind.UNRESOLVED, SyncReason.REMOVE_ONLY): (
        "may be a member, and remove_only invites nobody to find out: " + _LINK
    ),
}
MAX_SHOWN_INPUTS: Final = 3


def _members(count: int) -> str:
    return "the member" if count == 1 else f"one of {count} members"


def _inputs(positions: tuple[int, ...], count: int) -> str:
    """Return the inputs that a held action waits for, as words."""
    if not positions:
        return "a person whom keep names by address"
    shown = ", ".join(map(str, positions[:MAX_SHOWN_INPUTS]))
    rest = max(count, len(positions)) - MAX_SHOWN_INPUTS
    noun = "the person of input" if len(positions) == 1 else "a person of inputs"
    return f"{noun} {shown}" + (f" and {rest} more" if rest > 0 else "")


set_public_module(
    globals(),
    ["ActionKind", "SyncAction", "SyncOutcome", "SyncReason", "SyncResult"],
    "arena_groups.reconcile",
)
