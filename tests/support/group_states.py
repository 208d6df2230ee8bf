"""Random states and snapshots of a watched group."""

from datetime import UTC, datetime
from typing import Final

from hypothesis import strategies as st

from arena_groups import (
    UNSET,
    EmbeddedGroup,
    EmbeddedUser,
    GroupMember,
    GroupRole,
    InvitationState,
    MembershipInvitation,
    ResourceType,
)
from arena_groups.watching.diff import GroupSnapshot, GroupState

GROUP: Final = EmbeddedGroup(
    id=7, type=ResourceType.GROUP, name="Seven", slug="seven", avatar=None, initials="S"
)
NOW: Final = datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)


def member(user_id: int, role: str = "member") -> GroupMember:
    """Return a member."""
    return GroupMember(
        id=user_id,
        type=ResourceType.USER,
        name="Ada",
        slug=f"user-{user_id}",
        avatar=None,
        initials="A",
        role=GroupRole(role),
    )


def invitation(invitation_id: int, invitee: int | None = None) -> MembershipInvitation:
    """Return a pending invitation to a user, or to an address without a known account."""
    user = EmbeddedUser(
        id=invitee or 1, type=ResourceType.USER, name="A", slug="a", avatar=None, initials="A"
    )
    return MembershipInvitation(
        id=invitation_id,
        type=ResourceType.MEMBERSHIP_INVITATION,
        target=GROUP,
        invitee=None if invitee is None else user,
        invitee_email="ada@example.org" if invitee is None else None,
        invited_by=user,
        state=InvitationState.PENDING,
        accepted_at=None,
        created_at=NOW,
        updated_at=NOW,
        links={},
    )


codes = st.none() | st.sampled_from(["one", "two"]) | st.just(UNSET)
members = st.dictionaries(st.integers(1, 6), st.sampled_from(["owner", "member", "editor"])).map(
    lambda roles: {user_id: member(user_id, role) for user_id, role in roles.items()}
)
invitations = st.dictionaries(st.integers(1, 6), st.none() | st.integers(1, 6)).map(
    lambda invitees: {number: invitation(number, user) for number, user in invitees.items()}
)
states = st.builds(
    GroupState, invitations=invitations, members=members, code=codes, sequence=st.integers(0, 9)
)
snapshots = st.builds(
    GroupSnapshot,
    group=st.just(GROUP),
    invitations=st.none() | invitations,
    members=st.none() | members,
    code=codes,
    observed_at=st.just(NOW),
)
