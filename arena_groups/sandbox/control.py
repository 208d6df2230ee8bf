"""What the REST API cannot do: people accept and decline, follow, sign up, and time passes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from arena_groups.sandbox.backend import Backend, SandboxNotFoundError
from arena_groups.sandbox.entities import (
    Application,
    CredentialRecord,
    GroupRecord,
    InvitationRecord,
    InvitationState,
    SentEmail,
    Tier,
    UserRecord,
)
from arena_groups.sandbox.oauth import ConsentRequest, RedirectToAppError, parse_consent_request
from arena_groups.sandbox.permissions import is_in_group
from arena_groups.sandbox.seed import UserFactory, add_invitations, new_token, new_users
from arena_groups.sandbox.validation import is_acceptable


class SandboxControl:
    """Direct access to a sandbox's world, for tests.

    Groups and users are named by id or slug. Every method raises `LookupError` when there is no
    such group, user or invitation.
    """

    def __init__(
        self, backend: Backend, user_factory: UserFactory, owner: UserRecord, tier: Tier
    ) -> None:
        self._backend = backend
        self._user_factory = user_factory
        self._owner = owner
        self._tier: Tier = tier

    # What is there

    @property
    def now(self) -> datetime:
        """The sandbox's own time, in UTC."""
        return self._backend.clock.now()

    @property
    def groups(self) -> Mapping[str, int]:
        """The ids of all groups by slug, as of now."""
        return {group.slug: group.id for group in self._backend.groups.values()}

    @property
    def emails(self) -> Sequence[SentEmail]:
        """The invitation emails "sent" so far, oldest first."""
        return tuple(self._backend.emails)

    def members(self, group: int | str) -> list[int]:
        """The ids of the owner and then all members, newest first."""
        found = self._group(group)
        return [found.owner_id, *reversed(found.members)]

    def pending_invitations(self, group: int | str) -> list[int]:
        """The ids of a group's pending invitations, newest first."""
        return list(reversed(self._group(group).pending))

    def invitation_state(self, invitation_id: int) -> InvitationState:
        """What became of an invitation."""
        return self._invitation(invitation_id).state

    # What happens

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass. Raises `ValueError` when it is negative."""
        self._backend.clock.advance(seconds)

    def accept_invitation(self, invitation_id: int) -> int:
        """The invitee accepts and is a member from now on. Returns the invitee's user id.

        Whoever was invited by an address without an account signs up with it. Raises
        `ValueError` when the invitation is no longer pending.
        """
        invitation = self._invitation(invitation_id)
        return self._backend.accept(invitation).id

    def decline_invitation(self, invitation_id: int) -> None:
        """The invitee declines. Raises `ValueError` when the invitation is no longer pending."""
        self._backend.close_invitation(self._invitation(invitation_id), "declined")

    def transfer_ownership(self, group: int | str, user: int | str) -> None:
        """A member owns the group from now on; who did before is its newest member.

        Raises `ValueError` when the user is no member.
        """
        found, record = self._group(group), self._user(user)
        if not is_in_group(found, record):
            raise ValueError(f"user {record.id} is no member of the group")
        if record.id != found.owner_id:
            del found.members[record.id]
            found.members[found.owner_id] = None
            found.owner_id = record.id

    def leave_group(self, group: int | str, user: int | str) -> None:
        """A member leaves. Raises `ValueError` when the user is no member, or the owner."""
        found, record = self._group(group), self._user(user)
        if record.id not in found.members:
            raise ValueError(f"user {record.id} is no member who could leave")
        del found.members[record.id]

    def follow(self, user: int | str, other: int | str) -> None:
        """One user follows another from now on: inviting that user's id then adds at once."""
        self._backend.follow(self._user(user), self._user(other))

    def approve_authorization(self, authorize_url: str, *, user: int | str | None = None) -> str:
        """A user, by default the owner, lets an app have a token. Returns where that leads them.

        It is the app's redirect URI with a code, or with an error where the page would send the
        user back at once. Raises `ValueError` where it would not send them anywhere.
        """
        record = self._owner if user is None else self._user(user)
        return self._decide(authorize_url, lambda request: request.allow(self._backend, record))

    def deny_authorization(self, authorize_url: str) -> str:
        """A user says no to an app. Returns and raises what `approve` does."""
        return self._decide(authorize_url, ConsentRequest.deny)

    def _decide(self, authorize_url: str, decide: Callable[[ConsentRequest], str]) -> str:
        query = dict(parse_qsl(urlsplit(authorize_url).query, keep_blank_values=True))
        try:
            return decide(parse_consent_request(self._backend, query))
        except RedirectToAppError as error:
            return error.location

    def unfollow(self, user: int | str, other: int | str) -> None:
        """One user no longer follows another."""
        self._backend.unfollow(self._user(user), self._user(other))

    def allow_inviting_new_addresses(self, user: int | str, *, allow: bool = True) -> None:
        """From now on a user may, or may not, invite addresses that nobody has."""
        self._user(user).may_invite_new_addresses = allow

    # What is new

    def add_user(
        self,
        name: str,
        *,
        email: str | None = None,
        tier: Tier | None = None,
        confirmed: bool = True,
        may_invite_new_addresses: bool | None = None,
        follows: Iterable[int | str] = (),
    ) -> int:
        """A new account. Returns its id.

        Without `email` it gets an address for examples. Unless `may_invite_new_addresses` says
        otherwise, whoever is confirmed may also invite addresses that nobody has. Raises
        `ValueError` when the name is empty, the address is not usable or taken, or `tier` is
        "guest", which nobody with an account is.
        """
        if email is not None and not is_acceptable(email):
            raise ValueError("email must be an email address")
        if tier == "guest":
            raise ValueError("nobody with an account is a guest")
        others = [self._user(other) for other in follows]
        record = self._backend.add_user(name, email=email, tier=tier or self._tier)
        record.confirmed = confirmed
        record.may_invite_new_addresses = (
            confirmed if may_invite_new_addresses is None else may_invite_new_addresses
        )
        for other in others:
            self._backend.follow(record, other)
        return record.id

    def rename_user(self, user: int | str, name: str) -> None:
        """Change the name of a user, as they can in their settings.

        Args:
            user: Id or slug of the user.
            name: The new name.

        Raises:
            SandboxNotFoundError: The user does not exist.
        """
        self._user(user).name = name

    def token_for(self, user: int | str, *, write: bool = True) -> str:
        """A new token of this user, with the write or only the read scope."""
        credential = CredentialRecord(self._user(user).id, write=write)
        return new_token(self._backend, "user", credential)

    def add_application(
        self,
        name: str,
        *redirect_uris: str,
        owner: int | str | None = None,
        confidential: bool = False,
    ) -> Application:
        """A new app that may ask for tokens, with a secret if it is `confidential`.

        Raises `ValueError` without a redirect URI.
        """
        if not redirect_uris:
            raise ValueError("an app needs a redirect URI")
        record = self._owner if owner is None else self._user(owner)
        return self._backend.oauth.register(
            name, redirect_uris, owner=record.id, confidential=confidential
        )

    def add_group(
        self,
        name: str,
        *,
        owner: int | str | None = None,
        private: bool = False,
        slug: str | None = None,
        description: str | None = None,
    ) -> int:
        """A new group, by default of the owner of the seeded ones. Returns its id.

        Raises `ValueError` when the name is empty, or the slug is taken or not usable.
        """
        record = self._owner if owner is None else self._user(owner)
        group = self._backend.add_group(name, record, slug=slug)
        group.private = private
        group.description = description
        return group.id

    def add_member(self, group: int | str, user: int | str) -> None:
        """A user is a member from now on, if not so before."""
        found, record = self._group(group), self._user(user)
        if not is_in_group(found, record):
            found.members[record.id] = None

    def add_members(self, group: int | str, count: int) -> list[int]:
        """New people, members from now on. Returns their ids, oldest member first."""
        ids = [record.id for record in new_users(self._user_factory, count)]
        self._group(group).members.update(dict.fromkeys(ids))
        return ids

    def add_followers(self, group: int | str, count: int) -> list[int]:
        """New people, followers of the group from now on. Returns their ids, oldest first."""
        ids = [record.id for record in new_users(self._user_factory, count)]
        self._group(group).followers.update(dict.fromkeys(ids))
        return ids

    def add_invitations(self, group: int | str, count: int) -> list[int]:
        """Pending invitations, of now: some to new people, some to addresses only.

        Returns their ids, oldest first. No emails are "sent" for them.
        """
        times = [self.now] * count
        found = self._group(group)
        return [
            each.id for each in add_invitations(self._backend, self._user_factory, found, times)
        ]

    # Finding

    def _group(self, ref: int | str) -> GroupRecord:
        group = self._backend.find_group(ref)
        if group is None:
            raise SandboxNotFoundError(f"there is no group {ref!r} in the sandbox")
        return group

    def _user(self, ref: int | str) -> UserRecord:
        record = self._backend.find_user(ref)
        if record is None:
            raise SandboxNotFoundError(f"there is no user {ref!r} in the sandbox")
        return record

    def _invitation(self, invitation_id: int) -> InvitationRecord:
        invitation = self._backend.invitations.get(invitation_id)
        if invitation is None:
            raise SandboxNotFoundError(f"there is no invitation {invitation_id} in the sandbox")
        return invitation
