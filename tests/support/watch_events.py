"""One event of each kind, with names and addresses of the test's choice."""

from typing import Any

from attrs import evolve

from arena_groups import (
    GroupRole,
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    RoleChanged,
    WatchEvent,
)
from tests.support.group_states import GROUP, NOW, invitation, member


def every_event(
    name: str = "Ada", *, group: str = "Seven", email: str | None = "ada@example.org"
) -> list[WatchEvent]:
    """Return an event of each kind; of invitations, one to a user and one to an address."""
    person = evolve(member(5), name=name)
    to_user = evolve(invitation(50, 5), invitee=person, invited_by=person, invitee_email=email)
    to_address = evolve(invitation(51), invited_by=person, invitee_email=email)
    where = evolve(GROUP, name=group)
    facts: Any = {"group": where, "observed_at": NOW}
    return [
        InvitationSent(key="7/a/1", sequence=1, invitation=to_user, **facts),
        InvitationSent(key="7/a/2", sequence=2, invitation=to_address, **facts),
        MemberJoined(key="7/a/3", sequence=3, member=person, **facts),
        InvitationAccepted(key="7/a/4", sequence=4, invitation=to_user, member=person, **facts),
        InvitationClosed(key="7/a/5", sequence=5, invitation=to_user, **facts),
        InvitationClosed(key="7/a/6", sequence=6, invitation=to_address, **facts),
        RoleChanged(key="7/a/7", sequence=7, member=person, previous_role=GroupRole.OWNER, **facts),
        MemberLeft(key="7/a/8", sequence=8, member=person, **facts),
        InviteCodeChanged(key="7/a/9", sequence=9, fingerprint="f1", **facts),
        InviteCodeChanged(key="7/a/10", sequence=10, fingerprint=None, **facts),
    ]
