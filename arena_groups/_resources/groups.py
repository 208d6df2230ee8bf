"""Operations on groups, one short method each."""

from arena_groups._api import (
    Secret,
    check_invite_token,
    group_fields,
    invitee,
    operations,
    path_id,
)
from arena_groups._exports import set_public_module
from arena_groups._resources.group_lists import GroupListsResource, group_path
from arena_groups._types import UNSET, Unset
from arena_groups.models import (
    Group,
    GroupInvite,
    GroupMember,
    InviteResult,
)

__all__ = ["GroupsResource"]


class GroupsResource(GroupListsResource):
    """Operations on groups, as ``arena.groups``.

    ``group`` is a slug or an id everywhere. A rename changes the slug of a group, never its id.

    Every method raises ``ValueError`` or ``TypeError`` for bad arguments, before anything is sent,
    and the errors of :mod:`arena_groups.errors`: :class:`AuthenticationError` without a valid
    token if one is needed, :class:`ForbiddenError` if the token's scope or user does not allow
    the operation, :class:`NotFoundError` for a group that does not exist,
    :class:`RateLimitError`, :class:`ServerError`, :class:`ArenaConnectionError` and
    :class:`DecodeError`. Lists raise them when they are awaited or iterated over.
    """

    async def get(self, group: str | int) -> Group:
        """Return a group, with the abilities of the token's user.

        API operation: ``GET /v3/groups/{id}``.

        Args:
            group: The group, by slug or id.

        Returns:
            The group.

        Raises:
            NotFoundError: The group does not exist, or is hidden from the token's user.
        """
        return await self._send(operations.GET_GROUP, group_path(group))

    async def create(
        self, name: str, *, description: str | None = None, avatar_url: str | None = None
    ) -> Group:
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
        group: str | int,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        avatar_url: str | Unset = UNSET,
    ) -> Group:
        """Change a group. A field that is not given stays as it is.

        API operation: ``PUT /v3/groups/{id}``.

        Args:
            group: The group, by slug or id.
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
        return await self._send(operations.UPDATE_GROUP, group_path(group), body)

    async def delete(self, group: str | int) -> None:
        """Delete a group. This cannot be undone.

        API operation: ``DELETE /v3/groups/{id}``.

        Args:
            group: The group, by slug or id.

        Raises:
            ForbiddenError: The token's user may not delete the group.
            NotFoundError: The group does not exist, or is hidden from the token's user.
        """
        await self._send(operations.DELETE_GROUP, group_path(group))

    async def join(self, group: str | int, *, invite_token: str) -> GroupMember:
        """Join a group with its invite code.

        API operation: ``POST /v3/groups/{id}/members``.

        Args:
            group: The group, by slug or id.
            invite_token: The invite code of the group.

        Returns:
            The token's user as a member, also if they were one before.

        Raises:
            ForbiddenError: The code is wrong.
            NotFoundError: The code is wrong, or the group does not exist.
        """
        code = Secret(invite_token)
        del invite_token  # here and below: an error's traceback must not hold it
        check_invite_token(code)
        return await self._send(operations.JOIN, group_path(group), {"invite_token": code})

    async def leave(self, group: str | int) -> None:
        """Leave a group. A no-op if the token's user is not a member.

        API operation: ``DELETE /v3/groups/{id}/members/me``.

        Args:
            group: The group, by slug or id.
        """
        await self._send(operations.LEAVE, group_path(group))

    async def remove_member(self, group: str | int, user_id: int) -> None:
        """Remove a member from a group.

        API operation: ``DELETE /v3/groups/{id}/members/{user_id}``.

        Args:
            group: The group, by slug or id.
            user_id: The id of the member.

        Raises:
            ForbiddenError: The token's user may not remove members.
            NotFoundError: The user is not a member, or the group does not exist.
        """
        path_params = group_path(group)
        path_params["user_id"] = path_id(user_id, "user_id")
        await self._send(operations.REMOVE_MEMBER, path_params)

    async def invite(
        self, group: str | int, *, email: str | None = None, user_id: int | None = None
    ) -> InviteResult:
        """Invite one person, by email address or by user id: exactly one of the two.

        Not idempotent: after a lost connection the email may have been sent or not, and the error
        has ``outcome_unknown`` set. Inviting the same person again then has the outcome
        ``invitation_pending`` if it was sent.

        API operation: ``POST /v3/groups/{id}/invitations``.

        Args:
            group: The group, by slug or id.
            email: The email address to send an invitation to. It is sent as given, without
                surrounding spaces.
            user_id: The id of a user. If they follow the token's user, they become a member at
                once; otherwise they get an email.

        Returns:
            The invitation or the new member; ``outcome`` names which.

        Raises:
            ForbiddenError: The token's user may not invite to the group.
            UnprocessableError: The person cannot be invited.
            ValueError: ``email`` is not an email address; nothing was sent.
        """
        address = None if email is None else Secret(email)
        del email
        return await self._send(operations.INVITE, group_path(group), invitee(address, user_id))

    async def revoke_invitation(self, group: str | int, invitation_id: int) -> None:
        """Revoke a pending invitation.

        API operation: ``DELETE /v3/groups/{id}/invitations/{invitation_id}``.

        Args:
            group: The group, by slug or id.
            invitation_id: The id of the invitation.

        Raises:
            UnprocessableError: The invitation is no longer pending.
            NotFoundError: The group has no such invitation.
        """
        path_params = {
            **group_path(group),
            "invitation_id": path_id(invitation_id, "invitation_id"),
        }
        await self._send(operations.REVOKE_INVITATION, path_params)

    async def invite_code(self, group: str | int) -> GroupInvite:
        """Return the group's invite code, and the URL to hand out.

        API operation: ``GET /v3/groups/{id}/invite``.

        Args:
            group: The group, by slug or id.

        Returns:
            The invite code and its URL.

        Raises:
            NotFoundError: The group has no invite code.
        """
        return await self._send(operations.INVITE_CODE, group_path(group))

    async def create_invite_code(self, group: str | int) -> GroupInvite:
        """Create the group's invite code, or return the one that exists.

        API operation: ``POST /v3/groups/{id}/invite``.

        Args:
            group: The group, by slug or id.

        Returns:
            The invite code and its URL.

        Raises:
            ForbiddenError: The token's user may not manage the invite code.
        """
        return await self._send(operations.CREATE_INVITE_CODE, group_path(group))

    async def delete_invite_code(self, group: str | int) -> None:
        """Delete the group's invite code. A no-op if there is none.

        API operation: ``DELETE /v3/groups/{id}/invite``.

        Args:
            group: The group, by slug or id.

        Raises:
            ForbiddenError: The token's user may not manage the invite code.
        """
        await self._send(operations.DELETE_INVITE_CODE, group_path(group))


set_public_module(globals(), __all__)
