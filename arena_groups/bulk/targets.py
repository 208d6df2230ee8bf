"""Targets of bulk calls: what callers pass, normalized so that duplicates are equal."""

from collections.abc import Callable
from typing import TypeVar

from attrs import field, frozen

from arena_groups._api import UserReference, address_problem, check_id, mailbox, trimmed
from arena_groups._exports import set_public_module
from arena_groups._types import hidden
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

T = TypeVar("T")


def _mailbox(email: str | None) -> str | None:
    return mailbox(email) if isinstance(email, str) else email


def _shown_name(user: str | None) -> str:
    try:
        return "None" if user is None else repr(UserReference(user).name)
    except (ValueError, TypeError):
        return hidden(user)  # it may be an address, or the URL of an invite


@frozen(kw_only=True)
class InviteTarget:
    """A person to invite, by email address, user id or name: exactly one of them.

    Two targets are equal if their user ids are, or if their addresses mean the same mailbox:
    the domains are the same domain name (IDNA 2008 with UTS 46), and the local parts differ in
    the case of ASCII letters at most.

    Args:
        email: The email address, as it is sent. ``repr()`` hides it.
        user_id: The id of an Are.na user.
        user: An Are.na user by slug or by the URL of the profile. A run looks the id up, once
            for each person, and then has a target with the id alone.
    """

    email: str | None = field(default=None, repr=hidden, eq=_mailbox)
    user_id: int | None = None
    user: str | None = field(default=None, repr=_shown_name)

    @property
    def key(self) -> str:
        """Identifier of the person, equal for equal targets. It contains the address."""
        if self.email is not None:
            return f"email:{mailbox(self.email)}"
        return f"slug:{self.user}" if self.user_id is None else f"user:{self.user_id}"


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
        user_id: The id of the user; ``None`` if it is not known.
        user: The user, if it was passed or came from the list of members.
        slug: The slug, if the user was passed by slug or URL. A run looks the id up.
    """

    user_id: int | None
    user: EmbeddedUser | None = None
    slug: str | None = None


InviteTargetLike = str | int | EmbeddedUser | MembershipInvitation | InviteTarget
"""Inputs of ``invite_many``: an address, a user id, the URL of a profile, or an object with one."""
RevokeTargetLike = int | MembershipInvitation | RevokeTarget
"""Inputs of ``revoke_many``: the id of an invitation, or an object that has it."""
RemoveTargetLike = int | str | EmbeddedUser | RemoveTarget
"""Inputs of ``remove_many``: a user by id, slug or URL, or an object that has the id."""


def normalize_invite_target(target: object) -> InviteTarget:
    """Convert an input of :func:`invite_many` to an :class:`InviteTarget`.

    Args:
        target: An email address, a user id, the URL of a profile, a user, an invitation or an
            :class:`InviteTarget`. A slug alone is refused, as a mistyped address could be one:
            pass ``InviteTarget(user=slug)``.

    Returns:
        The target. Its address is as given, without surrounding spaces.

    Raises:
        ValueError: The string is not an email address or URL, or the number is not an id.
        TypeError: ``target`` is of another type.
    """
    result = _attempt(_to_invite_target, target)
    del target
    return _checked(result)


def normalize_revoke_target(target: object) -> RevokeTarget:
    """Convert an input of ``revoke_many``, or raise ``ValueError`` or ``TypeError``."""
    result = _attempt(_to_revoke_target, target)
    del target
    return _checked(result)


def normalize_remove_target(target: object) -> RemoveTarget:
    """Convert an input of ``remove_many``, or raise ``ValueError`` or ``TypeError``."""
    result = _attempt(_to_remove_target, target)
    del target
    return _checked(result)


def _to_invite_target(target: object) -> InviteTarget:
    match target:
        case InviteTarget():
            return _invite_target(target.email, target.user_id, target.user)
        case MembershipInvitation(invitee=EmbeddedUser(id=user_id)):
            return _invite_target(None, user_id)
        case MembershipInvitation():
            return _invite_target(target.invitee_email, None)
        case str():
            is_url = "://" in target
            return _invite_target(None if is_url else target, None, target if is_url else None)
        case EmbeddedUser():
            return _invite_target(None, target.id)
        case _:
            expected = "an email address, a user id or a user"
            return InviteTarget(user_id=_checked_id(target, expected, "user id"))


def _to_revoke_target(target: object) -> RevokeTarget:
    match target:
        case RevokeTarget():
            number = _invitation_id(target.invitation_id)
            return RevokeTarget(invitation_id=number, invitation=target.invitation)
        case MembershipInvitation(id=number):
            return RevokeTarget(invitation_id=number, invitation=target)
        case _:
            return RevokeTarget(invitation_id=_invitation_id(target))


def _to_remove_target(target: object) -> RemoveTarget:
    match target:
        case RemoveTarget(user_id=None, slug=str() as slug):
            return _to_remove_target(slug)
        case RemoveTarget():
            number = _checked_id(target.user_id, "a user or its id", "user id")
            return RemoveTarget(user_id=number, user=target.user)
        case EmbeddedUser(id=number):
            return RemoveTarget(user_id=number, user=target)
        case str() if "@" in target and "://" not in target:
            raise TypeError("expected a user, not an email address")
        case str() if target.isdecimal():
            raise ValueError("a user id must be an int")
        case str():
            return RemoveTarget(user_id=None, slug=_slug(target))
        case _:
            return RemoveTarget(user_id=_checked_id(target, "a user or its id", "user id"))


def _invite_target(email: object, user_id: object, user: object = None) -> InviteTarget:
    if sum(each is not None for each in (email, user_id, user)) != 1:
        raise ValueError("an invitation needs an email address, a user id or a user: one of them")
    if user is not None:
        name = UserReference(user).name
        return InviteTarget(user_id=name) if isinstance(name, int) else InviteTarget(user=name)
    if email is None:
        return InviteTarget(user_id=_checked_id(user_id, "a user id", "user id"))
    if not isinstance(email, str):
        raise TypeError(f"an email address must be a str, not {type(email).__name__}")
    if problem := address_problem(email):
        raise ValueError(f"this {problem}")
    return InviteTarget(email=trimmed(email))


def _slug(user: str) -> str:
    return str(UserReference(user).name)


def _invitation_id(number: object) -> int:
    return _checked_id(number, "an invitation or its id", "invitation id")


def _checked_id(number: object, expected: str, what: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"expected {expected}, not {type(number).__name__}")
    return check_id(number, what)


def _attempt(convert: Callable[[object], T], target: object) -> T | ValueError | TypeError:
    """Return a target or its error, without the traceback: its frames contain the address."""
    try:
        return convert(target)
    except (ValueError, TypeError) as error:
        return error.with_traceback(None)


def _checked(result: T | ValueError | TypeError) -> T:
    if isinstance(result, ValueError | TypeError):
        raise result
    return result


set_public_module(globals(), ["InviteTarget", "RemoveTarget", "RevokeTarget"])
set_public_module(globals(), ["normalize_invite_target"], "arena_groups.bulk")
