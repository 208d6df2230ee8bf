"""Operations on users."""

from __future__ import annotations

from functools import partial

from arena_groups import models
from arena_groups._api import UserRef, UserReference, choice, operations
from arena_groups._exports import set_public_module
from arena_groups._pagination.paginator import Paginator
from arena_groups._resources.base import OnDecodeError, Resource

__all__ = ["UsersResource"]


class UsersResource(Resource):
    """Operations on users, as ``arena.users``.

    ``user`` is everywhere a slug, an id, the URL of the profile on are.na, or a model such as
    :class:`User` or :class:`GroupMember`, of which the id counts.
    """

    async def get(self, user: UserRef) -> models.User:
        """Return a user.

        API operation: ``GET /v3/users/{id}``.

        Args:
            user: The user, by slug, id or URL, or a model of the user.

        Returns:
            The user.

        Raises:
            NotFoundError: The user does not exist.
        """
        reference = UserReference(user)
        del user  # here and below: it may be a secret in the wrong place
        return await self._send(operations.GET_USER, reference.path)

    def followers(
        self,
        user: UserRef,
        *,
        sort: models.ConnectionSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.User]:
        """List the users who follow a user.

        Newest first by default: only then does every item come exactly once for certain.

        API operation: ``GET /v3/users/{id}/followers``.

        Args:
            user: The user, by slug, id or URL, or a model of the user.
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
        reference = UserReference(user)
        del user
        return self._list(
            operations.USER_FOLLOWERS,
            reference.path,
            {"sort": choice(sort, "sort", models.ConnectionSort)},
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def following(
        self,
        user: UserRef,
        *,
        sort: models.ConnectionSort | str | None = None,
        type: models.FollowableType | str | None = None,  # noqa: A002 - the name of the wire
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.Followable]:
        """List the users, channels and groups that a user follows.

        Newest first by default: only then does every item come exactly once for certain.

        API operation: ``GET /v3/users/{id}/following``.

        Args:
            user: The user, by slug, id or URL, or a model of the user.
            sort: The order; the server's default is newest first.
            type: Only users, channels or groups. Anything else that the server sends is left out,
                with a warning in the log.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of users, channels and groups.
        """
        reference, only = UserReference(user), choice(type, "type", models.FollowableType)
        del user
        return self._list(
            operations.USER_FOLLOWING,
            reference.path,
            {"sort": choice(sort, "sort", models.ConnectionSort), "type": only},
            wanted=None if only is None else partial(_is_of_type, only),
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def groups(
        self,
        user: UserRef,
        *,
        sort: models.GroupSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[models.Group]:
        """List the groups that a user owns or belongs to.

        Private groups are included only if the user is the token's own. Every item comes exactly
        once for certain only with ``GroupSort.CREATED_AT_DESC``.

        API operation: ``GET /v3/users/{id}/groups``.

        Args:
            user: The user, by slug, id or URL, or a model of the user.
            sort: The order; the server's default is by name.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list of groups. Awaited or iterated over, it raises :class:`NotFoundError` for an
            unknown user, and the other errors of :mod:`arena_groups.errors`.

        Raises:
            ValueError: An argument is out of range.
            TypeError: An argument has the wrong type.
        """
        reference = UserReference(user)
        del user
        filters = {"sort": choice(sort, "sort", models.GroupSort)}
        return self._list(
            operations.USER_GROUPS,
            reference.path,
            filters,
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )


def _is_of_type(only: models.FollowableType, item: models.Followable) -> bool:
    is_newer = only not in list(models.FollowableType)  # than this package
    return is_newer or str(item.type) == str(only)


set_public_module(globals(), __all__)
