"""State of the sandbox: users, groups and invitations, and the rules by which they change."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from arena_groups.sandbox.applications import OAuthRegistry
from arena_groups.sandbox.copies import copy_group, copy_invitation, copy_user
from arena_groups.sandbox.draws import invite_code, pick, slug_suffix
from arena_groups.sandbox.entities import (
    ChannelRecord,
    CredentialRecord,
    GroupRecord,
    InvitationRecord,
    InvitationState,
    InviteCodeRecord,
    InviteRecipient,
    PendingAvatar,
    SentEmail,
    Tier,
    UserRecord,
)
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.names import NumberedNames, by_slug_or_id, is_valid_slug, slugify
from arena_groups.sandbox.permissions import InviteOutcomeName, invite_outcome, is_in_group

# Blocks and channels have the same ids: an id alone does not identify the type.
FIRST_IDS = {
    "user": 1,
    "group": 1001,
    "invitation": 50001,
    "invite": 301,
    "churn": 1,
    "block": 70001,
    "channel": 70001,
    "connection": 900001,
    "notification": 1_000_000_001,
}
AVATAR_DELAY = timedelta(seconds=2)  # until a new avatar is visible


class SandboxNotFoundError(LookupError):
    """The sandbox has no such user, group or invitation."""


class SandboxConflictError(ValueError):
    """The present state of the sandbox does not allow this."""


@attrs.frozen
class InvitationOutcome:
    """The result of an invitation."""

    outcome: InviteOutcomeName
    user: UserRecord | None
    invitation: InvitationRecord | None = None


@attrs.define(eq=False)
class Backend:
    """The state of one sandbox. Two backends share nothing."""

    clock: SandboxClock
    rng: random.Random = attrs.field(repr=False)
    on_email: Callable[[SentEmail], object] = attrs.field(default=lambda _email: None, repr=False)
    users: dict[int, UserRecord] = attrs.field(factory=dict[int, UserRecord], repr=False)
    groups: dict[int, GroupRecord] = attrs.field(factory=dict[int, GroupRecord], repr=False)
    invitations: dict[int, InvitationRecord] = attrs.field(
        factory=dict[int, InvitationRecord], repr=False
    )
    emails: list[SentEmail] = attrs.field(factory=list[SentEmail], repr=False)
    credentials: dict[str, CredentialRecord] = attrs.field(
        factory=dict[str, CredentialRecord], repr=False
    )
    oauth: OAuthRegistry = attrs.field(factory=OAuthRegistry, repr=False)
    _next_ids: dict[str, int] = attrs.field(factory=FIRST_IDS.copy, init=False, repr=False)
    _names: NumberedNames = attrs.field(factory=NumberedNames, init=False, repr=False)
    _invited_addresses: set[str] = attrs.field(factory=set[str], repr=False)
    _users_by_slug: dict[str, UserRecord] = attrs.field(factory=dict[str, UserRecord], repr=False)
    _users_by_address: dict[str, UserRecord] = attrs.field(
        factory=dict[str, UserRecord], repr=False
    )
    _groups_by_slug: dict[str, GroupRecord] = attrs.field(
        factory=dict[str, GroupRecord], repr=False
    )

    def restart(self, rng: random.Random) -> None:
        """Return to an empty state, at the time of the clock's source."""
        self.clock.reset()
        empty = Backend(self.clock, rng, self.on_email)
        for field in attrs.fields(Backend):
            setattr(self, field.name, getattr(empty, field.name))

    def copy_seed(self, seeded: "Backend") -> None:
        """Become as a backend that has been filled with seeded records, and not used since."""
        self.rng.setstate(seeded.rng.getstate())
        self._next_ids = dict(seeded._next_ids)
        self._names = seeded._names.copy()
        self._invited_addresses = set(seeded._invited_addresses)
        self.users = {number: copy_user(each) for number, each in seeded.users.items()}
        self.invitations = {
            number: copy_invitation(each) for number, each in seeded.invitations.items()
        }
        self.groups = {
            number: copy_group(each, self.invitations) for number, each in seeded.groups.items()
        }
        self._users_by_slug = {each.slug: each for each in self.users.values()}
        self._users_by_address = {each.email.lower(): each for each in self.users.values()}
        self._groups_by_slug = {each.slug: each for each in self.groups.values()}

    # Users

    def add_user(
        self, name: str, *, email: str | None, tier: Tier, at: datetime | None = None
    ) -> UserRecord:
        """Add an account. Raises `ValueError` for an empty name or a taken address."""
        if not name.strip():
            raise ValueError("name must not be empty")
        if email is not None and self.find_user_by_address(email) is not None:
            raise ValueError("another user has this address")
        person_id = self.next_id("user")
        slug = self._free_user_slug(slugify(name) or f"user-{person_id}")
        when = at or self.clock.now()
        user = UserRecord(
            id=person_id,
            name=name,
            slug=slug,
            email=email or self._free_address(slug.replace("-", ".")),
            tier=tier,
            created_at=when,
            updated_at=when,
        )
        self.users[user.id] = user
        self._users_by_slug[slug] = user
        self._users_by_address[user.email.lower()] = user
        return user

    def find_user(self, ref: int | str) -> UserRecord | None:
        """Return the user with this id or slug."""
        return by_slug_or_id(ref, self._users_by_slug, self.users)

    def find_user_by_address(self, email: str) -> UserRecord | None:
        """Return the user with this address, ignoring case."""
        return self._users_by_address.get(email.lower())

    def change_slug(self, user: UserRecord, slug: str) -> None:
        """Give a user another slug. Raises `ValueError` if it is taken or invalid."""
        if self._users_by_slug.get(slug, user) is not user or not is_valid_slug(slug):
            raise ValueError(f"the slug {slug!r} is taken or invalid")
        self._users_by_slug[slug] = self._users_by_slug.pop(user.slug)
        user.slug = slug

    def follow(self, user: UserRecord, other: UserRecord | GroupRecord | ChannelRecord) -> None:
        """Let `user` follow another user, a group or a channel."""
        if isinstance(other, ChannelRecord):
            user.following["Channel", other.id] = None
            return
        user.following["User" if isinstance(other, UserRecord) else "Group", other.id] = None
        other.followers[user.id] = None

    def unfollow(self, user: UserRecord, other: UserRecord) -> None:
        """Let `user` stop following `other`."""
        user.following.pop(("User", other.id), None)
        other.followers.pop(user.id, None)

    def find_channel(self, channel_id: int) -> tuple[GroupRecord, ChannelRecord] | None:
        """Return the channel with this id, and the group that lists it."""
        found = (
            (group, each)
            for group in self.groups.values()
            for each in group.contents
            if isinstance(each, ChannelRecord) and each.id == channel_id
        )
        return next(found, None)

    # Groups

    def add_group(
        self, name: str, owner: UserRecord, *, slug: str | None = None, at: datetime | None = None
    ) -> GroupRecord:
        """Add a group.

        Raises `ValueError` for an empty name, or a slug that is taken or invalid.
        """
        if not name.strip():
            raise ValueError("name must not be empty")
        if slug is not None and (slug in self._groups_by_slug or not is_valid_slug(slug)):
            raise ValueError(f"the slug {slug!r} is taken or invalid")
        when = at or self.clock.now()
        group = GroupRecord(
            id=self.next_id("group"),
            name=name,
            slug=slug or self.new_slug(name),
            owner_id=owner.id,
            created_at=when,
            updated_at=when,
        )
        self.groups[group.id] = group
        self._groups_by_slug[group.slug] = group
        return group

    def find_group(self, ref: int | str) -> GroupRecord | None:
        """Return the group with this id or slug."""
        return by_slug_or_id(ref, self._groups_by_slug, self.groups)

    def rename_group(self, group: GroupRecord, name: str) -> None:
        """Set the name and a new slug. The old slug is a 404 afterwards."""
        if name == group.name:
            return
        del self._groups_by_slug[group.slug]
        group.name = name
        group.slug = self.new_slug(name)
        self._groups_by_slug[group.slug] = group

    def fetch_avatar(self, group: GroupRecord, url: str) -> None:
        """Make the image at `url` the avatar, after a delay as with the real API."""
        group.avatar = self.avatar_of(group)
        group.next_avatar = PendingAvatar(url, self.clock.now() + AVATAR_DELAY)

    def avatar_of(self, group: GroupRecord) -> str | None:
        """Return the group's current avatar."""
        coming = group.next_avatar
        return group.avatar if coming is None or self.clock.now() < coming.at else coming.url

    def delete_group(self, group: GroupRecord) -> None:
        """Delete the group with its invitations and contents."""
        del self.groups[group.id]
        del self._groups_by_slug[group.slug]
        gone = [each.id for each in self.invitations.values() if each.group_id == group.id]
        for invitation_id in gone:
            del self.invitations[invitation_id]

    def groups_of(self, user: UserRecord) -> list[GroupRecord]:
        """Return the groups that the user owns or is a member of."""
        return [group for group in self.groups.values() if is_in_group(group, user)]

    def ensure_invite_code(
        self, group: GroupRecord, at: datetime | None = None
    ) -> tuple[InviteCodeRecord, bool]:
        """Return the group's code, and whether it was created by this call."""
        if group.invite is not None:
            return group.invite, False
        when = at or self.clock.now()
        code = invite_code(self.rng)
        group.invite = InviteCodeRecord(self.next_id("invite"), code, when, when)
        return group.invite, True

    # Invitations

    def add_invitation(
        self,
        group: GroupRecord,
        invited_by: UserRecord,
        *,
        invitee: UserRecord | None = None,
        email: str | None = None,
        at: datetime | None = None,
    ) -> InvitationRecord:
        """Add a pending invitation, without checks and without an email."""
        when = at or self.clock.now()
        invitation = InvitationRecord(
            id=self.next_id("invitation"),
            group_id=group.id,
            invited_by=invited_by.id,
            created_at=when,
            updated_at=when,
            invitee_id=invitee.id if invitee else None,
            email=email,
        )
        self.invitations[invitation.id] = invitation
        group.add_pending(invitation)
        if email is not None:
            self._invited_addresses.add(email.lower())
        return invitation

    def invite(
        self, group: GroupRecord, caller: UserRecord, target: InviteRecipient
    ) -> InvitationOutcome:
        """Add or invite a user. Raises `SandboxNotFoundError` for an unknown id."""
        user = self._resolve(target)
        pending = self._pending_for(group, user, target.email)
        trusted = target.email is None and user is not None and user.follows(caller)
        outcome = invite_outcome(
            member=is_in_group(group, user), pending=pending is not None, trusted=trusted
        )
        match outcome:
            case "added" if user is not None:
                group.members[user.id] = None
            case "invited":
                pending = self.add_invitation(group, caller, invitee=user, email=target.email)
                self._send_email(pending)
            case _:
                pass
        has_invitation = outcome in {"invited", "invitation_pending"}
        return InvitationOutcome(outcome, user, pending if has_invitation else None)

    def accept(self, invitation: InvitationRecord, *, at: datetime | None = None) -> UserRecord:
        """Make the invitee a member. Raises `ValueError` if the invitation is not pending."""
        self.close_invitation(invitation, "accepted", at=at)
        invitation.accepted_at = invitation.updated_at
        invitee = self._invitee(invitation)
        invitation.invitee_id = invitee.id
        group = self.groups[invitation.group_id]
        if not is_in_group(group, invitee):
            group.members[invitee.id] = None
        return invitee

    def close_invitation(
        self, invitation: InvitationRecord, state: InvitationState, *, at: datetime | None = None
    ) -> None:
        """End a pending invitation. Raises `ValueError` if it has ended already."""
        if invitation.state != "pending":
            raise SandboxConflictError(f"the invitation is not pending but {invitation.state}")
        invitation.state = state
        invitation.updated_at = at or self.clock.now()
        self.groups[invitation.group_id].remove_pending(invitation)

    def erase_invitation(self, invitation: InvitationRecord) -> None:
        """Delete a pending invitation without a trace."""
        self.groups[invitation.group_id].remove_pending(invitation)
        del self.invitations[invitation.id]
        self._invited_addresses.discard((invitation.email or "").lower())

    def _invitee(self, invitation: InvitationRecord) -> UserRecord:
        if invitation.invitee_id is not None:
            return self.users[invitation.invitee_id]
        address = invitation.email or ""
        known = self.find_user_by_address(address)
        # An invitee without an account signs up with the invited address.
        name = address.partition("@")[0].replace(".", " ").title()
        return known or self.add_user(name.strip() or "Newcomer", email=address, tier="free")

    def _resolve(self, target: InviteRecipient) -> UserRecord | None:
        if target.email is not None:
            return self.find_user_by_address(target.email)
        user = self.users.get(target.user_id or 0)
        if user is None:
            raise SandboxNotFoundError("user")
        return user

    def _pending_for(
        self, group: GroupRecord, user: UserRecord | None, email: str | None
    ) -> InvitationRecord | None:
        addresses = {each.lower() for each in (email, user and user.email) if each}
        return group.oldest_pending({*addresses, *({user.id} if user else ())})

    def email_for(self, invitation: InvitationRecord) -> SentEmail:
        """Return the email of an invitation, as it is or would have been sent."""
        inviter, invitee = self.users[invitation.invited_by], invitation.invitee_id
        return SentEmail(
            invitation_id=invitation.id,
            address=invitation.email or (self.users[invitee].email if invitee else ""),
            group_id=invitation.group_id,
            group_name=self.groups[invitation.group_id].name,
            inviter_id=inviter.id,
            inviter_name=inviter.name,
            sent_at=invitation.created_at,
        )

    def _send_email(self, invitation: InvitationRecord) -> None:
        email = self.email_for(invitation)
        self.emails.append(email)
        self.on_email(email)

    # Names and ids

    def next_id(self, kind: str) -> int:
        """Return the next id of a kind. Each kind has its own sequence."""
        number = self._next_ids[kind]
        self._next_ids[kind] = number + 1
        return number

    def new_slug(self, name: str) -> str:
        """Return an unused slug: the name in lower case with a random suffix."""
        while True:
            slug = f"{slugify(name) or 'group'}-{slug_suffix(self.rng)}"
            if slug not in self._groups_by_slug:
                return slug

    def free_address(self, first: str, last: str) -> str:
        """Return an unused address at a domain reserved for examples."""
        return self._free_address(f"{slugify(first)}.{slugify(last)}".strip("."))

    def _free_address(self, local_part: str) -> str:
        domain = pick(self.rng, ("example.org", "example.com", "example.net"))
        return self._names.find(
            f"{local_part}@{domain}",
            lambda number: f"{local_part}{number}@{domain}",
            lambda each: each in self._users_by_address or each in self._invited_addresses,
        )

    def _free_user_slug(self, wanted: str) -> str:
        return self._names.find(
            wanted, lambda number: f"{wanted}-{number}", self._users_by_slug.__contains__
        )
