"""Operations on users."""

from arena_groups._api import choice, operations, path_name
from arena_groups._exports import set_public_module
from arena_groups._pagination.paginator import Paginator
from arena_groups._resources.base import OnDecodeError, Resource
from arena_groups.models import Group, GroupSort

__all__ = ["UsersResource"]


class UsersResource(Resource):
    """Operations on users, as ``arena.users``."""

    def groups(
        self,
        user: str | int,
        *,
        sort: GroupSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[Group]:
        """List the groups that a user owns or belongs to.

        Private groups are included only if the user is the token's own. Every item comes exactly
        once for certain only with ``GroupSort.CREATED_AT_DESC``.

        API operation: ``GET /v3/users/{id}/groups``.

        Args:
            user: The user, by slug or id.
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
        filters = {"sort": choice(sort, "sort", GroupSort)}
        path_params = {"id": path_name(user, "user")}
        return self._list(
            operations.USER_GROUPS,
            path_params,
            filters,
            per=per,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )


set_public_module(globals(), __all__)
