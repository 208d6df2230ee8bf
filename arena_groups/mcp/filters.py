"""Filter of pending invitations, the same for tools that list them and that revoke them."""

from datetime import datetime
from typing import Annotated, Literal

from attrs import field, frozen
from pydantic import Field, StrictInt, StrictStr

from arena_groups.mcp.answers import age_days
from arena_groups.mcp.texts import Disclosure
from arena_groups.models import MembershipInvitation

__all__ = ["InvitedBy", "Kind", "OlderThanDays", "PendingFilter", "Query", "holds"]

InvitedBy = Annotated[
    StrictStr | StrictInt | None,
    Field(description="Only those sent by this user: slug or id."),
]
OlderThanDays = Annotated[
    StrictInt | None, Field(ge=0, description="Only those sent more than this many days ago.")
]
Kind = Annotated[
    Literal["email", "user"] | None,
    Field(description="Only those to addresses, or to users."),
]
Query = Annotated[
    StrictStr | None,
    Field(
        description="Only people with this text in their name, slug or address, as answers show it."
    ),
]


def _none_if_empty(query: str | None) -> str | None:
    return query or None


@frozen(kw_only=True)
class PendingFilter:
    """Conditions on a pending invitation, all of which have to hold.

    Args:
        invited_by: The inviter, by id or slug.
        older_than_days: The number of days than which the invitation is older.
        kind: What was invited: an address (``"email"``) or a user.
        query: A part of the address as it is shown, or of the user's name or slug, in any case.
    """

    invited_by: str | int | None = None
    older_than_days: int | None = None
    kind: Literal["email", "user"] | None = None
    query: str | None = field(default=None, repr=False, converter=_none_if_empty)

    @property
    def is_empty(self) -> bool:
        """Whether there are no conditions."""
        return self == PendingFilter()

    def matches(self, invitation: MembershipInvitation, shown: Disclosure, now: datetime) -> bool:
        """Return whether an invitation meets all conditions.

        Args:
            invitation: The invitation.
            shown: What answers show. With the rest of an address, it could be guessed letter by
                letter.
            now: The time of which its age counts.

        Returns:
            Whether it does.
        """
        inviter, user = invitation.invited_by, invitation.invitee
        names = () if user is None else (shown.text(user.name), shown.text(user.slug))
        return (
            (self.invited_by is None or str(self.invited_by) in {str(inviter.id), inviter.slug})
            and (self.older_than_days is None or age_days(invitation, now) > self.older_than_days)
            and (self.kind is None or (self.kind == "user") == (user is not None))
            and holds(self.query, *names, shown.address(invitation.invitee_email) or "")
        )


def holds(query: str | None, *texts: str) -> bool:
    """Return whether one of the texts holds the query, whatever its case."""
    return not query or any(query.casefold() in text.casefold() for text in texts)
