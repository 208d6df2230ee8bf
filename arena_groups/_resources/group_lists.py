"""Lists of a group: members, invitations, contents and followers."""

from arena_groups._api import choice, operations, path_name
from arena_groups._pagination.paginator import Paginator
from arena_groups._resources.base import OnDecodeError, Resource
from arena_groups.models import (
    ConnectionSort,
    Content,
    ContentSort,
    ContentType,
    GroupMember,
    MembershipInvitation,
    User,
)

__all__ = ["GroupListsResource", "group_path"]


class GroupListsResource(Resource):
    """The lists of groups, as parts of ``arena.groups``."""

    def members(
        self,
        group: str | int,
        *,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[GroupMember]:
        """List the members: the owner first, then newest first.

        API operation: ``GET /v3/groups/{id}/members``.

        Args:
            group: The group, by slug or id.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of members.
        """
        return self._list(
            operations.MEMBERS,
            group_path(group),
            owner_first=True,
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def invitations(
        self,
        group: str | int,
        *,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[MembershipInvitation]:
        """List the pending invitations, newest first.

        API operation: ``GET /v3/groups/{id}/invitations``.

        Args:
            group: The group, by slug or id.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of invitations. It raises :class:`ForbiddenError`, when it is awaited or
            iterated over, if the token's user may not manage the group's invitations.
        """
        return self._list(
            operations.INVITATIONS,
            group_path(group),
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

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
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[Content]:
        """List the blocks and channels of a group.

        Newest first by default: only then does every item come exactly once for certain.

        API operation: ``GET /v3/groups/{id}/contents``.

        Args:
            group: The group, by slug or id.
            sort: The order; the server's default is newest first.
            type: Only this type of content.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of blocks and channels.
        """
        return self._list(
            operations.CONTENTS,
            group_path(group),
            {"sort": choice(sort, "sort", ContentSort), "type": choice(type, "type", ContentType)},
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
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
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[User]:
        """List the users who follow a group.

        Newest first by default: only then does every item come exactly once for certain.

        API operation: ``GET /v3/groups/{id}/followers``.

        Args:
            group: The group, by slug or id.
            sort: The order; the server's default is newest first.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of users.
        """
        return self._list(
            operations.FOLLOWERS,
            group_path(group),
            {"sort": choice(sort, "sort", ConnectionSort)},
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )


def group_path(group: str | int) -> dict[str, str]:
    """Return the path parameters of an operation on a group."""
    return {"id": path_name(group, "group")}
