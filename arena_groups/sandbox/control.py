"""Control methods of a sandbox: what users do outside the REST API."""

from collections.abc import Callable, Iterable
from typing import get_args
from urllib.parse import urlsplit

from arena_groups.sandbox.applications import Application, is_redirect_uri
from arena_groups.sandbox.backend import SandboxConflictError
from arena_groups.sandbox.control_state import SandboxState, changes
from arena_groups.sandbox.entities import (
    CredentialRecord,
    SentEmail,
    Tier,
)
from arena_groups.sandbox.names import HasId, Reference, check_count
from arena_groups.sandbox.oauth import ConsentRequest, RedirectToAppError, parse_consent_request
from arena_groups.sandbox.permissions import is_in_group
from arena_groups.sandbox.seed import add_invitations, new_token, new_users
from arena_groups.sandbox.validation import is_acceptable


class SandboxControl(SandboxState):
    """What users of a sandbox do outside the REST API.

    Groups and users are named by id or slug, or by an object with an `id`: `sandbox.users.owner`,
    or a model of a client.
    """

    @changes
    def accept_invitation(self, invitation: int | HasId | SentEmail) -> int:
        """Accept an invitation as its invitee, who becomes a member.

        An invitee without an account signs up with the invited address.

        Args:
            invitation: The invitation, its id or its email.

        Returns:
            The user id of the invitee.

        Raises:
            SandboxNotFoundError: The invitation does not exist.
            SandboxConflictError: The invitation is no longer pending.
        """
        return self._backend.accept(self._invitation(invitation)).id

    @changes
    def decline_invitation(self, invitation: int | HasId | SentEmail) -> None:
        """Decline an invitation as its invitee.

        Args:
            invitation: The invitation, its id or its email.

        Raises:
            SandboxNotFoundError: The invitation does not exist.
            SandboxConflictError: The invitation is no longer pending.
        """
        self._backend.close_invitation(self._invitation(invitation), "declined")

    @changes
    def transfer_ownership(self, group: Reference, user: Reference) -> None:
        """Make a member the owner of a group. The previous owner becomes its newest member.

        Args:
            group: The id or slug of the group.
            user: The id or slug of the new owner.

        Raises:
            SandboxNotFoundError: The group or the user does not exist.
            SandboxConflictError: The user is not a member.
        """
        found, record = self._group(group), self._user(user)
        if not is_in_group(found, record):
            raise SandboxConflictError(f"user {record.id} is not a member of the group")
        if record.id != found.owner_id:
            del found.members[record.id]
            found.members[found.owner_id] = None
            found.owner_id = record.id

    @changes
    def leave_group(self, group: Reference, user: Reference) -> None:
        """Let a member leave a group.

        Args:
            group: The id or slug of the group.
            user: The id or slug of the member.

        Raises:
            SandboxNotFoundError: The group or the user does not exist.
            SandboxConflictError: The user is the owner, or not a member.
        """
        found, record = self._group(group), self._user(user)
        if record.id not in found.members:
            raise SandboxConflictError(
                f"user {record.id} is the owner or not a member: cannot leave"
            )
        del found.members[record.id]

    @changes
    def follow(self, user: Reference, other: Reference) -> None:
        """Let one user follow another. Inviting a follower by id adds the follower at once.

        Args:
            user: The id or slug of the follower.
            other: The id or slug of the followed user.

        Raises:
            SandboxNotFoundError: One of the users does not exist.
        """
        self._backend.follow(self._user(user), self._user(other))

    @changes
    def unfollow(self, user: Reference, other: Reference) -> None:
        """Let one user stop following another.

        Args:
            user: The id or slug of the follower.
            other: The id or slug of the followed user.

        Raises:
            SandboxNotFoundError: One of the users does not exist.
        """
        self._backend.unfollow(self._user(user), self._user(other))

    @changes
    def allow_inviting_new_addresses(self, user: Reference, *, allowed: bool = True) -> None:
        """Set whether a user may invite addresses without an account.

        Args:
            user: The id or slug of the user.
            allowed: The new permission.

        Raises:
            SandboxNotFoundError: The user does not exist.
        """
        self._user(user).may_invite_new_addresses = allowed

    @changes
    def add_user(
        self,
        name: str,
        *,
        email: str | None = None,
        tier: Tier | None = None,
        confirmed: bool = True,
        may_invite_new_addresses: bool | None = None,
        follows: Iterable[Reference] = (),
    ) -> int:
        """Add a user.

        Args:
            name: The name, not empty.
            email: The address; by default one at an example domain.
            tier: The tier; by default that of the seeded accounts.
            confirmed: Whether the account is confirmed.
            may_invite_new_addresses: Whether the user may invite addresses without an account; by
                default only confirmed users may.
            follows: The ids or slugs of users to follow.

        Returns:
            The id of the user.

        Raises:
            SandboxNotFoundError: A user to follow does not exist.
            ValueError: The name is empty, the address is invalid or taken, or the tier is "guest"
                or unknown.
        """
        if email is not None and not is_acceptable(email):
            raise ValueError("email must be an email address")
        if tier == "guest":
            raise ValueError("an account cannot have the tier guest")
        if tier is not None and tier not in get_args(Tier):
            raise ValueError(f"tier must be one of {', '.join(get_args(Tier)[1:])}, not {tier!r}")
        others = [self._user(other) for other in follows]
        record = self._backend.add_user(name, email=email, tier=tier or self._tier)
        record.confirmed = confirmed
        record.may_invite_new_addresses = (
            confirmed if may_invite_new_addresses is None else may_invite_new_addresses
        )
        for other in others:
            self._backend.follow(record, other)
        return record.id

    @changes
    def rename_user(self, user: Reference, name: str, *, slug: str | None = None) -> None:
        """Change the name of a user, as they can in their settings.

        Args:
            user: Id or slug of the user.
            name: The new name.
            slug: The new slug; by default it stays. The old one is a 404 then, until another user
                takes it.

        Raises:
            SandboxNotFoundError: The user does not exist.
            ValueError: The name is empty, or the slug is invalid or taken.
        """
        record = self._user(user)
        if not name.strip():
            raise ValueError("name must not be empty")
        if slug is not None:
            self._backend.change_slug(record, slug)
        record.name = name

    @changes
    def token_for(self, user: Reference, *, write: bool = True) -> str:
        """Create a token for a user.

        Args:
            user: The id or slug of the user.
            write: Whether the token has the write scope, besides the read scope.

        Returns:
            The token.

        Raises:
            SandboxNotFoundError: The user does not exist.
        """
        credential = CredentialRecord(self._user(user).id, write=write)
        return new_token(self._backend, "user", credential)

    @changes
    def add_group(
        self,
        name: str,
        *,
        owner: Reference | None = None,
        private: bool = False,
        slug: str | None = None,
        description: str | None = None,
    ) -> int:
        """Add a group.

        Args:
            name: The name, not empty.
            owner: The id or slug of the owner; by default the owner of the seeded groups.
            private: Whether only members may read the group.
            slug: The slug; by default derived from the name.
            description: The description, in Markdown.

        Returns:
            The id of the group.

        Raises:
            SandboxNotFoundError: The owner does not exist.
            ValueError: The name is empty, or the slug is invalid or taken.
        """
        record = self._owner if owner is None else self._user(owner)
        group = self._backend.add_group(name, record, slug=slug)
        group.private = private
        group.description = description
        return group.id

    @changes
    def join_group(self, group: Reference, user: Reference) -> None:
        """Let a user join a group, as with its invite code.

        Args:
            group: The id or slug of the group.
            user: The id or slug of the user.

        Raises:
            SandboxNotFoundError: The group or the user does not exist.
            SandboxConflictError: The user is in the group already.
        """
        found, record = self._group(group), self._user(user)
        if is_in_group(found, record):
            raise SandboxConflictError(f"user {record.id} is in the group already")
        found.members[record.id] = None

    @changes
    def add_member(self, group: Reference, user: Reference) -> None:
        """Make a user a member of a group. Does nothing if the user is one already.

        Args:
            group: The id or slug of the group.
            user: The id or slug of the user.

        Raises:
            SandboxNotFoundError: The group or the user does not exist.
        """
        found, record = self._group(group), self._user(user)
        if not is_in_group(found, record):
            found.members[record.id] = None

    @changes
    def add_members(self, group: Reference, count: int) -> list[int]:
        """Add new users as members of a group.

        Args:
            group: The id or slug of the group.
            count: How many.

        Returns:
            The user ids, oldest member first.

        Raises:
            SandboxNotFoundError: The group does not exist.
            ValueError: The count is negative.
        """
        check_count(count)
        found = self._group(group)
        ids = [record.id for record in new_users(self._user_factory, count)]
        found.members.update(dict.fromkeys(ids))
        return ids

    @changes
    def add_followers(self, group: Reference, count: int) -> list[int]:
        """Add new users as followers of a group.

        Args:
            group: The id or slug of the group.
            count: How many.

        Returns:
            The user ids, oldest follower first.

        Raises:
            SandboxNotFoundError: The group does not exist.
            ValueError: The count is negative.
        """
        check_count(count)
        found, users = self._group(group), new_users(self._user_factory, count)
        for user in users:
            self._backend.follow(user, found)
        return [user.id for user in users]

    @changes
    def add_invitations(self, group: Reference, count: int) -> list[int]:
        """Add pending invitations, some to new users, some to addresses. No emails are "sent".

        Args:
            group: The id or slug of the group.
            count: How many.

        Returns:
            The invitation ids, oldest first.

        Raises:
            SandboxNotFoundError: The group does not exist.
            ValueError: The count is negative.
        """
        check_count(count)
        times = [self.now] * count
        found = self._group(group)
        return [
            each.id for each in add_invitations(self._backend, self._user_factory, found, times)
        ]

    @changes
    def add_application(
        self,
        name: str,
        *redirect_uris: str,
        owner: Reference | None = None,
        confidential: bool = False,
    ) -> Application:
        """Register an app that may ask for tokens.

        Args:
            name: The name, which the consent page shows.
            *redirect_uris: At least one redirect URI.
            owner: The id or slug of the user who registers it; by default the owner of the seeded
                groups.
            confidential: Whether the app has a client secret.

        Returns:
            The app with its credentials.

        Raises:
            SandboxNotFoundError: The owner does not exist.
            ValueError: There is no redirect URI, or one has a backslash, a control character, user
                information, a fragment or an invalid port.
        """
        if not redirect_uris:
            raise ValueError("an app needs a redirect URI")
        for uri in redirect_uris:
            if not is_redirect_uri(uri):
                raise ValueError(
                    f"{uri!r} is not a redirect URI: pass scheme, host, an optional port and path"
                )
        record = self._owner if owner is None else self._user(owner)
        return self._backend.oauth.register(
            name, redirect_uris, owner=record.id, confidential=confidential
        )

    @changes
    def approve_authorization(self, authorize_url: str, *, user: Reference | None = None) -> str:
        """Approve an app's OAuth request, as a user would on the consent page.

        Args:
            authorize_url: The URL of the consent page with its query.
            user: The id or slug of the user; by default the owner of the seeded groups.

        Returns:
            The app's redirect URI with a code, or with an error if the request is not valid.

        Raises:
            SandboxNotFoundError: The user does not exist.
            ValueError: The URL names no app, or a redirect URI that the app did not register.
        """
        record = self._owner if user is None else self._user(user)
        return self._decide(authorize_url, lambda request: request.allow(self._backend, record))

    @changes
    def deny_authorization(self, authorize_url: str) -> str:
        """Deny an app's OAuth request, as a user would on the consent page.

        Args:
            authorize_url: The URL of the consent page with its query.

        Returns:
            The app's redirect URI with an error.

        Raises:
            ValueError: The URL names no app, or a redirect URI that the app did not register.
        """
        return self._decide(authorize_url, ConsentRequest.deny)

    def _decide(self, authorize_url: str, decide: Callable[[ConsentRequest], str]) -> str:
        try:
            return decide(parse_consent_request(self._backend, urlsplit(authorize_url).query))
        except RedirectToAppError as error:
            return error.location
