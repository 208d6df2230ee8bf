"""Copy of a group that a consumer keeps up to date from the events of a watch alone."""

from typing import Self

from attrs import define, field

from arena_groups import (
    ArenaClient,
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    NotFoundError,
    RoleChanged,
    WatchEvent,
)
from arena_groups.sandbox import Sandbox
from arena_groups.watching.poller import fingerprint


@define
class GroupReplica:
    """Ids of the invitations, roles of the members by id, and the code's fingerprint."""

    invitations: set[int] = field(factory=set[int])
    members: dict[int, str] = field(factory=dict[int, str])
    code: str | None = None

    @classmethod
    async def of(cls, sandbox: Sandbox, arena: ArenaClient, group: int) -> Self:
        """Return the group as it is; ``arena`` is a client of its owner."""
        owner, *others = sandbox.members(group)
        try:
            code = fingerprint(group, (await arena.groups.invite_code(group)).code)
        except NotFoundError:
            code = None
        return cls(
            set(sandbox.pending_invitations(group)),
            {owner: "owner", **dict.fromkeys(others, "member")},
            code,
        )

    def apply(self, event: WatchEvent) -> None:
        """Apply an event, which may have been applied before."""
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
