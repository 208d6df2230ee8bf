"""Which invitations somebody means, and in which order: pure decisions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from attrs import field, frozen

from arena_groups.cli.views import invitee
from arena_groups.models import MembershipInvitation


@frozen(kw_only=True)
class Selection:
    """Filters on invitations; ``None`` lets every one through.

    ``older_than`` is the least time since an invitation was sent, ``email`` a pattern with
    ``*`` and ``?``, ``invited_by`` the slug or id of whoever sent it.
    """

    older_than: timedelta | None = None
    email: str | None = field(default=None, repr=False)
    invited_by: str | None = None

    def accepts(self, invitation: MembershipInvitation, now: datetime) -> bool:
        """Whether this is one of those meant."""
        return (
            self._is_old(invitation, now)
            and self._has_address(invitation)
            and self._has_sender(invitation)
        )

    def _is_old(self, invitation: MembershipInvitation, now: datetime) -> bool:
        return self.older_than is None or now - invitation.created_at >= self.older_than

    def _has_address(self, invitation: MembershipInvitation) -> bool:
        if self.email is None:
            return True
        address = invitation.invitee_email
        return address is not None and fnmatchcase(address.casefold(), self.email.casefold())

    def _has_sender(self, invitation: MembershipInvitation) -> bool:
        sender = invitation.invited_by
        return self.invited_by is None or self.invited_by in {sender.slug, str(sender.id)}


Order = tuple[Callable[[MembershipInvitation], str | datetime], bool]
"""A key, and whether the largest comes first."""

ORDERS: dict[str, Order] = {
    "newest": (lambda each: each.created_at, True),
    "oldest": (lambda each: each.created_at, False),
    "invitee": (lambda each: invitee(each).casefold(), False),
    "inviter": (lambda each: each.invited_by.name.casefold(), False),
    "group": (lambda each: each.target.name.casefold(), False),
}


def in_order(invitations: list[MembershipInvitation], sort: str) -> list[MembershipInvitation]:
    """Return invitations in one of the orders of :data:`ORDERS`."""
    key, descending = ORDERS[sort]
    return sorted(invitations, key=key, reverse=descending)
