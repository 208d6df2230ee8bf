"""Calls of any endpoint of the API, as methods of the client."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import UnionType
from typing import TypeVar, overload

from msgspec.structs import replace

from arena_groups._api import Operation, Request
from arena_groups._http.owner import SessionOwner
from arena_groups._pagination.fetching import FetchDeferred, PageFetchers
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.walk import Identified
from arena_groups._resources.base import MAX_PER, OnDecodeError, Resource, page_fetchers
from arena_groups._types import JSONItem, JSONValue
from arena_groups.errors import ArenaError, DecodeError, PaginationError
from arena_groups.models import Page

# ruff: noqa: PLC0415 - the checks of a caller's types load slowly

__all__ = ["EndpointMethods"]

ITEM_IDENTITY = r"data\[\d+\]\.(?:type|id)"

T = TypeVar("T")
ItemT = TypeVar("ItemT", bound=Identified)

PathValue = str | int
QueryValue = str | int | float | bool | None | Sequence[str | int]
JSONBody = Mapping[str, object] | Sequence[object] | str | int | float | bool | None


class EndpointMethods(SessionOwner):
    """The methods of a client that call any endpoint."""

    @overload
    async def request(
        self,
        method: str,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        json: JSONBody = None,
        returns: None = None,
        idempotent: bool | None = None,
    ) -> JSONValue: ...

    @overload
    async def request(
        self,
        method: str,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        json: JSONBody = None,
        returns: type[T],
        idempotent: bool | None = None,
    ) -> T: ...

    @overload
    async def request(
        self,
        method: str,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        json: JSONBody = None,
        returns: UnionType,
        idempotent: bool | None = None,
    ) -> object: ...

    async def request(
        self,
        method: str,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        json: JSONBody = None,
        returns: object = None,
        idempotent: bool | None = None,
    ) -> object:
        """Call any endpoint of the API, with the session, pacing and retries of the client.

        The route is a template. Logs, hooks and errors name it, and never the values: not those
        of ``path``, of ``query`` or of ``json``. A route without a placeholder is sent as it is,
        and named by its first two segments.

        Args:
            method: ``"GET"``, ``"HEAD"``, ``"POST"``, ``"PUT"``, ``"PATCH"`` or ``"DELETE"``.
            route: The path with ``{placeholders}``, each a whole segment, such as
                ``"/v3/channels/{id}"``. It cannot lead to another host.
            path: The values of the placeholders. They are escaped, slashes too.
            query: The query. ``None`` leaves a parameter out; a list is joined with commas.
            json: The body, as JSON data. GET and HEAD have none.
            returns: The type to decode: a model, or any other that msgspec decodes. By default
                the result is plain JSON data, and ``None`` without a body.
            idempotent: Whether sending the request twice is the same as once, so that it may be
                sent again after a failure. By default GET, HEAD, PUT and DELETE are; POST and
                PATCH are not.

        Returns:
            The decoded response.

        Raises:
            ValueError: A route that is not a path on the API's host, a placeholder without a
                value, or another argument that is not valid; nothing was sent.
            TypeError: An argument has the wrong type; nothing was sent.
            ArenaAPIError: An error response.
            ArenaConnectionError: There was no complete response.
            DecodeError: The response is not what ``returns`` says.
        """
        from arena_groups._api.any_request import any_request

        request = any_request(
            method, route, path=path, query=query, body=json, returns=returns, idempotent=idempotent
        )
        del route, path, query, json, returns  # an error's traceback must not hold them
        if isinstance(request, Exception):
            raise request
        return await self._session.send(request)

    @overload
    def paginate(
        self,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        item: None = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[JSONItem]: ...

    @overload
    def paginate(
        self,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        item: type[ItemT],
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[ItemT]: ...

    @overload
    def paginate(
        self,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        item: UnionType,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> Paginator[Identified]: ...

    def paginate(
        self,
        route: str,
        *,
        path: Mapping[str, PathValue] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        item: object = None,
        per: int = 100,
        start_page: int = 1,
        limit: int | None = None,
        concurrency: int = 1,
        confirm: bool = False,
        on_decode_error: OnDecodeError = "raise",
    ) -> object:
        """List any endpoint of the API whose pages are numbered.

        Every item comes exactly once for certain only if the list is sorted newest first:
        ``query={"sort": "created_at_desc"}``, where the endpoint has it. Other orders, such as the
        positions in a channel, are read as well as a changing list allows.

        Items are recognized by their ``type`` and ``id``. Lists whose items have none, and lists
        that are paged by a cursor, such as ``/v3/me/notifications``, end with a
        :class:`PaginationError`: read them with :meth:`request`.

        Args:
            route: The path with ``{placeholders}``, as of :meth:`request`.
            path: The values of the placeholders.
            query: The query, without ``page`` and ``per``.
            item: The type of an item: a model or another class with ``type`` and ``id``. By
                default items are dicts, of the class :class:`JSONItem`.
            per: The number of items in a page, 1 to 100.
            start_page: The first page to read, from 1.
            limit: The largest number of items to return in all; ``None`` returns all.
            concurrency: The number of pages that may be in flight or in memory at a time. Above
                1, items still come in order and exactly once, for one more request.
            confirm: Read the list again until that brings no item that was missed before.
            on_decode_error: ``"skip"`` leaves out, logs and counts items that cannot be decoded.

        Returns:
            A lazy list. Awaited or iterated over, it raises the errors of :meth:`request`.

        Raises:
            ValueError: An argument is not valid.
            TypeError: An argument has the wrong type.
        """
        from arena_groups._api.any_request import any_list_request

        request = any_list_request(
            route, path=path, query=query, item=item, per=per, max_per=MAX_PER
        )
        del route, path, query, item
        if isinstance(request, Exception):
            raise request
        return AnyList(self._session).paginator(
            request,
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )


class AnyList(Resource):
    """Lists of any endpoint, whose pages and items may turn out not to be countable."""

    def paginator(
        self,
        request: Request[Page[ItemT]],
        *,
        start_page: int,
        limit: int | None,
        concurrency: int,
        confirm: bool,
        on_decode_error: OnDecodeError,
    ) -> Paginator[ItemT]:
        """Return the lazy list whose pages ``request`` requests."""
        return self._paginator(
            request.operation,
            partial(self._begin, request),
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
        )

    def _begin(
        self, request: Request[Page[ItemT]], operation: Operation[Page[ItemT]]
    ) -> PageFetchers[ItemT]:
        request = replace(request, operation=operation)
        pages = page_fetchers(self._session.for_list(), request)
        return PageFetchers(
            partial(_counted_page, operation.name, pages.fetch),
            partial(_counted_page_deferred, operation.name, pages.fetch_deferred),
        )


async def _counted_page(
    name: str, fetch: Callable[[int], Awaitable[Page[ItemT]]], number: int
) -> Page[ItemT]:
    """Fetch a page, and check that its items can be recognized."""
    page = await _explained(fetch, number)
    ids: list[object] = [item.id for item in page.data]
    if not all(isinstance(each, int) for each in ids):
        raise PaginationError(f"{name} has items whose id is not an int: read it with request()")
    return page


async def _counted_page_deferred(
    name: str, fetch: FetchDeferred[ItemT], number: int
) -> Callable[[], Coroutine[None, None, Page[ItemT]]]:
    decode = await _explained(fetch, number)

    async def read(_: int) -> Page[ItemT]:
        return await decode()

    return partial(_counted_page, name, read, number)


async def _explained(fetch: Callable[[int], Awaitable[T]], number: int) -> T:
    """Fetch a page, and say why it is not one of a list that can be counted."""
    try:
        return await fetch(number)
    except DecodeError as error:
        raise _list_error(error) from None


def _list_error(error: DecodeError) -> ArenaError:
    missing = {issue.path for issue in error.issues if issue.problem == "is missing"}
    if {"data", "meta"} & missing or "" in error.paths:
        problem = "is not a page of a list"
    elif "meta.current_page" in missing:
        problem = "is paged by a cursor, not by page numbers"
    elif any(re.fullmatch(ITEM_IDENTITY, path) for path in missing):
        problem = "has items without type and id, by which paginate() recognizes them"
    else:
        return error
    return PaginationError(f"{error.operation} {problem}: read it with request()")
