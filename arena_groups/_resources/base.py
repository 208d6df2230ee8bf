"""Base of all resources: sending an operation, and listing one."""

from __future__ import annotations

import re
from asyncio import Lock
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Generic, Literal, Self, TypeVar, get_args, overload

from msgspec.structs import replace

from arena_groups._api import (
    BeforeSend,
    Operation,
    Request,
    UserReference,
    build_request,
    operations,
)
from arena_groups._arguments import check_range
from arena_groups._http import Session
from arena_groups._http.owner import SessionOwner
from arena_groups._pagination.fetching import PageFetchers, SkippedItems, UnwantedItems, noting
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.walk import Identified
from arena_groups.models import Page

__all__ = ["MAX_PER", "OnDecodeError", "Resource", "ResourceAttribute", "page_fetchers"]

T = TypeVar("T")
ItemT = TypeVar("ItemT", bound=Identified)
ResourceT = TypeVar("ResourceT", bound="Resource")

OnDecodeError = Literal["raise", "skip"]

MAX_PER = 100
SLUG = r"[a-z0-9-]{1,50}"


class Resource:
    """Part of the API, bound to the client's session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _send(
        self,
        operation: Operation[T],
        path_params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        before_send: BeforeSend | None = None,
    ) -> Coroutine[None, None, T]:
        return self._session.send(
            build_request(operation, path_params, body=body, before_send=before_send)
        )

    def _for_one_call(self) -> Self:
        """Return the same resource for a call of several requests, which share one deadline."""
        return type(self)(self._session.for_list())

    async def _user_id(self, user: UserReference) -> int:
        """Return the id of a user, which is looked up unless it is known."""
        name = user.name
        if isinstance(name, int):
            return name
        return (await self._send(operations.GET_USER, user.path)).id

    def _list(
        self,
        operation: Operation[Page[ItemT]],
        path_params: Mapping[str, str] | None,
        filters: Mapping[str, str | None] | None = None,
        *,
        per: int,
        start_page: int,
        limit: int | None,
        concurrency: int,
        confirm: bool,
        on_decode_error: OnDecodeError,
        owner_first: bool = False,
        wanted: Callable[[ItemT], bool] | None = None,
    ) -> Paginator[ItemT]:
        """Return a lazy list; without ``path_params``, that of the token's own user.

        Items that are not ``wanted``, which the server should not send, are left out.
        """
        per = check_range(per, "per", 1, MAX_PER)
        given = {name: str(value) for name, value in (filters or {}).items() if value is not None}
        unwanted = None if wanted is None else UnwantedItems(operation.name, wanted)
        return self._paginator(
            operation,
            partial(self._begin_list, path_params, {"per": per, **given}, unwanted),
            subject="me" if path_params is None else _shown_name(path_params["id"]),
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            on_decode_error=on_decode_error,
            owner_first=owner_first,
        )

    def _paginator(
        self,
        operation: Operation[Page[ItemT]],
        begin: Callable[[Operation[Page[ItemT]]], PageFetchers[ItemT]],
        *,
        subject: str = "",
        start_page: int,
        limit: int | None,
        concurrency: int,
        confirm: bool,
        on_decode_error: OnDecodeError,
        owner_first: bool = False,
    ) -> Paginator[ItemT]:
        start_page = check_range(start_page, "start_page", 1)
        if limit is not None:
            limit = check_range(limit, "limit", 0)
        concurrency = check_range(concurrency, "concurrency", 1)
        if not isinstance(confirm, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"confirm must be a bool, not {type(confirm).__name__}")
        if on_decode_error not in get_args(OnDecodeError):
            raise ValueError(f'on_decode_error must be "raise" or "skip", not {on_decode_error!r}')
        skipped = SkippedItems(operation.name) if on_decode_error == "skip" else None
        if skipped is not None:
            operation = replace(operation, skip_invalid=True)
        return Paginator(
            partial(begin, operation),
            start_page=start_page,
            limit=limit,
            concurrency=concurrency,
            confirm=confirm,
            owner_first=owner_first,
            skipped=skipped,
            name=f"{operation.name}({subject})" if subject else operation.name,
        )

    def _begin_list(
        self,
        path_params: Mapping[str, str] | None,
        query: Mapping[str, str | int],
        unwanted: UnwantedItems[ItemT] | None,
        operation: Operation[Page[ItemT]],
    ) -> PageFetchers[ItemT]:
        session = self._session.for_list()
        if path_params is None:
            own = _OwnList(session, operation, query)
            return PageFetchers(own.send_page, own.prefetch_page)
        pages = page_fetchers(session, build_request(operation, path_params, query=query))
        return pages if unwanted is None else noting(unwanted.note, pages)


def _shown_name(name: str) -> str:
    """Return a slug or id as a ``repr`` may show it, and "…" for what may be something else."""
    if name.isdecimal():
        return name
    return repr(name) if re.fullmatch(SLUG, name) else "…"


def page_fetchers(session: Session, request: Request[Page[ItemT]]) -> PageFetchers[ItemT]:
    """Return the functions that send a request for one page each."""
    return PageFetchers(
        partial(session.send_page, request), partial(session.prefetch_page, request)
    )


class _OwnList(Generic[ItemT]):
    """Pages of a list of the token's own user, whose id is looked up before the first page."""

    def __init__(
        self, session: Session, operation: Operation[Page[ItemT]], query: Mapping[str, str | int]
    ) -> None:
        self._session = session
        self._operation = operation
        self._query = query
        self._lookup = Lock()
        self._request: Request[Page[ItemT]] | None = None

    async def send_page(self, page: int) -> Page[ItemT]:
        """Send the request for a page."""
        return await self._session.send_page(await self._known_request(), page)

    async def prefetch_page(self, page: int) -> Callable[[], Coroutine[None, None, Page[ItemT]]]:
        """Send the request for a page, and leave the body undecoded."""
        return await self._session.prefetch_page(await self._known_request(), page)

    async def _known_request(self) -> Request[Page[ItemT]]:
        async with self._lookup:
            if self._request is None:
                me = await self._session.send(build_request(operations.ME))
                self._request = build_request(
                    self._operation, {"id": str(me.id)}, query=self._query
                )
            return self._request


class ResourceAttribute(Generic[ResourceT]):
    """Attribute of a client with a resource, which is created at its first use.

    On the class of the client it is the class of the resource, from which ``create_autospec``
    learns what is async.
    """

    def __init__(self, resource: type[ResourceT]) -> None:
        self._resource = resource

    def __set_name__(self, owner: type[SessionOwner], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type[SessionOwner]) -> type[ResourceT]: ...

    @overload
    def __get__(self, client: SessionOwner, owner: type[SessionOwner]) -> ResourceT: ...

    def __get__(
        self, client: SessionOwner | None, owner: type[SessionOwner]
    ) -> type[ResourceT] | ResourceT:
        if client is None:
            return self._resource
        resource = self._resource(client._session)  # pyright: ignore[reportPrivateUsage]
        client.__dict__[self._name] = resource  # found before this descriptor from now on
        return resource
