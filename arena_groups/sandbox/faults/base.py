"""Base classes of faults, and the requests that a fault applies to."""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from types import FunctionType, NoneType, UnionType
from typing import Any, NoReturn, Self, cast, get_args, get_origin

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import GroupRecord, JSONObject, RecordedRequest
from arena_groups.sandbox.permissions import RateLimitStatus
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.routes import EVERY_OPERATION, OperationSpec
from arena_groups.sandbox.server_protocol import ClientConnection, SerializedResponse

_BY_NAME = {each.name: each for each in EVERY_OPERATION}
_ROUTES = {each.template for each in EVERY_OPERATION}
_METHODS = {each.method for each in EVERY_OPERATION} | {"HEAD"}

_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


_TYPES: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a string"),
    frozenset: ((frozenset, set), "a set of ids"),
    NoneType: ((NoneType,), "None"),
}


def check_type(field: "attrs.Attribute[Any]", value: object) -> None:
    """Require a value of the type of an option; an option of another kind takes any value."""
    kinds = [get_origin(each) or each for each in _members_of(field.type)]
    if any(kind not in _TYPES for kind in kinds):
        return
    for kind in kinds:
        classes, _ = _TYPES[kind]
        if isinstance(value, classes) and isinstance(value, bool) <= (kind is bool):
            return
    words = " or ".join(_TYPES[kind][1] for kind in kinds)
    raise ValueError(f"{field.name} must be {words}, not {value!r}")


def _members_of(annotation: object) -> tuple[Any, ...]:
    """Return the members of a union, or the annotation alone."""
    return get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)


def check_seconds(_fault: object, field: "attrs.Attribute[float]", value: float) -> None:
    """Require a finite number of seconds, 0 or more."""
    check_type(field, value)
    # Not infinity, as an int may be finite and too large for a float all the same.
    if not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{field.name} must be a number of seconds, not negative")


def check_fraction(_fault: object, field: "attrs.Attribute[float]", value: float) -> None:
    """Require a number from 0 to less than 1."""
    check_type(field, value)
    if not 0 <= value < 1:
        raise ValueError(f"{field.name} must be at least 0 and less than 1")


def check_positive(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    """Require 1 or more."""
    check_type(field, value)
    if value < 1:
        raise ValueError(f"{field.name} must be at least 1")


def check_not_negative(_fault: object, field: "attrs.Attribute[Any]", value: int | None) -> None:
    """Require 0 or more, or None where the field allows it."""
    check_type(field, value)
    if value is not None and value < 0:
        raise ValueError(f"{field.name} must not be negative")


def check_not_zero(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    """Require another number than 0."""
    check_type(field, value)
    if value == 0:
        raise ValueError(f"{field.name} must not be 0")


def one_of(choices: Sequence[object]) -> Callable[[object, "attrs.Attribute[Any]", object], None]:
    """Return a validator that requires one of the choices, or None where the field allows it."""

    def check(_fault: object, field: "attrs.Attribute[Any]", value: object) -> None:
        check_type(field, value)
        if value is not None and value not in choices:
            raise ValueError(f"{field.name} must be one of {', '.join(map(str, choices))}")

    return check


def _check_where(_target: object, _field: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and not callable(value):
        raise ValueError(f"where must be a function of a request, not {value!r}")


def _check_probability(_target: object, field: "attrs.Attribute[Any]", value: float) -> None:
    check_type(field, value)
    if not 0 <= value <= 1:
        raise ValueError("probability must be between 0 and 1")


@attrs.frozen(kw_only=True)
class FaultTarget:
    """The requests that a fault applies to, and how many of them. None matches all.

    Attributes:
        operation: The name of an operation in the API document.
        method: An HTTP method.
        route: A path template, such as `/v3/groups/{id}`.
        where: Returns whether the fault applies to a request.
        times: The maximum number of requests; None for no maximum.
        skip: The number of matching requests to leave alone first.
        probability: The probability of each of the others, from 0 to 1.

    Raises:
        ValueError: A name does not exist, or a number is out of range.
    """

    operation: str | None = attrs.field(default=None, validator=one_of(sorted(_BY_NAME)))
    method: str | None = attrs.field(default=None, validator=one_of(sorted(_METHODS)))
    route: str | None = attrs.field(default=None, validator=one_of(sorted(_ROUTES)))
    where: Callable[[RecordedRequest], bool] | None = attrs.field(
        default=None, validator=_check_where
    )
    times: int | None = attrs.field(default=None, validator=check_not_negative)
    skip: int = attrs.field(default=0, validator=check_not_negative)
    probability: float = attrs.field(default=1.0, validator=_check_probability)

    def matches(self, request: RecordedRequest) -> bool:
        """Return whether the operation, method, route and `where` match a request.

        Args:
            request: The request.

        Returns:
            True if all of them match.
        """
        operation = _BY_NAME.get(request.operation or "")
        return (
            self.operation in {None, request.operation}
            and self.method in {None, request.method}
            and self.route in {None, _route(operation)}
            and (self.where is None or self.where(request))
        )


def _route(operation: OperationSpec | None) -> str | None:
    return None if operation is None else operation.template


@attrs.frozen
class Fault:
    """Base class of all faults. Subclass one of its subclasses to write your own."""

    def __new__(cls, *args: object, **_kwargs: object) -> Self:
        """Return a new fault. Raises `TypeError` if a marker applies the class to a test.

        pytest marks a class that is the only argument of a marker, and Python then calls the
        class with the test.
        """
        is_for_a_test = len(args) == 1 and isinstance(args[0], type | FunctionType)
        if "pytestmark" in vars(cls) and is_for_a_test:
            raise TypeError(f"@pytest.mark.arena_fault: {_instance_hint(cls)}")
        return super().__new__(cls)

    @classmethod
    def name(cls) -> str:
        """Return the name for the command line and for recorded requests.

        Returns:
            The class name in lower case with hyphens: `server-failure` for `ServerFailure`.
        """
        return _WORD_ENDS.sub("-", cls.__name__).lower()


def as_fault(fault: object) -> Fault:
    """Return the fault. Raises `TypeError` for its class or name, given by mistake."""
    if isinstance(fault, Fault):
        return fault
    if isinstance(fault, type):
        raise TypeError(_instance_hint(fault))
    hint = ": add_spec takes a text" if isinstance(fault, str) else ""
    raise TypeError(f"the fault must be a fault of the sandbox, not {fault!r}{hint}")


def _instance_hint(fault: type) -> str:
    return f"use an instance of the fault: {fault.__name__}(…)"


@attrs.frozen
class FaultContext:
    """A request as a middleware fault sees it: read completely, not answered yet.

    Attributes:
        rate_limit: The rate limit of the caller after this request.
        now: The sandbox's time, in UTC.
        call_next: Applies the next fault, or runs the operation, and returns the response.
        serialize: Returns a JSON response as it would be sent for this request.
        connection: The connection of the client.
    """

    rate_limit: RateLimitStatus
    now: datetime
    call_next: Callable[[], Awaitable[SerializedResponse]]
    serialize: Callable[[SandboxResponse], SerializedResponse]
    _connection: ClientConnection

    async def pause(self, seconds: float) -> None:
        """Wait. If the client disconnects meanwhile, the request ends here.

        Args:
            seconds: How long.
        """
        await self._connection.pause(seconds)

    async def hang(self) -> NoReturn:
        """Wait until the client disconnects, which ends the request."""
        await self._connection.hang()


class MiddlewareFault(Fault, ABC):
    """Base class of faults that wrap an operation, and may delay, replace or prevent it."""

    @abstractmethod
    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Return the response. Await `context.call_next()` to run the operation.

        Args:
            context: The request.

        Returns:
            The response to send.
        """


@attrs.frozen
class ReplaceResponseFault(MiddlewareFault):
    """Base class of faults that replace the response.

    Attributes:
        after: Whether the operation is executed first; otherwise it is not executed.
    """

    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Execute the operation if `after` is set, and return the replacement."""
        if self.after:
            await context.call_next()
        return self.reply(context)

    @abstractmethod
    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return the replacement.

        Args:
            context: The request.

        Returns:
            The response to send.
        """


class BodyFault(Fault, ABC):
    """Base class of faults that change a response. Responses without a body are left alone."""

    @abstractmethod
    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Return the changed response.

        Args:
            serialized: The response as it would be sent.
            body: Its body, not empty.

        Returns:
            The response to send.
        """


@attrs.frozen
class ListPage:
    """A page of a list before it is sent.

    Attributes:
        response: The response with the page.
        fetch_page: Returns the response with another page of the list, by number.
        path: The path of the request, which identifies the list.
    """

    response: SandboxResponse
    fetch_page: Callable[[int], SandboxResponse]
    path: str = ""

    @property
    def meta(self) -> JSONObject:
        """The `meta` object of the page."""
        return _meta(self.response)

    @property
    def number(self) -> int:
        """The number of the page."""
        return _count(self.meta, "current_page")

    @property
    def last(self) -> int:
        """The number of the last page; 1 if the list is empty."""
        return max(1, _count(self.meta, "total_pages"))

    @property
    def per(self) -> int:
        """The number of items on a full page."""
        return _count(self.meta, "per_page")

    @property
    def total(self) -> int | None:
        """The number of items in the list; None if another fault has removed it."""
        return _count(self.meta, "total_count") if "total_count" in self.meta else None

    def items(self, number: int | None = None) -> list[JSONObject]:
        """Return the items of this page, or of another one.

        Args:
            number: The number of another page.

        Returns:
            The items as JSON objects.
        """
        response = self.response if number is None else self.fetch_page(number)
        return cast("list[JSONObject]", (response.body or {})["data"])

    def with_next_page(
        self, next_page: int, items: list[JSONObject] | None = None
    ) -> SandboxResponse:
        """Return this page with another next page.

        Args:
            next_page: The number of the next page.
            items: The items, instead of those of the page.

        Returns:
            The changed response.
        """
        meta = {**self.meta, "next_page": next_page, "has_more_pages": True}
        return self.with_meta(meta, items)

    def with_meta(self, meta: JSONObject, items: list[JSONObject] | None = None) -> SandboxResponse:
        """Return this page with another `meta` object.

        Args:
            meta: The object.
            items: The items, instead of those of the page.

        Returns:
            The changed response.
        """
        data = self.items() if items is None else items
        return attrs.evolve(self.response, body={"data": data, "meta": meta})


class ListFault(Fault, ABC):
    """Base class of faults that change pages of lists. Other responses are left alone."""

    @abstractmethod
    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the changed page.

        Args:
            page: The page as it would be sent.

        Returns:
            The response to send, or None to leave the page alone.
        """


class StateFault(Fault, ABC):
    """Base class of faults that change the state just before an operation."""

    @abstractmethod
    def mutate(self, backend: Backend, group: GroupRecord | None, rng: Random) -> bool:
        """Change the state.

        Args:
            backend: The state of the sandbox.
            group: The group in the path of the request, if there is one.
            rng: The source of randomness.

        Returns:
            Whether the fault applied to the request.
        """


def list_page(
    response: SandboxResponse, fetch_page: Callable[[int], SandboxResponse], path: str
) -> ListPage | None:
    """Return the response as a page of a list, if it is one."""
    is_page = response.status == 200 and response.body is not None and "meta" in response.body
    return ListPage(response, fetch_page, path) if is_page else None


def _meta(response: SandboxResponse) -> JSONObject:
    return cast("JSONObject", (response.body or {})["meta"])


def _count(meta: JSONObject, name: str) -> int:
    return cast("int", meta[name])
