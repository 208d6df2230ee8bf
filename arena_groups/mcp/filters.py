"""Filter of pending invitations, the same for tools that list them and that revoke them."""

from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import field, frozen

from arena_groups.models import MembershipInvitation

__all__ = ["InvitationKind", "PendingFilter"]

InvitationKind = Literal["email", "user"]
MAX_DAYS: Final = 36500


@frozen(kw_only=True)
class PendingFilter:
    """Conditions on a pending invitation, all of which have to hold.

    Args:
        invited_by: The inviter, by id or slug.
        older_than_days: The least age, in days.
        kind: What was invited: an address (``"email"``) or a user.
        query: A part of the address, or of the name or slug of the invited user, in any case.
    """

    invited_by: str | int | None = None
    older_than_days: float | None = None
    kind: InvitationKind | None = None
    query: str | None = field(default=None, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether there are no conditions."""
        return self == PendingFilter()

    def matches(self, invitation: MembershipInvitation, now: datetime) -> bool:
        """Return whether an invitation meets all conditions.

        Args:
            invitation: The invitation.
            now: The time of which its age counts.

        Returns:
            Whether it does.
        """
        return (
            self._is_inviter(invitation)
            and self._is_old(invitation, now)
            and self.kind in {None, "email" if invitation.invitee is None else "user"}
            and self._is_found(invitation)
        )

    def _is_inviter(self, invitation: MembershipInvitation) -> bool:
        inviter = invitation.invited_by
        return self.invited_by is None or str(self.invited_by) in {str(inviter.id), inviter.slug}

    def _is_old(self, invitation: MembershipInvitation, now: datetime) -> bool:
        if self.older_than_days is None:
            return True
        least = timedelta(days=min(self.older_than_days, MAX_DAYS))
        return now - invitation.created_at >= least

    def _is_found(self, invitation: MembershipInvitation) -> bool:
        if self.query is None:
            return True
        user = invitation.invitee
        texts = [invitation.invitee_email, *((user.name, user.slug) if user else ())]
        wanted = self.query.strip().casefold()
        return any(wanted in text.casefold() for text in texts if text is not None)
