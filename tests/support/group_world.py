"""World in which tests know who has which address, and the models that the API would show."""

from typing import Final

from attrs import define, evolve, field

from arena_groups import Group, GroupMember, InviteResult, MembershipInvitation, from_dict
from arena_groups.reconcile.facts import SyncSnapshot
from tests.support import documents

OWNER: Final = 1
ADDRESSES: Final = ["ada@example.org", "bob@example.org", "cy@example.org"]
GROUP: Final = from_dict(Group, documents.group())


def digest(mailbox: str) -> str:
    return f"#{mailbox}"


def member(user_id: int, slug: str = "") -> GroupMember:
    return from_dict(GroupMember, documents.member(id=user_id, slug=slug or f"user-{user_id}"))


def invitation(
    number: int, *, user_id: int | None = None, email: str | None = None
) -> MembershipInvitation:
    invitee = None if user_id is None else documents.embedded_user(id=user_id, slug=f"u{user_id}")
    return from_dict(
        MembershipInvitation,
        documents.invitation(id=number, invitee=invitee, invitee_email=email),
    )


def invite_result(
    outcome: str, *, user_id: int | None = None, pending: MembershipInvitation | None = None
) -> InviteResult:
    user = None if user_id is None else documents.embedded_user(id=user_id, slug=f"u{user_id}")
    result = from_dict(
        InviteResult, documents.invite_result(outcome=outcome, user=user, invitation=None)
    )
    return evolve(result, invitation=pending)


def snapshot(*members: int, pending: list[MembershipInvitation] | None = None) -> SyncSnapshot:
    return SyncSnapshot(
        own_id=OWNER,
        group=GROUP,
        invitations=tuple(pending or []),
        members=tuple(map(member, members)),
    )


@define
class World:
    """Group with people whose addresses only the server knows."""

    accounts: dict[str, int] = field(factory=dict)
    members: set[int] = field(factory=lambda: {OWNER})
    pending: dict[int, tuple[str, int | None, bool]] = field(factory=dict)
    last_id: int = 100

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def sign_up(self, address: str) -> int:
        return self.accounts.setdefault(address, self.next_id())

    def invitation_of(self, address: str) -> int | None:
        account = self.accounts.get(address)
        for number, (invited, user_id, _) in self.pending.items():
            if invited == address or (account is not None and user_id == account):
                return number
        return None

    def invite(self, address: str, *, shows_address: bool) -> InviteResult:
        """Do what the API does."""
        account = self.accounts.get(address)
        if account in self.members:
            return invite_result("already_member", user_id=account)
        number = self.invitation_of(address)
        outcome = "invitation_pending"
        if number is None:
            number, outcome = self.next_id(), "invited"
            self.pending[number] = (address, account, shows_address)
        return invite_result(outcome, user_id=account, pending=self.shown(number))

    def shown(self, number: int) -> MembershipInvitation:
        address, user_id, shows_address = self.pending[number]
        return invitation(number, user_id=user_id, email=address if shows_address else None)

    def accept(self, address: str) -> None:
        number = self.invitation_of(address)
        if number is not None:
            del self.pending[number]
            self.members.add(self.sign_up(address))

    def decline(self, address: str) -> None:
        number = self.invitation_of(address)
        if number is not None:
            del self.pending[number]
