"""Targets of bulk calls: what callers pass, normalized so that duplicates are equal."""

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

MAX_ADDRESS_LENGTH = 254
MAX_NAME_LENGTH = 64
# Left over from a display name, a list or a link around an address.
FORBIDDEN_CHARACTERS = frozenset(',;:<>()[]"\\')


@frozen(kw_only=True)
class InviteTarget:
    """A person to invite, by email address or by user id.

    Args:
        email: The email address. It is left out of ``repr()``.
        user_id: The id of an Are.na user.
    """

    email: str | None = field(default=None, repr=False)
    user_id: int | None = None

    @property
    def key(self) -> str:
        """Identifier of the person: equal for equal user ids, and for an address in any case."""
        if self.email is None:
            return f"user:{self.user_id}"
        return f"email:{self.email.casefold()}"


@frozen(kw_only=True)
class RevokeTarget:
    """An invitation to revoke.

    Args:
        invitation_id: The id of the invitation; ``None`` if the input was invalid.
        invitation: The invitation itself, if it was passed or came from the group's list.
    """

    invitation_id: int | None
    invitation: MembershipInvitation | None = None


@frozen(kw_only=True)
class RemoveTarget:
    """A user to remove from a group.

    Args:
        user_id: The id of the user; ``None`` if the input was invalid.
        user: The user, if it was passed or came from the list of members.
    """

    user_id: int | None
    user: EmbeddedUser | None = None


InviteTargetLike = str | int | EmbeddedUser | MembershipInvitation | InviteTarget
"""Inputs of ``invite_many``: an email address, a user id, or an object that has one of them."""
RevokeTargetLike = int | MembershipInvitation | RevokeTarget
"""Inputs of ``revoke_many``: the id of an invitation, or an object that has it."""
RemoveTargetLike = int | EmbeddedUser | RemoveTarget
"""Inputs of ``remove_many``: the id of a user, or an object that has it."""


def normalize_invite_target(target: object) -> InviteTarget:
    """Convert an input of :func:`invite_many` to an :class:`InviteTarget`.

    Args:
        target: An email address, a user id, a user, an invitation or an :class:`InviteTarget`.

    Returns:
        The target. Its address is without surrounding spaces, in Unicode's composed form (NFC),
        with the domain in lower case.

    Raises:
        ValueError: The string is not an email address, or the number is not an id.
        TypeError: ``target`` is of another type.
    """
    match target:
        case InviteTarget():
            return _invite_target(target.email, target.user_id)
        case MembershipInvitation(invitee=EmbeddedUser(id=user_id)):
            return _invite_target(None, user_id)
        case MembershipInvitation():
            return _invite_target(target.invitee_email, None)
        case str():
            return _invite_target(target, None)
        case EmbeddedUser():
            return _invite_target(None, target.id)
        case _:
            return InviteTarget(user_id=_check_id(target, "an email address, a user id or a user"))


def normalize_revoke_target(target: object) -> RevokeTarget:
    """Convert an input of ``revoke_many``, or raise ``ValueError`` or ``TypeError``."""
    match target:
        case RevokeTarget():
            number = _check_id(target.invitation_id, "an invitation or its id")
            return RevokeTarget(invitation_id=number, invitation=target.invitation)
        case MembershipInvitation(id=number):
            return RevokeTarget(invitation_id=number, invitation=target)
        case _:
            return RevokeTarget(invitation_id=_check_id(target, "an invitation or its id"))


def normalize_remove_target(target: object) -> RemoveTarget:
    """Convert an input of ``remove_many``, or raise ``ValueError`` or ``TypeError``."""
    match target:
        case RemoveTarget():
            number = _check_id(target.user_id, "a user or its id")
            return RemoveTarget(user_id=number, user=target.user)
        case EmbeddedUser(id=number):
            return RemoveTarget(user_id=number, user=target)
        case _:
            return RemoveTarget(user_id=_check_id(target, "a user or its id"))


def _invite_target(email: str | None, user_id: int | None) -> InviteTarget:
    if (email is None) == (user_id is None):
        raise ValueError("an invitation needs either an email address or a user id")
    if email is None:
        return InviteTarget(user_id=_check_id(user_id, "a user id"))
    return InviteTarget(email=_normalize_address(email))


def _check_id(number: object, expected: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"expected {expected}, not {type(number).__name__}")
    invitee(None, number)
    return int(number)


def _normalize_address(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"an email address must be a str, not {type(text).__name__}")
    composed = unicodedata.normalize("NFC", text.strip())
    name, _, domain = composed.rpartition("@")
    is_address = (
        Secret(composed).looks_like_address()
        and not FORBIDDEN_CHARACTERS & set(composed)
        and _is_name(name)
        and _is_domain(domain)
    )
    if not is_address:
        raise ValueError("this is not an email address")
    address = f"{name}@{domain.casefold()}"
    if len(address) > MAX_ADDRESS_LENGTH:
        raise ValueError(f"this email address is longer than {MAX_ADDRESS_LENGTH} characters")
    return address


def _is_name(name: str) -> bool:
    return "@" not in name and len(name) <= MAX_NAME_LENGTH


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and all(
        label and not label.startswith("-") and not label.endswith("-") for label in labels
    )


set_public_module(globals(), ["InviteTarget", "RemoveTarget", "RevokeTarget"])
set_public_module(globals(), ["normalize_invite_target"], "arena_groups.bulk")
