"""Operations on groups, one short method each."""

from __future__ import annotations

from arena_groups import models
from arena_groups._api import (
    GroupRef,
    GroupReference,
    Secret,
    UserRef,
    UserReference,
    check_one_invitee,
    group_fields,
    invitee,
    join_code,
    operations,
    path_id,
)
from arena_groups._exports import set_public_module
from arena_groups._resources.group_lists import GroupListsResource
from arena_groups._types import UNSET, Unset

__all__ = ["GroupsResource"]


class GroupsResource(GroupListsResource):
    """Operations on groups, as ``arena.groups``.

    ``group`` is everywhere a slug, an id, the URL of the group's page on are.na, or a
    :class:`Group` or :class:`EmbeddedGroup`, of which the id counts: a rename changes the slug of a
    group, never its id. ``user`` is an id, a slug, the URL of a profile, or a model of a user.

    Every method raises ``ValueError`` or ``TypeError`` for bad arguments, before anything is sent,
    and the errors of :mod:`arena_groups.errors`: :class:`AuthenticationError` without a valid
    token if one is needed, :class:`ForbiddenError` if the token's scope or user does not allow
    the operation, :class:`BlockedError` if the network edge refuses the request,
    :class:`NotFoundError` for a group that does not exist,
    :class:`RateLimitError`, :class:`ServerError`, :class:`ArenaConnectionError` and
    :class:`DecodeError`. Lists raise them when they are awaited or iterated over.
    """

    async def get(self, group: GroupRef) -> models.Group:
        """Return a group, with the abilities of the token's user.

        API operation: ``GET /v3/groups/{id}``.

        Args:
            group: The group, by slug, id or URL, or a model of it.

        Returns:
            The group.

        Raises:
            NotFoundError: The group does not exist, or is hidden from the token's user.
        """
        reference = GroupReference(group)
        del group
        return await self._send(operations.GET_GROUP, reference.path)

    async def create(
        self, name: str, *, description: str | None = None, avatar_url: str | None = None
    ) -> models.Group:
        """Create a group owned by the token's user.

        Not idempotent: after a lost connection the group may exist or not, and the error has
        ``outcome_unknown`` set.

        API operation: ``POST /v3/groups``.

        Args:
            name: The name of the group.
            description: The description, as Markdown.
            avatar_url: The URL of an image. The server fetches it a little later.

        Returns:
            The new group.

        Raises:
            UnprocessableError: The server refuses a value.
        """
        body = group_fields(
            name,
            UNSET if description is None else description,
            UNSET if avatar_url is None else avatar_url,
        )
        return await self._send(operations.CREATE_GROUP, body=body)

    async def update(
        self,
        group: GroupRef,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        avatar_url: str | Unset = UNSET,
    ) -> models.Group:
        """Change a group. A field that is not given stays as it is.

        API operation: ``PUT /v3/groups/{id}``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
            name: The new name. It changes the slug.
            description: The new description, as Markdown; ``None`` removes it.
            avatar_url: The URL of a new image.

        Returns:
            The group as it is then.

        Raises:
            ForbiddenError: The token's user may not change the group.
            NotFoundError: The group does not exist, or is hidden from the token's user.
        """
        body = group_fields(name, description, avatar_url)
        reference = GroupReference(group)
        del group
        return await self._send(operations.UPDATE_GROUP, reference.path, body)

    async def delete(self, group: GroupRef) -> None:
        """Delete a group. This cannot be undone.

        API operation: ``DELETE /v3/groups/{id}``.

        Args:
            group: The group, by slug, id or URL, or a model of it.

        Raises:
            ForbiddenError: The token's user may not delete the group.
            NotFoundError: The group does not exist, or is hidden from the token's user.
        """
        reference = GroupReference(group)
        del group
        await self._send(operations.DELETE_GROUP, reference.path)

    async def join(self, group: GroupRef, *, invite_token: str | None = None) -> models.GroupMember:
        """Join a group with its invite code, or with the URL of its invite.

        API operation: ``POST /v3/groups/{id}/members``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
            invite_token: The invite code of the group. It can be left out if ``group`` is the URL
                of the invite, as in ``GroupInvite.url``.

        Returns:
            The token's user as a member, also if they were one before.

        Raises:
            ValueError: ``invite_token`` and the URL have no code, or differ; nothing was sent.
            ForbiddenError: The code is wrong.
            NotFoundError: The code is wrong, or the group does not exist.
        """
        given = None if invite_token is None else Secret(invite_token)
        reference = GroupReference(group)
        del group, invite_token  # here and below: an error's traceback must not hold a secret
        path, code = reference.path, join_code(given, reference.invite_code)
        return await self._send(operations.JOIN, path, {"invite_token": code})

    async def leave(self, group: GroupRef) -> None:
        """Leave a group. A no-op if the token's user is not a member.

        API operation: ``DELETE /v3/groups/{id}/members/me``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
        """
        reference = GroupReference(group)
        del group
        await self._send(operations.LEAVE, reference.path)

    async def remove_member(self, group: GroupRef, user: UserRef) -> None:
        """Remove a member from a group.

        API operation: ``DELETE /v3/groups/{id}/members/{user_id}``, after ``GET /v3/users/{id}``
        if the user is given by slug or URL.

        Args:
            group: The group, by slug, id or URL, or a model of it.
            user: The member, by id, slug or URL, or a model of the user.

        Raises:
            ForbiddenError: The token's user may not remove members.
            NotFoundError: The user is not a member, or the user or the group does not exist.
        """
        reference, person = GroupReference(group), UserReference(user)
        del group, user
        path, call = reference.path, self._for_one_call()
        user_id = await call._user_id(person)
        await call._send(operations.REMOVE_MEMBER, {**path, "user_id": str(user_id)})

    async def invite(
        self,
        group: GroupRef,
        *,
        email: str | None = None,
        user_id: int | None = None,
        user: UserRef | None = None,
    ) -> models.InviteResult:
        """Invite one person, by email address or as a user: exactly one of the three.

        Not idempotent: after a lost connection the email may have been sent or not, and the error
        has ``outcome_unknown`` set. Inviting the same person again then has the outcome
        ``invitation_pending`` if it was sent.

        API operation: ``POST /v3/groups/{id}/invitations``, after ``GET /v3/users/{id}`` if the
        user is given by slug or URL.

        Args:
            group: The group, by slug, id or URL, or a model of it.
            email: The email address to send an invitation to. It is sent as given, without
                surrounding spaces.
            user_id: The id of a user. If they follow the token's user, they become a member at
                once; otherwise they get an email.
            user: The user, by id, slug or URL, or a model of the user.

        Returns:
            The invitation or the new member; ``outcome`` names which.

        Raises:
            ForbiddenError: The token's user may not invite to the group.
            NotFoundError: The user or the group does not exist.
            UnprocessableError: The person cannot be invited.
            ValueError: ``email`` is not an email address; nothing was sent.
        """
        address = None if email is None else Secret(email)
        person = None if user is None else UserReference(user)
        reference = GroupReference(group)
        del email, user, group
        path, call = reference.path, self._for_one_call()
        check_one_invitee(address, user_id, person)
        if person is not None:
            user_id = await call._user_id(person)
        return await call._send(operations.INVITE, path, invitee(address, user_id))

    async def revoke_invitation(
        self, group: GroupRef, invitation: int | models.MembershipInvitation
    ) -> None:
        """Revoke a pending invitation.

        API operation: ``DELETE /v3/groups/{id}/invitations/{invitation_id}``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
            invitation: The invitation, or its id.

        Raises:
            UnprocessableError: The invitation is no longer pending.
            NotFoundError: The group has no such invitation.
        """
        reference = GroupReference(group)
        del group
        number = (
            invitation.id if isinstance(invitation, models.MembershipInvitation) else invitation
        )
        path = {**reference.path, "invitation_id": path_id(number, "invitation id")}
        await self._send(operations.REVOKE_INVITATION, path)

    async def invite_code(self, group: GroupRef) -> models.GroupInvite:
        """Return the group's invite code, and the URL to hand out.

        API operation: ``GET /v3/groups/{id}/invite``.

        Args:
            group: The group, by slug, id or URL, or a model of it.

        Returns:
            The invite code and its URL.

        Raises:
            NotFoundError: The group has no invite code.
        """
        reference = GroupReference(group)
        del group
        return await self._send(operations.INVITE_CODE, reference.path)

    async def create_invite_code(self, group: GroupRef) -> models.GroupInvite:
        """Create the group's invite code, or return the one that exists.

        API operation: ``POST /v3/groups/{id}/invite``.

        Args:
            group: The group, by slug, id or URL, or a model of it.

        Returns:
            The invite code and its URL.

        Raises:
            ForbiddenError: The token's user may not manage the invite code.
        """
        reference = GroupReference(group)
        del group
        return await self._send(operations.CREATE_INVITE_CODE, reference.path)

    async def delete_invite_code(self, group: GroupRef) -> None:
        """Delete the group's invite code. A no-op if there is none.

        API operation: ``DELETE /v3/groups/{id}/invite``.

        Args:
            group: The group, by slug, id or URL, or a model of it.

        Raises:
            ForbiddenError: The token's user may not manage the invite code.
        """
        reference = GroupReference(group)
        del group
        await self._send(operations.DELETE_INVITE_CODE, reference.path)


set_public_module(globals(), __all__)
