"""Lists of a group: members, invitations, contents and followers."""

from __future__ import annotations

from functools import partial

from arena_groups import models
from arena_groups._api import GroupRef, GroupReference, choice, operations
from arena_groups._pagination.paginator import Paginator
from arena_groups._resources.base import OnDecodeError, Resource

__all__ = ["GroupListsResource"]


class GroupListsResource(Resource):
    """The lists of groups, as parts of ``arena.groups``."""

    def mine(
        self,
        *,
        sort: models.GroupSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.Group]:
        """List the groups that the token's user owns or belongs to, private ones included.

        Every item comes exactly once for certain only with ``GroupSort.CREATED_AT_DESC``.

        API operation: ``GET /v3/users/{id}/groups``, after ``GET /v3/me`` for the user's id.

        Args:
            sort: The order; the server's default is by name.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of groups. Awaited or iterated over, it raises
            :class:`AuthenticationError` without a token.
        """
        return self._list(
            operations.USER_GROUPS,
            None,
            {"sort": choice(sort, "sort", models.GroupSort)},
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def members(
        self,
        group: GroupRef,
        *,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.GroupMember]:
        """List the members: the owner first, then newest first.

        API operation: ``GET /v3/groups/{id}/members``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
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
        reference = GroupReference(group)
        del group
        return self._list(
            operations.MEMBERS,
            reference.path,
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
        group: GroupRef,
        *,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.MembershipInvitation]:
        """List the pending invitations, newest first.

        API operation: ``GET /v3/groups/{id}/invitations``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
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
        reference = GroupReference(group)
        del group
        return self._list(
            operations.INVITATIONS,
            reference.path,
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def contents(
        self,
        group: GroupRef,
        *,
        sort: models.ContentSort | str | None = None,
        type: models.ContentType | str | None = None,  # noqa: A002 - the name of the wire
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.Content]:
        """List the blocks and channels of a group.

        Newest first by default: only then does every item come exactly once for certain.

        API operation: ``GET /v3/groups/{id}/contents``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
            sort: The order; the server's default is newest first.
            type: Only this type of content. Anything else that the server sends is left out, with a
                warning in the log.
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
        reference, only = GroupReference(group), choice(type, "type", models.ContentType)
        del group
        return self._list(
            operations.CONTENTS,
            reference.path,
            {"sort": choice(sort, "sort", models.ContentSort), "type": only},
            wanted=None if only is None else partial(_is_of_type, only),
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def followers(
        self,
        group: GroupRef,
        *,
        sort: models.ConnectionSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.User]:
        """List the users who follow a group.

        Newest first by default: only then does every item come exactly once for certain.

        API operation: ``GET /v3/groups/{id}/followers``.

        Args:
            group: The group, by slug, id or URL, or a model of it.
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
        reference = GroupReference(group)
        del group
        return self._list(
            operations.FOLLOWERS,
            reference.path,
            {"sort": choice(sort, "sort", models.ConnectionSort)},
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )


def _is_of_type(only: models.ContentType, item: models.Content) -> bool:
    if only not in list(models.ContentType):
        return True  # newer than this package
    if item.type == "Channel" or only == "Channel":
        return str(item.type) == str(only)
    return only == "Block" or item.type in {only, "PendingBlock"}
