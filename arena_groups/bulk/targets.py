"""Who is meant: from what callers give to one form, which tells equals from others."""

import unicodedata

from attrs import field, frozen

from arena_groups._api import Secret, invitee
from arena_groups._exports import set_public_module
from arena_groups.models import EmbeddedUser, MembershipInvitation

__all__ = [
    "InviteTarget",
    "InviteTargetLike",
    "RemoveTarget",
    "RemoveTargetLike",
    "RevokeTarget",
    "RevokeTargetLike",
    "normalize_invite_target",
    "normalize_remove_target",
    "normalize_revoke_target",
]

LONGEST_ADDRESS = 254
LONGEST_NAME = 64
# What is left of a name, a list or a link around an address.
STRAY = frozenset(',;:<>()[]"\\')


@frozen(kw_only=True)
class InviteTarget:
    """Somebody to invite, by ``email`` or by ``user_id``. The address does not show."""

    email: str | None = field(default=None, repr=False)
    user_id: int | None = None

    @property
    def key(self) -> str:
        """The same for all ways of writing the same address, and for the same user id."""
        if self.email is None:
            return f"user:{self.user_id}"
        return f"email:{self.email.casefold()}"


@frozen(kw_only=True)
class RevokeTarget:
    """An invitation to revoke: its id and, where it was given or found, all of it."""

    invitation_id: int | None
    invitation: MembershipInvitation | None = None


@frozen(kw_only=True)
class RemoveTarget:
    """Somebody to remove from a group: the id and, where given or found, the person."""

    user_id: int | None
    user: EmbeddedUser | None = None


InviteTargetLike = str | int | EmbeddedUser | MembershipInvitation | InviteTarget
RevokeTargetLike = int | MembershipInvitation | RevokeTarget
RemoveTargetLike = int | EmbeddedUser | RemoveTarget


def normalize_invite_target(target: object) -> InviteTarget:
    """The person that ``target`` means: an address, a user id, a user or an invitation.

    Addresses come trimmed, in Unicode's composed form, with the domain in lower case. Raises
    ``ValueError`` for what is no address or id, ``TypeError`` for anything else.
    """
    match target:
        case InviteTarget():
            return _by_one_of(target.email, target.user_id)
        case MembershipInvitation(invitee=EmbeddedUser(id=user_id)):
            return _by_one_of(None, user_id)
        case MembershipInvitation():
            return _by_one_of(target.invitee_email, None)
        case str():
            return _by_one_of(target, None)
        case EmbeddedUser():
            return _by_one_of(None, target.id)
        case _:
            return InviteTarget(user_id=_id(target, "an email address, a user id"))


def normalize_revoke_target(target: object) -> RevokeTarget:
    """The invitation that ``target`` means: an id, or an invitation. Raises as the above."""
    match target:
        case RevokeTarget():
            return RevokeTarget(
                invitation_id=_id(target.invitation_id, "an invitation id"),
                invitation=target.invitation,
            )
        case MembershipInvitation(id=number):
            return RevokeTarget(invitation_id=number, invitation=target)
        case _:
            return RevokeTarget(invitation_id=_id(target, "an invitation id"))


def normalize_remove_target(target: object) -> RemoveTarget:
    """The person that ``target`` means: an id, or a user. Raises as the above."""
    match target:
        case RemoveTarget():
            return RemoveTarget(user_id=_id(target.user_id, "a user id"), user=target.user)
        case EmbeddedUser(id=number):
            return RemoveTarget(user_id=number, user=target)
        case _:
            return RemoveTarget(user_id=_id(target, "a user id"))


def _by_one_of(email: str | None, user_id: int | None) -> InviteTarget:
    if (email is None) == (user_id is None):
        raise ValueError("somebody to invite has an email address or a user id: one of the two")
    if email is None:
        return InviteTarget(user_id=_id(user_id, "a user id"))
    return InviteTarget(email=_address(email))


def _id(number: object, what: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"this must be {what} or what has one, not {type(number).__name__}")
    invitee(None, number)
    return int(number)


def _address(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"an email address must be a str, not {type(text).__name__}")
    composed = unicodedata.normalize("NFC", text.strip())
    name, _, domain = composed.rpartition("@")
    written = Secret(composed).looks_like_address() and not STRAY & set(composed)
    if not (written and _is_name(name) and _is_domain(domain)):
        raise ValueError("this is not an email address")
    address = f"{name}@{domain.casefold()}"
    if len(address) > LONGEST_ADDRESS:
        raise ValueError("this is longer than any email address")
    return address


def _is_name(name: str) -> bool:
    return "@" not in name and len(name) <= LONGEST_NAME


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and all(
        label and not label.startswith("-") and not label.endswith("-") for label in labels
    )


set_public_module(globals(), ["InviteTarget", "RemoveTarget", "RevokeTarget"])
