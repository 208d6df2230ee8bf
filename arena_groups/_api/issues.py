"""Plain data to models and back, with every issue found: one cattrs converter, strict hooks.

cattrs by default turns ``1.5`` into ``1`` and null into ``'None'``; the hooks here take a value
only when it already is what the field says.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, is_typeddict

import attrs
import msgspec
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.cols import (
    is_mapping,
    is_sequence,
    list_structure_factory,
    mapping_structure_factory,  # pyright: ignore[reportUnknownVariableType]
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from arena_groups._api.decoders import UNIONS, Owner, owner_class
from arena_groups._api.json_data import (
    INVALID_TEXT,
    DecodeFailure,
    InvalidValueError,
    expected,
    join_path,
    parse_json,
)
from arena_groups._api.shapes import (
    convert_hook,
    is_convertible,
    is_own,
    is_union_of_models,
    type_of,
    union_of_models_factory,
)
from arena_groups._types import JSONItem, JSONValue, OpenEnum
from arena_groups.errors import DecodeIssue
from arena_groups.models import (
    Link,
    Links,
    MetadataValue,
    Page,
    UnknownContent,
)
from arena_groups.models._common import Timestamp
from arena_groups.models._parts import PartialPage

__all__ = [
    "decode_valid_items",
    "decode_with_issues",
    "structure",
    "unstructure",
]

T = TypeVar("T")
Target = Any  # a class, or what typing makes of one
StructureHook = Callable[[Any, Any], Any]
HookFactory = Callable[[Any, Converter], StructureHook]

SHOWN_ISSUES = 5
SECOND = timedelta(seconds=1)
LEAP_SECOND = re.compile(r"(.{11}\d{2}:\d{2}):60(\.\d+)?(.*)", re.ASCII)
RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII
)


def decode_with_issues(returns: type[T], body: bytes) -> T | DecodeFailure:
    """Return a JSON ``body`` as ``returns``, or every issue in it."""
    document = parse_json(body)
    found = document if isinstance(document, DecodeFailure) else structure(returns, document)
    if isinstance(found, DecodeFailure) and not _is_utf8(body):
        return DecodeFailure([DecodeIssue("", "is not UTF-8")], invalid_json=True)
    return found


def decode_valid_items(returns: type[T], body: bytes) -> T | DecodeFailure:
    """Return a page without the items that cannot be decoded, or every issue in the rest of it."""
    document = parse_json(body)
    rows = cast("dict[str, object]", document).get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return decode_with_issues(returns, body)
    envelope = structure(returns, {**cast("dict[str, object]", document), "data": []})
    if isinstance(envelope, DecodeFailure):
        return envelope
    items: list[object] = []
    skipped: dict[str, str] = {}
    for place, row in enumerate(cast("list[object]", rows)):
        item: object = structure(get_args(returns)[0], row, path=f"data[{place}]")
        if isinstance(item, DecodeFailure):
            skipped[_identity(row)] = "; ".join(map(str, item.issues[:SHOWN_ISSUES]))
        else:
            items.append(item)
    page = cast("Page[object]", envelope)
    if not skipped:
        return cast("T", Page(data=items, meta=page.meta))
    return cast("T", PartialPage(data=items, meta=page.meta, skipped=skipped))


def _identity(row: object) -> str:
    found = cast("dict[str, object]", row) if isinstance(row, dict) else {}
    if isinstance(found.get("type"), str) and type(found.get("id")) is int:
        return f"{found['type']} {found['id']}"
    return hashlib.sha256(f"{row!r}".encode(errors="replace")).hexdigest()


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def structure(returns: type[T], document: object, *, path: str = "") -> T | DecodeFailure:
    """Plain data at ``path`` as ``returns``, or all that is wrong with it."""
    try:
        return _converter().structure(document, returns)
    except Exception as error:  # noqa: BLE001 - groups, and whatever a body may provoke
        return DecodeFailure(decode_issues(error, path))


def unstructure(model: object) -> dict[str, object]:
    """Return a model as plain data."""
    return cast("dict[str, object]", _converter().unstructure(model))


def _exactly(kind: type) -> StructureHook:
    def structure_exactly(value: object, target: object) -> object:
        if target is not kind and isinstance(target, type):  # an enum of a caller
            return convert_hook(target)(value, target)
        if type(value) is not kind:
            raise expected(kind, value)
        return value

    return structure_exactly


def _structure_float(value: object, _: object) -> float:
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise expected(float, value)
    return _finite(value)


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidValueError("is a number out of range")
    return number


def _structure_metadata_value(value: object, _: object) -> MetadataValue:
    if not isinstance(value, str | int | float | bool):
        raise expected("string, number or boolean", value)
    return _finite(value) if isinstance(value, float) else value


def _structure_anything(value: object, _: object) -> object:
    _refuse_non_json(value)
    return value


def _refuse_non_json(value: object) -> None:
    """Refuse that of which no JSON could be made again, as what ``1e999`` becomes."""
    left = [value]
    while left:
        each = left.pop()
        if each is INVALID_TEXT:
            raise expected(str, each)
        if isinstance(each, float):
            _finite(each)
        elif isinstance(each, dict):
            left.extend(cast("dict[object, object]", each))
            left.extend(cast("dict[object, object]", each).values())
        elif isinstance(each, list):
            left.extend(cast("list[object]", each))


def _structure_datetime(value: object, _: object) -> datetime:
    if not isinstance(value, str):
        raise expected("date and time", value)
    try:
        return msgspec.convert(value, Timestamp)  # so that both halves of the codec agree
    except msgspec.ValidationError:
        leap_second = _parse_leap_second(value)
    if leap_second is not None:
        return leap_second
    if RFC_3339.fullmatch(value):
        raise InvalidValueError("is a date and time that does not exist")
    raise InvalidValueError("is no RFC 3339 date and time with an offset")


def _parse_leap_second(value: str) -> datetime | None:
    """Return the second after a leap second, as Unix time counts it; ``None`` for other values.

    A leap second can only be the last second of a month in UTC.
    """
    found = LEAP_SECOND.fullmatch(value)
    if found is None:
        return None
    minute, fraction, zone = found.groups("")
    try:
        before = msgspec.convert(f"{minute}:59{zone}", Timestamp).astimezone(UTC)
        if (before + SECOND).month == before.month:
            return None
        return msgspec.convert(f"{minute}:59{fraction}{zone}", Timestamp) + SECOND
    except (msgspec.ValidationError, OverflowError):
        return None


def _structure_enum(value: object, kind: type[OpenEnum]) -> OpenEnum:
    if not isinstance(value, str):
        raise expected(str, value)
    return kind(value)


def _structure_enum_of_caller(value: object, kind: type[Enum]) -> object:
    return convert_hook(kind)(value, kind)


def _structure_links(value: object, _: object) -> Links:
    links = Links(_converter().structure(value, dict[str, Link]))
    if "self" not in links:
        raise InvalidValueError("is missing", below="self")
    return links


def _structure_json_item(value: object, _: object) -> JSONItem:
    if not isinstance(value, dict):
        raise expected(dict, value)
    members = cast("dict[str, JSONValue]", value)
    for name, kind in (("type", str), ("id", int)):
        if name not in members:
            raise InvalidValueError("is missing", name)
        if type(members[name]) is not kind:
            raise InvalidValueError(str(expected(kind, members[name])), name)
    _refuse_non_json(members)
    return JSONItem(members)


def _structure_owner(value: object, _: object) -> Owner:
    return _converter().structure(value, owner_class(type_of(value)))


def _structure_union(value: object, union: Target) -> object:
    kind: type[object] = UNIONS[union].get(type_of(value), UnknownContent)
    return _converter().structure(value, kind)


def _only_from(kind: type, factory: HookFactory) -> HookFactory:
    def guarded_factory(target: Target, converter: Converter) -> StructureHook:
        inner = factory(target, converter)

        def structure_guarded(value: object, into: object) -> object:
            if not isinstance(value, kind):
                raise expected(kind, value)
            return inner(value, into)

        return structure_guarded

    return guarded_factory


def _mapping_factory(target: Target, converter: Converter) -> StructureHook:
    factory = cast("HookFactory", mapping_structure_factory)
    return factory(dict.__class_getitem__(get_args(target)), converter)


def _tuple_factory(target: Target, converter: Converter) -> StructureHook:
    factory = cast("HookFactory", list_structure_factory)
    inner = factory(list.__class_getitem__(get_args(target)[0]), converter)

    def structure_tuple(value: list[object], into: object) -> tuple[object, ...]:
        return tuple(inner(value, into))

    return structure_tuple


def _model_factory(target: Target, converter: Converter) -> StructureHook:
    return make_dict_structure_fn(target, converter)


def _unknown_content_factory(target: Target, converter: Converter) -> StructureHook:
    inner = make_dict_structure_fn(target, converter, data=override(omit=True))

    def structure_unknown(value: dict[str, object], into: object) -> UnknownContent:
        content: UnknownContent = inner(value, into)
        _refuse_non_json(value)
        return attrs.evolve(content, data=dict(value))

    return structure_unknown


def _unstructure_factory(target: Target, converter: Converter) -> Callable[[Any], Any]:
    overrides: Any = {
        each.name: override(omit_if_default=each.default is None)
        for each in attrs.fields(_class_of(target))
    }
    return make_dict_unstructure_fn(target, converter, **overrides)


def _unstructure_datetime(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


@cache
def _converter() -> Converter:
    made = Converter(detailed_validation=True, unstruct_collection_overrides={
        Mapping: dict, tuple: list,
    })  # fmt: skip
    made.register_structure_hook_factory(is_convertible, convert_hook)  # before ours, which count
    made.register_structure_hook_factory(is_union_of_models, union_of_models_factory)
    model = _only_from(dict, _model_factory)
    unknown = _only_from(dict, _unknown_content_factory)
    mapping = _only_from(dict, _mapping_factory)
    made.register_structure_hook_factory(_is_mapping, mapping)
    made.register_structure_hook_factory(is_sequence, _only_from(list, list_structure_factory))
    made.register_structure_hook_factory(_is_tuple, _only_from(list, _tuple_factory))
    made.register_structure_hook_factory(_is_structured, model)
    made.register_structure_hook_factory(lambda target: target is UnknownContent, unknown)
    for kind in (str, int, bool):
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook(float, _structure_float)
    made.register_structure_hook(datetime, _structure_datetime)
    made.register_structure_hook(Enum, _structure_enum_of_caller)
    made.register_structure_hook(OpenEnum, _structure_enum)
    made.register_structure_hook_func(lambda t: t is object, _structure_anything)
    made.register_structure_hook_func(lambda t: t is JSONItem, _structure_json_item)
    made.register_structure_hook_func(lambda t: t is Links, _structure_links)
    made.register_structure_hook_func(lambda t: t == MetadataValue, _structure_metadata_value)
    made.register_structure_hook_func(lambda t: t == Owner, _structure_owner)
    made.register_structure_hook_func(_is_union, _structure_union)
    made.register_unstructure_hook_factory(_is_model, _unstructure_factory)
    made.register_unstructure_hook(UnknownContent, lambda content: dict(content.data))
    made.register_unstructure_hook(OpenEnum, lambda member: member.value)
    made.register_unstructure_hook(datetime, _unstructure_datetime)
    return made


def _is_model(target: Target) -> bool:
    return attrs.has(_class_of(target))


def _is_structured(target: Target) -> bool:
    if is_own(target):
        return True
    return (_is_model(target) or is_dataclass(target)) and not is_convertible(target)


def _is_mapping(target: Target) -> bool:
    return is_mapping(target) and not is_typeddict(target) and get_args(target)[:1] == (str,)


def _is_union(target: Target) -> bool:
    return any(target == union for union in UNIONS)


def _is_tuple(target: Target) -> bool:
    origin: object = get_origin(target)
    return origin is tuple and get_args(target)[-1] is ...


def _class_of(target: Target) -> type[attrs.AttrsInstance]:
    origin: object = get_origin(target)
    return cast("type[attrs.AttrsInstance]", target if origin is None else origin)


def decode_issues(error: BaseException, path: str = "") -> list[DecodeIssue]:
    """Every fault that an error of the converter stands for, with its JSON path."""
    if isinstance(error, ClassValidationError):
        named, plain = error.group_exceptions()
        places = [(inner, join_path(path, note.name)) for inner, note in named]
    elif isinstance(error, IterableValidationError):
        numbered, plain = error.group_exceptions()
        places = [(inner, join_path(path, note.index)) for inner, note in numbered]
    elif isinstance(error, KeyError):
        return [DecodeIssue(path, "is missing")]
    elif isinstance(error, InvalidValueError):
        return [DecodeIssue(_below(path, error.below), str(error))]
    else:
        return [DecodeIssue(path, f"cannot be read ({type(error).__name__})")]
    places += [(inner, path) for inner in plain]
    return [fault for inner, place in places for fault in decode_issues(inner, place)]


def _below(path: str, below: str) -> str:
    if not path:
        return below.removeprefix(".")
    return path + below if not below or below[0] in ".[" else f"{path}.{below}"
