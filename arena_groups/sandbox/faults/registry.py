"""The faults of a sandbox: every kind, their specs as text, and those in place."""

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
    list_page,
)
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
    MissingTotal,
    WrongTotal,
    Churn,
)
"""Every kind of fault, in the order of the guide."""

_T = TypeVar("_T")

_BY_NAME = {each.name(): each for each in FAULTS}
_WORDS = {"true": True, "false": False}


def parse_spec(spec: str) -> tuple[Fault, FaultTarget]:
    """The fault and the requests it is for. Raises `ValueError` when the text is not well-formed.

    Options are those of the fault and those of `FaultTarget`; one that is true or false may stand
    alone, and `none` is None. Ids in a list are joined by `+`.
    """
    name, _, rest = spec.partition(":")
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(_BY_NAME))}")
    own, common = _parsers(kind), _parsers(FaultTarget)
    texts = dict(_option(each) for each in rest.split(",")) if rest else {}
    unknown = texts.keys() - own.keys() - common.keys()
    if unknown:
        allowed = ", ".join([*own, *common])
        raise ValueError(f"{name} has no option {min(unknown)!r}; it has {allowed}")
    return _build(kind, own, texts), _build(FaultTarget, common, texts)


@attrs.frozen
class FaultHelp:
    """A fault as the shell has it: its name, its own options, and what it does in one line."""

    name: str
    options: tuple[str, ...]
    summary: str


def describe_faults() -> list[FaultHelp]:
    """Every fault, in the order of the guide."""
    return [FaultHelp(each.name(), _options(each), _summary(each)) for each in FAULTS]


def target_options() -> list[str]:
    """The names of the options that every fault has."""
    return list(_parsers(FaultTarget))


def _options(kind: type[Fault]) -> tuple[str, ...]:
    fields = sorted(attrs.fields(kind), key=lambda each: each.kw_only)
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
        raise ValueError(f"{name} cannot be {text!r}") from None


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
    """A fault in place. As a context manager it is removed at the end of the block."""

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
        """How many requests it has struck so far."""
        return self._call_count

    def remove(self) -> None:
        """Strike no further requests. Does nothing when it was removed before."""
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
        """Whether it is to strike this request, which then counts as hit."""
        target = self._target
        if self._call_count == target.times or not target.matches(request):
            return False
        self._seen += 1
        if self._seen <= target.skip or rng.random() >= target.probability:
            return False
        self._call_count += 1
        return True

    def unclaim(self) -> None:
        """The request that was claimed last was none for this fault after all."""
        self._call_count -= 1


class FaultRegistry:
    """The faults of one sandbox. Chances are drawn from a source of their own, by the seed."""

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
        """Put a fault in place, by default for every request until it is removed.

        `operation` (a name of the API document, such as `createGroupInvitation`), `method`,
        `route` (a template, such as `/v3/groups/{id}/invitations`) and `where` narrow down which
        requests it is for. It lets the first `skip` of these pass, and strikes `times` at most,
        each with `probability`. Raises `ValueError` when there is no such operation, method or
        route, or a number is out of range.
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
        return self._place(fault, target)

    def add_spec(self, spec: str) -> InjectedFault:
        """Put a fault in place that is written as for the shell: `latency:seconds=0.2,times=3`.

        Raises `ValueError` when the text is no such thing.
        """
        return self._place(*parse_spec(spec))

    def clear(self) -> None:
        """Remove all faults. Requests that they have struck already stay struck."""
        self._injected.clear()

    def discard(self, injected: InjectedFault) -> None:
        """Remove one fault, if it is in place."""
        self._injected.pop(injected, None)

    def _place(self, fault: Fault, target: FaultTarget) -> InjectedFault:
        injected = InjectedFault(fault, target, self)
        self._injected[injected] = None
        return injected


@attrs.frozen
class FaultRunner:
    """What the faults do to one request, noted in its entry of the journal."""

    _faults: FaultRegistry
    _entry: LogEntry

    def claims(self, injected: InjectedFault) -> bool:
        """Whether this detour is taken."""
        if not self._claim(injected):
            return False
        self._finish(injected, applied=True)
        return True

    def mutate(self, backend: Backend, group: GroupRecord | None) -> None:
        """What changes before an operation on this group, or on something else."""
        for injected in self._faults:
            fault = injected.fault
            if isinstance(fault, StateFault) and self._claim(injected):
                self._finish(injected, applied=fault.mutate(backend, group, self._faults.rng))

    def transform_page(
        self, response: SandboxResponse, fetch_page: Callable[[int], SandboxResponse]
    ) -> SandboxResponse:
        """What becomes of an answer, if it is a page of a list."""
        for injected in self._faults:
            fault, page = injected.fault, list_page(response, fetch_page)
            if page is not None and isinstance(fault, ListFault) and self._claim(injected):
                transformed = fault.transform_page(page)
                self._finish(injected, applied=transformed is not None)
                response = transformed or response
        return response

    def transform_body(self, serialized: SerializedResponse) -> SerializedResponse:
        """What becomes of a message, if it has a body to send."""
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
