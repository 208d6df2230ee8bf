"""The operations on users."""

from arena_groups._api import choice, operations, path_name
from arena_groups._exports import set_public_module
from arena_groups._pagination.paginator import Paginator
from arena_groups._resources.base import Resource
from arena_groups.models import Group, GroupSort

__all__ = ["UsersResource"]


class UsersResource(Resource):
    """The users, as ``arena.users``."""

    def groups(
        self,
        user: str | int,
        *,
        sort: GroupSort | str | None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
    ) -> Paginator[Group]:
        """The groups that a user (slug or id) owns or belongs to (``GET /v3/users/{id}/groups``).

        Private groups are there only if the user is the token's own. The API sorts them by
        name; every item exactly once is certain for ``GroupSort.CREATED_AT_DESC`` only.
        ``concurrency`` is how many pages may be under way or in memory at a time.

        Raises ``ValueError`` or ``TypeError`` for bad arguments; when it is awaited or
        iterated over, :class:`NotFoundError` for an unknown user and the other errors of
        :mod:`arena_groups.errors`.
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
        )


set_public_module(globals(), __all__)
