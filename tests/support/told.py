"""What somebody knows of a group who is told of events only."""

from typing import Self

from attrs import define, field

from arena_groups import (
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    RoleChanged,
    WatchEvent,
)
from arena_groups.sandbox import Sandbox
from arena_groups.watching.poller import fingerprint


@define
class Told:
    """Invitations and members (with their roles) by id, and what stands for the code."""

    invitations: set[int] = field(factory=set[int])
    members: dict[int, str] = field(factory=dict[int, str])
    code: str | None = None

    @classmethod
    def of(cls, sandbox: Sandbox, group: int) -> Self:
        """What is true."""
        owner, *others = sandbox.members(group)
        invite = sandbox._backend.groups[group].invite
        return cls(
            set(sandbox.pending_invitations(group)),
            {owner: "owner", **dict.fromkeys(others, "member")},
            None if invite is None else fingerprint(group, invite.code),
        )

    def hear(self, event: WatchEvent) -> None:
        """Take in an event, which may be one that was heard before."""
        match event:
            case InvitationSent():
                self.invitations.add(event.invitation.id)
            case InvitationAccepted():
                self.invitations.discard(event.invitation.id)
                assert event.invitation.invitee is not None
                assert event.invitation.invitee.id == event.member.id
                assert event.member.id in self.members
            case InvitationClosed():
                self.invitations.discard(event.invitation.id)
            case MemberJoined():
                self.members[event.member.id] = event.member.role.value
            case MemberLeft():
                self.members.pop(event.member.id, None)
            case RoleChanged():
                assert event.previous_role != event.member.role
                self.members[event.member.id] = event.member.role.value
            case InviteCodeChanged():
                self.code = event.fingerprint
