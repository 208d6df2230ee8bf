"""Every kind of fault, and how a fault is written: as text, or as a name with options."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import attrs

from arena_groups.sandbox.faults.base import Fault, FaultTarget, check_type
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

_BY_NAME: Mapping[str, type[Fault]] = {each.name(): each for each in FAULTS}
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


def named_fault(
    name: str, options: Mapping[str, object], others: Sequence[str] = ()
) -> tuple[Fault, FaultTarget]:
    """Return a fault and its target from a name and options, which may have any type.

    Raises `ValueError` if the name or an option does not exist, a required option is missing, or a
    value is invalid. `others` are names of further options for the error.
    """
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"unknown fault {name!r}: use one of {', '.join(sorted(_BY_NAME))}")
    fields = {each.name: each for each in attrs.fields(kind) if each.init}
    own = {option: value for option, value in options.items() if option in fields}
    rest = {option: value for option, value in options.items() if option not in fields}
    target = fault_target(name, rest, [*fields], others)
    for option, field in fields.items():
        if option in own:
            check_type(field, own[option])
        elif field.default is attrs.NOTHING:
            raise ValueError(f"the option {option} is required")
    return kind(**own), target


def fault_target(
    name: str, options: Mapping[str, object], before: Sequence[str] = (), others: Sequence[str] = ()
) -> FaultTarget:
    """Return the target with these options of a fault. Raises `ValueError` for an unknown one.

    `before` and `others` are the names of further options for the error.
    """
    common = [each.name for each in attrs.fields(FaultTarget)]
    unknown = [option for option in options if option not in common]
    if unknown:
        allowed = ", ".join([*before, *common, *others])
        raise ValueError(f"{name} has no option {unknown[0]!r}: use one of {allowed}")
    return FaultTarget(**options)  # type: ignore[arg-type]
