"""Faults of a sandbox: all kinds, their specs as text, and those in place."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import TracebackType
from typing import Self, TypeVar

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import GroupRecord, LogEntry, RecordedRequest
from arena_groups.sandbox.faults.base import (
    BodyFault,
    Fault,
    FaultTarget,
    ListFault,
    StateFault,
    as_fault,
    list_page,
)
from arena_groups.sandbox.faults.edge import Blocked, EdgeError
from arena_groups.sandbox.faults.http import (
    CutBody,
    CutChunks,
    DeepJSON,
    Disconnect,
    GzipBomb,
    Hang,
    HTMLPage,
    Latency,
    PlainText,
    RateLimited,
    Redirect,
    RequestTimeout,
    Reset,
    ServerFailure,
    Trickle,
    TruncatedJSON,
    WrongLength,
)
from arena_groups.sandbox.faults.lists import (
    BackwardPages,
    Churn,
    EmptyPages,
    EndlessPages,
    MissingTotal,
    PagesPastEnd,
    StaleTotal,
    WrongTotal,
)
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.server_protocol import SerializedResponse

FAULTS: tuple[type[Fault], ...] = (
    Latency,
    Hang,
    Trickle,
    RequestTimeout,
    RateLimited,
    ServerFailure,
    Blocked,
    EdgeError,
    Redirect,
    Reset,
    Disconnect,
    CutBody,
    CutChunks,
    WrongLength,
    TruncatedJSON,
    PlainText,
    HTMLPage,
    GzipBomb,
    DeepJSON,
    EndlessPages,
    BackwardPages,
    EmptyPages,
    PagesPastEnd,
    MissingTotal,
    WrongTotal,
    StaleTotal,
    Churn,
)
"""Every kind of fault, in the order of the guide."""

_T = TypeVar("_T")

_BY_NAME = {each.name(): each for each in FAULTS}
_WORDS = {"true": True, "false": False}


def parse_spec(spec: str) -> tuple[Fault, FaultTarget]:
    """Parse a fault written as `NAME` or `NAME:OPTION=VALUE,OPTION=VALUE`.

    Options are those of the fault and of `FaultTarget`. A boolean option may stand alone,
    `none` is None, and ids in a list are joined by `+`.

    Args:
        spec: The text.

    Returns:
        The fault, and the requests that it applies to.

    Raises:
        ValueError: The text is malformed, or a value is out of range.
    """
    name, _, rest = spec.partition(":")
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"unknown fault {name!r}: use one of {', '.join(sorted(_BY_NAME))}")
    own, common = _parsers(kind), _parsers(FaultTarget)
    texts = dict(_option(each) for each in rest.split(",")) if rest else {}
    unknown = texts.keys() - own.keys() - common.keys()
    if unknown:
        allowed = ", ".join([*own, *common])
        raise ValueError(f"{name} has no option {min(unknown)!r}: use one of {allowed}")
    return _build(kind, own, texts), _build(FaultTarget, common, texts)


@attrs.frozen
class FaultHelp:
    """The description of a fault for the command line.

    Attributes:
        name: The name.
        options: The options of the fault with their defaults.
        summary: One line about its effect.
    """

    name: str
    options: tuple[str, ...]
    summary: str


def describe_faults() -> list[FaultHelp]:
    """Describe every kind of fault.

    Returns:
        The descriptions, in the order of the guide.
    """
    return [FaultHelp(each.name(), _options(each), _summary(each)) for each in FAULTS]


def target_options() -> list[str]:
    """Return the options that every fault has.

    Returns:
        Their names.
    """
    return list(_parsers(FaultTarget))


def _options(kind: type[Fault]) -> tuple[str, ...]:
    fields = sorted((each for each in attrs.fields(kind) if each.init), key=lambda f: f.kw_only)
    return tuple(_shown(each) for each in fields)


def _shown(field: "attrs.Attribute[object]") -> str:
    match field.default:
        case attrs.NOTHING:
            return f"{field.name}=..."
        case False:
            return field.name
        case None:
            return f"{field.name}=none"
        case frozenset():
            return f"{field.name}=ID+ID"
        case value:
            return f"{field.name}={value}"


def _summary(kind: type[Fault]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].replace("`", "")


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    return name.strip(), value if equals else "true"


def _build(
    kind: type[_T], parsers: Mapping[str, Callable[[str], object]], texts: Mapping[str, str]
) -> _T:
    values: dict[str, object] = {}
    for name, text in texts.items():
        if name in parsers:
            values[name] = _value(name, text, parsers[name])
    missing = [each for each in parsers if each in _required(kind) and each not in values]
    if missing:
        raise ValueError(f"the option {missing[0]} is required")
    return kind(**values)


def _required(kind: type) -> set[str]:
    return {each.name for each in attrs.fields(kind) if each.default is attrs.NOTHING}


def _value(name: str, text: str, parser: Callable[[str], object]) -> object:
    try:
        return parser(text)
    except (ValueError, KeyError):
        raise ValueError(f"invalid {name} {text!r}") from None


def _parsers(kind: type) -> dict[str, Callable[[str], object]]:
    fields = attrs.fields(kind)
    return {each.name: _PARSERS[each.type] for each in fields if each.type in _PARSERS}


def _or_none(parser: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: None if text == "none" else parser(text)


def _ids(text: str) -> frozenset[int]:
    return frozenset(int(each) for each in text.split("+"))


_PARSERS: Mapping[object, Callable[[str], object]] = {
    bool: _WORDS.__getitem__,
    int: int,
    float: float,
    str: str,
    int | None: _or_none(int),
    str | None: _or_none(str),
    int | str | None: _or_none(str),
    frozenset[int]: _ids,
}


class InjectedFault:
    """A fault in place. As a context manager it is removed at the end of the block.

    Args:
        fault: The fault.
        target: The requests that it applies to.
        faults: The registry that it belongs to.
    """

    def __init__(self, fault: Fault, target: FaultTarget, faults: "FaultRegistry") -> None:
        self.fault = fault
        self._target = target
        self._faults = faults
        self._seen = 0
        self._call_count = 0

    def __repr__(self) -> str:
        return f"<{self.fault!r}, call_count={self._call_count}>"

    @property
    def call_count(self) -> int:
        """The number of requests that the fault has been applied to."""
        return self._call_count

    def remove(self) -> None:
        """Remove the fault. Does nothing if it has been removed already."""
        self._faults.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    def claim(self, request: RecordedRequest, rng: Random) -> bool:
        """Decide whether the fault applies to a request, and count the request if so.

        Args:
            request: The request.
            rng: The source of randomness.

        Returns:
            Whether the fault applies.
        """
        target = self._target
        if self._call_count == target.times or not target.matches(request):
            return False
        self._seen += 1
        if self._seen <= target.skip or rng.random() >= target.probability:
            return False
        self._call_count += 1
        return True

    def unclaim(self) -> None:
        """Take the last request back out of the count: the fault changed nothing."""
        self._call_count -= 1


class FaultRegistry:
    """The faults of one sandbox.

    Args:
        rng: The source of randomness, for `probability` and for faults that draw numbers.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._injected: dict[InjectedFault, None] = {}

    def __iter__(self) -> Iterator[InjectedFault]:
        return iter(tuple(self._injected))

    def __len__(self) -> int:
        return len(self._injected)

    def add(
        self,
        fault: Fault,
        *,
        operation: str | None = None,
        method: str | None = None,
        route: str | None = None,
        where: Callable[[RecordedRequest], bool] | None = None,
        times: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
    ) -> InjectedFault:
        """Add a fault. By default it applies to every request until it is removed.

        Args:
            fault: The fault.
            operation: Applies it to one operation, by its name in the API document, such as
                `createGroupInvitation`.
            method: Applies it to one HTTP method.
            route: Applies it to one path template, such as `/v3/groups/{id}/invitations`.
            where: Returns whether it applies to a request.
            times: The maximum number of requests; None for no maximum.
            skip: The number of matching requests to leave alone first.
            probability: The probability of each of the others, from 0 to 1.

        Returns:
            The fault in place.

        Raises:
            TypeError: The fault is a text or a class.
            ValueError: A name does not exist, or a number is out of range.
        """
        target = FaultTarget(
            operation=operation,
            method=method,
            route=route,
            where=where,
            times=times,
            skip=skip,
            probability=probability,
        )
        return self._place(as_fault(fault), target)

    def add_spec(self, spec: str) -> InjectedFault:
        """Add a fault written as for the command line: `latency:seconds=0.2,times=3`.

        Args:
            spec: The text, as for `parse_spec`.

        Returns:
            The fault in place.

        Raises:
            ValueError: The text is malformed, or a value is out of range.
        """
        return self._place(*parse_spec(spec))

    def clear(self) -> None:
        """Remove all faults."""
        self._injected.clear()

    def discard(self, injected: InjectedFault) -> None:
        """Remove a fault, if it is in place.

        Args:
            injected: The fault.
        """
        self._injected.pop(injected, None)

    def assert_all_applied(self) -> None:
        """Check that every fault in place has been applied to a request.

        Raises:
            AssertionError: Some faults have not; the message names them.
        """
        unused = [each.fault.name() for each in self._injected if not each.call_count]
        if unused:
            raise AssertionError(f"faults not applied to any request: {', '.join(unused)}")

    def _place(self, fault: Fault, target: FaultTarget) -> InjectedFault:
        injected = InjectedFault(fault, target, self)
        self._injected[injected] = None
        return injected


@attrs.frozen
class FaultRunner:
    """Applies the faults to one request, and records them in its log entry."""

    _faults: FaultRegistry
    _entry: LogEntry

    def applies(self, injected: InjectedFault) -> bool:
        """Return whether this middleware fault applies to the request."""
        if not self._claim(injected):
            return False
        self._finish(injected, applied=True)
        return True

    def mutate(self, backend: Backend, group: GroupRecord | None) -> None:
        """Apply the state faults before an operation on this group, or without a group."""
        for injected in self._faults:
            fault = injected.fault
            if isinstance(fault, StateFault) and self._claim(injected):
                self._finish(injected, applied=fault.mutate(backend, group, self._faults.rng))

    def transform_page(
        self, response: SandboxResponse, fetch_page: Callable[[int], SandboxResponse]
    ) -> SandboxResponse:
        """Apply the list faults to a response that is a page of a list."""
        path = self._entry.record.path
        for injected in self._faults:
            fault, page = injected.fault, list_page(response, fetch_page, path)
            if page is not None and isinstance(fault, ListFault) and self._claim(injected):
                transformed = fault.transform_page(page)
                self._finish(injected, applied=transformed is not None)
                response = transformed or response
        return response

    def transform_body(self, serialized: SerializedResponse) -> SerializedResponse:
        """Apply the body faults to a response that has a body to send."""
        for injected in self._faults:
            fault, body = injected.fault, serialized.body
            if isinstance(fault, BodyFault) and body and self._sends_body and self._claim(injected):
                serialized = fault.transform(serialized, body)
                self._finish(injected, applied=True)
        return serialized

    @property
    def _sends_body(self) -> bool:
        return self._entry.record.method != "HEAD"

    def _claim(self, injected: InjectedFault) -> bool:
        return injected.claim(self._entry.record, self._faults.rng)

    def _finish(self, injected: InjectedFault, *, applied: bool) -> None:
        if applied:
            self._entry.mark_applied(injected.fault.name())
        else:
            injected.unclaim()
