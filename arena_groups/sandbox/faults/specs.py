"""Faults as text: `NAME` or `NAME:OPTION=VALUE,OPTION=VALUE`."""

import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

import attrs

from arena_groups.sandbox.faults.base import Fault
from arena_groups.sandbox.faults.catalogue import FAULTS
from arena_groups.sandbox.faults.target import Target

_T = TypeVar("_T")

_BY_NAME = {each.name(): each for each in FAULTS}
_WORDS = {"true": True, "false": False}


def parse_spec(spec: str) -> tuple[Fault, Target]:
    """The fault and the requests it is for. Raises `ValueError` when the text is not well-formed.

    Options are those of the fault and those of `Target`; one that is true or false may stand
    alone, and `none` is None. Ids in a list are joined by `+`.
    """
    name, _, rest = spec.partition(":")
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(_BY_NAME))}")
    own, common = _parsers(kind), _parsers(Target)
    texts = dict(_option(each) for each in rest.split(",")) if rest else {}
    unknown = texts.keys() - own.keys() - common.keys()
    if unknown:
        allowed = ", ".join([*own, *common])
        raise ValueError(f"{name} has no option {min(unknown)!r}; it has {allowed}")
    return _build(kind, own, texts), _build(Target, common, texts)


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
    return list(_parsers(Target))


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
