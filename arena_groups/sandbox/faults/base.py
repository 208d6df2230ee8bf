"""The kinds of faults, and the requests that a fault is for."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Any, NoReturn, cast

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import GroupRecord, JSONObject, RecordedRequest
from arena_groups.sandbox.permissions import RateLimitStatus
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.routes import EVERY_OPERATION, OperationSpec
from arena_groups.sandbox.server_protocol import ClientConnection, SerializedResponse


def check_seconds(_fault: object, field: "attrs.Attribute[float]", value: float) -> None:
    """Not negative, and not without end."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{field.name} must be a number of seconds, not negative")


def check_fraction(_fault: object, field: "attrs.Attribute[float]", value: float) -> None:
    """A part that is not the whole."""
    if not 0 <= value < 1:
        raise ValueError(f"{field.name} must be at least 0 and less than 1")


def check_positive(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    """One or more."""
    if value < 1:
        raise ValueError(f"{field.name} must be at least 1")


def check_not_negative(_fault: object, field: "attrs.Attribute[Any]", value: int | None) -> None:
    """None or more, or nothing at all where that is possible."""
    if value is not None and value < 0:
        raise ValueError(f"{field.name} must not be negative")


def check_not_zero(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    """Off by something."""
    if value == 0:
        raise ValueError(f"{field.name} must not be 0")


_BY_NAME = {each.name: each for each in EVERY_OPERATION}
_ROUTES = {each.template for each in EVERY_OPERATION}
_METHODS = {each.method for each in EVERY_OPERATION} | {"HEAD"}


def _known(names: set[str]) -> Callable[[object, "attrs.Attribute[str | None]", str | None], None]:
    def check(_target: object, field: "attrs.Attribute[str | None]", value: str | None) -> None:
        if value is not None and value not in names:
            raise ValueError(f"{field.name} must be one of {', '.join(sorted(names))}")

    return check


@attrs.frozen(kw_only=True)
class FaultTarget:
    """Requests of one operation, method and route (None: of any), and how many of them."""

    operation: str | None = attrs.field(default=None, validator=_known(set(_BY_NAME)))
    method: str | None = attrs.field(default=None, validator=_known(_METHODS))
    route: str | None = attrs.field(default=None, validator=_known(_ROUTES))
    where: Callable[[RecordedRequest], bool] | None = None
    times: int | None = attrs.field(default=None, validator=check_not_negative)
    skip: int = attrs.field(default=0, validator=check_not_negative)
    probability: float = 1.0

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")

    def matches(self, request: RecordedRequest) -> bool:
        """Whether the request is one of them."""
        operation = _BY_NAME.get(request.operation or "")
        return (
            self.operation in {None, request.operation}
            and self.method in {None, request.method}
            and self.route in {None, _route(operation)}
            and (self.where is None or self.where(request))
        )


def _route(operation: OperationSpec | None) -> str | None:
    return None if operation is None else operation.template


_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@attrs.frozen
class Fault:
    """Something that goes wrong with a request."""

    @classmethod
    def name(cls) -> str:
        """As the shell and the recorded requests spell it: `ServerFailure` is `server-failure`."""
        return _WORD_ENDS.sub("-", cls.__name__).lower()


@attrs.frozen
class FaultContext:
    """A request that a detour has in its hands, read whole and not yet answered.

    `rate_limit` is where the caller stands with the quota, `now` the sandbox's own time.
    """

    rate_limit: RateLimitStatus
    now: datetime
    call_next: Callable[[], Awaitable[SerializedResponse]]
    serialize: Callable[[SandboxResponse], SerializedResponse]
    _connection: ClientConnection

    async def pause(self, seconds: float) -> None:
        """Wait. When nobody waits for the answer any more, the context ends here."""
        await self._connection.pause(seconds)

    async def hang(self) -> NoReturn:
        """Wait until nobody waits for the answer any more; the context ends here."""
        await self._connection.hang()


class MiddlewareFault(Fault, ABC):
    """A fault between the client and the operation, which it may delay or keep from happening."""

    @abstractmethod
    async def handle(self, context: FaultContext) -> SerializedResponse:
        """The answer. Awaiting `context.call_next()` carries the operation out."""


@attrs.frozen
class ReplaceResponseFault(MiddlewareFault):
    """A detour with an answer of its own. The operation takes effect only with `after=True`."""

    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """The operation's effect, if it is to have one, and another answer."""
        if self.after:
            await context.call_next()
        return self.reply(context)

    @abstractmethod
    def reply(self, context: FaultContext) -> SerializedResponse:
        """The answer in the operation's place."""


class BodyFault(Fault, ABC):
    """A fault that spoils an answer on its way back. Answers without a body pass untouched."""

    @abstractmethod
    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """What becomes of the message, whose body is not empty."""


@attrs.frozen
class ListPage:
    """A page of a list as it should be sent. `fetch_page` returns another page of the same list."""

    response: SandboxResponse
    fetch_page: Callable[[int], SandboxResponse]

    @property
    def meta(self) -> JSONObject:
        """The page's place in the list."""
        return _meta(self.response)

    @property
    def number(self) -> int:
        """The page's number."""
        return _count(self.meta, "current_page")

    @property
    def last(self) -> int:
        """The number of the list's last page; an empty list has one."""
        return max(1, _count(self.meta, "total_pages"))

    @property
    def per(self) -> int:
        """How many items a full page has."""
        return _count(self.meta, "per_page")

    @property
    def total(self) -> int | None:
        """How many items the list has, unless another fault took that away."""
        return _count(self.meta, "total_count") if "total_count" in self.meta else None

    def items(self, number: int | None = None) -> list[JSONObject]:
        """The items of this page, or of another one."""
        response = self.response if number is None else self.fetch_page(number)
        return cast("list[JSONObject]", (response.body or {})["data"])

    def with_next_page(
        self, next_page: int, items: list[JSONObject] | None = None
    ) -> SandboxResponse:
        """This page, but with `next_page` to follow, and with other items if so given."""
        meta = {**self.meta, "next_page": next_page, "has_more_pages": True}
        return self.with_meta(meta, items)

    def with_meta(self, meta: JSONObject, items: list[JSONObject] | None = None) -> SandboxResponse:
        """This page with another `meta`, and with other items if so given."""
        data = self.items() if items is None else items
        return attrs.evolve(self.response, body={"data": data, "meta": meta})


class ListFault(Fault, ABC):
    """A fault in the pages of a list. Everything that is no page of a list passes untouched."""

    @abstractmethod
    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """The answer in this page's place, None to leave it as it is."""


class StateFault(Fault, ABC):
    """A fault that changes what is there, just before the operation is carried out."""

    @abstractmethod
    def mutate(self, backend: Backend, group: GroupRecord | None, rng: Random) -> bool:
        """Change something. `group` is the one the request is about. Returns if it concerned it."""


def list_page(
    response: SandboxResponse, fetch_page: Callable[[int], SandboxResponse]
) -> ListPage | None:
    """The answer as a page of a list, if it is one."""
    is_page = response.status == 200 and response.body is not None and "meta" in response.body
    return ListPage(response, fetch_page) if is_page else None


def _meta(response: SandboxResponse) -> JSONObject:
    return cast("JSONObject", (response.body or {})["meta"])


def _count(meta: JSONObject, name: str) -> int:
    return cast("int", meta[name])
