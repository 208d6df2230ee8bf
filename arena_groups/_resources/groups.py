"""The operations on groups, one short method each."""

from arena_groups._api import (
    Secret,
    check_invite_token,
    choice,
    group_fields,
    invitee,
    operations,
    path_id,
    path_name,
)
from arena_groups._exports import set_public_module
from arena_groups._pagination.paginator import Paginator
from arena_groups._resources.base import Resource
from arena_groups._types import UNSET, Unset
from arena_groups.models import (
    ConnectionSort,
    Content,
    ContentSort,
    ContentType,
    Group,
    GroupInvite,
    GroupMember,
    InviteResult,
    MembershipInvitation,
    User,
)

__all__ = ["GroupsResource"]


class GroupsResource(Resource):
    """The groups, as ``arena.groups``.

    ``group`` is a slug or an id everywhere. A rename changes a group's slug, never its id.

    Every method raises ``ValueError`` or ``TypeError`` for bad arguments, before anything is
    sent, and the errors of :mod:`arena_groups.errors`:
    :class:`AuthenticationError` without a valid token where one is needed,
    :class:`ForbiddenError` where the token's scope or user does not allow it,
    :class:`NotFoundError` for a group that does not exist,
    :class:`RateLimitError`, :class:`ServerError`, :class:`ArenaConnectionError` and
    :class:`DecodeError`. Lists raise them when they are awaited or iterated over.

    Lists take ``per`` (items a page, 1 to 100), ``start_page``, ``limit`` (items in all) and
    ``concurrency``: how many pages may be under way or in memory at a time. Above 1, items
    still come in order and exactly once, for one request more.
    """

    async def get(self, group: str | int) -> Group:
        """A group, with what the token's user may do with it (``GET /v3/groups/{id}``)."""
        return await self._send(operations.GET_GROUP, _group_path(group))

    async def create(
        self, name: str, *, description: str | None = None, avatar_url: str | None = None
    ) -> Group:
        """Create a group owned by the token's user, and return it (``POST /v3/groups``).

        ``description`` may be Markdown; the image at ``avatar_url`` is fetched a little later.
        Not repeat-safe: after a lost connection the group may exist or not.
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
        """Change a group, and return it as it is then (``PUT /v3/groups/{id}``).

        A field that is not given is left alone; ``description=None`` clears the description.
        A new name changes the slug.
        """
        body = group_fields(name, description, avatar_url)
        return await self._send(operations.UPDATE_GROUP, _group_path(group), body)

    async def delete(self, group: str | int) -> None:
        """Delete a group, for good (``DELETE /v3/groups/{id}``)."""
        await self._send(operations.DELETE_GROUP, _group_path(group))

    def members(
        self,
        group: str | int,
        *,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
    ) -> Paginator[GroupMember]:
        """The members: the owner, then newest first (``GET /v3/groups/{id}/members``)."""
        return self._list(
            operations.MEMBERS,
            _group_path(group),
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
        )

    async def join(self, group: str | int, *, invite_token: str) -> GroupMember:
        """Join a group with its invite code (``POST /v3/groups/{id}/members``).

        Returns the token's user as a member, also if they were one before. Raises
        :class:`ForbiddenError` or :class:`NotFoundError` for a wrong code.
        """
        code = Secret(invite_token)
        del invite_token  # here and below: an error's traceback must not hold it
        check_invite_token(code)
        return await self._send(operations.JOIN, _group_path(group), {"invite_token": code})

    async def leave(self, group: str | int) -> None:
        """Leave a group; not being in it is no error (``DELETE /v3/groups/{id}/members/me``)."""
        await self._send(operations.LEAVE, _group_path(group))

    async def remove_member(self, group: str | int, user_id: int) -> None:
        """Remove a member from a group (``DELETE /v3/groups/{id}/members/{user_id}``)."""
        path_params = _group_path(group)
        path_params["user_id"] = path_id(user_id, "user_id")
        await self._send(operations.REMOVE_MEMBER, path_params)

    def invitations(
        self,
        group: str | int,
        *,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
    ) -> Paginator[MembershipInvitation]:
        """The pending invitations, newest first (``GET /v3/groups/{id}/invitations``).

        Only those who may manage the group's invitations may list them.
        """
        return self._list(
            operations.INVITATIONS,
            _group_path(group),
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
        )

    async def invite(
        self, group: str | int, *, email: str | None = None, user_id: int | None = None
    ) -> InviteResult:
        """Invite one person, by email address or by user id: exactly one of the two.

        Someone given by id who follows the token's user is added at once; anybody else gets
        an email. ``outcome`` of what is returned tells which. Not repeat-safe: after a lost
        connection the email may have been sent or not; inviting the same person again then
        gives ``invitation_pending`` if it was. (``POST /v3/groups/{id}/invitations``)
        """
        address = None if email is None else Secret(email)
        del email
        return await self._send(operations.INVITE, _group_path(group), invitee(address, user_id))

    async def revoke_invitation(self, group: str | int, invitation_id: int) -> None:
        """Revoke a pending invitation (``DELETE /v3/groups/{id}/invitations/{invitation_id}``).

        Raises :class:`UnprocessableError` if it is no longer pending.
        """
        path_params = {
            **_group_path(group),
            "invitation_id": path_id(invitation_id, "invitation_id"),
        }
        await self._send(operations.REVOKE_INVITATION, path_params)

    async def invite_code(self, group: str | int) -> GroupInvite:
        """The group's invite code and the URL to hand out (``GET /v3/groups/{id}/invite``).

        Raises :class:`NotFoundError` if the group has none.
        """
        return await self._send(operations.INVITE_CODE, _group_path(group))

    async def create_invite_code(self, group: str | int) -> GroupInvite:
        """The group's invite code, made if there was none (``POST /v3/groups/{id}/invite``)."""
        return await self._send(operations.CREATE_INVITE_CODE, _group_path(group))

    async def delete_invite_code(self, group: str | int) -> None:
        """Delete the invite code; having none is no error (``DELETE /v3/groups/{id}/invite``)."""
        await self._send(operations.DELETE_INVITE_CODE, _group_path(group))

    def contents(
        self,
        group: str | int,
        *,
        sort: ContentSort | str | None = None,
        type: ContentType | str | None = None,  # noqa: A002 - the name of the wire
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
    ) -> Paginator[Content]:
        """The blocks and channels of a group (``GET /v3/groups/{id}/contents``).

        Newest first unless ``sort`` says otherwise; every item exactly once is certain for
        newest first only. ``type`` narrows them to one kind.
        """
        filters: dict[str, str | None] = {
            "sort": choice(sort, "sort", ContentSort),
            "type": choice(type, "type", ContentType),
        }
        return self._list(
            operations.CONTENTS,
            _group_path(group),
            filters,
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
        )

    def followers(
        self,
        group: str | int,
        *,
        sort: ConnectionSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
    ) -> Paginator[User]:
        """The people who follow a group (``GET /v3/groups/{id}/followers``).

        Newest first unless ``sort`` says otherwise; every item exactly once is certain for
        newest first only.
        """
        filters = {"sort": choice(sort, "sort", ConnectionSort)}
        return self._list(
            operations.FOLLOWERS,
            _group_path(group),
            filters,
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
        )


def _group_path(group: str | int) -> dict[str, str]:
    return {"id": path_name(group, "group")}


set_public_module(globals(), __all__)
