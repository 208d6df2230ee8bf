"""Types of a caller that msgspec decodes: dataclasses, structs, unions and others.

msgspec accepts datetimes without an offset, and models without the link ``self``. The models of
this package do neither, so types that hold them are decoded part by part.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs
import msgspec
import msgspec.inspect

from arena_groups._api.json_data import JSON_NAMES, InvalidValueError
from arena_groups._types import JSONItem
from arena_groups.models import Links, ResourceType, UnknownContent
from arena_groups.models._common import Timestamp

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = [
    "convert_hook",
    "has_identity",
    "is_convertible",
    "is_decodable",
    "is_own",
    "is_supported",
    "is_union",
    "is_union_of_models",
    "type_of",
    "union_of_models_factory",
]

Shape = Any  # a class, or what typing makes of one
Hook = Callable[[Any, Any], Any]

MAPPINGS: tuple[object, ...] = (dict, Mapping)
COLLECTIONS: tuple[object, ...] = (list, tuple, set, frozenset, Sequence)
PATH = re.compile(r" - at `(?:key` in `)?\$([^`]*)`$")
MISSING = re.compile(r"Object missing required field `([^`]+)`")
QUOTED = re.compile(r"`([^`]*)`")
FORMAT = re.compile(r"Invalid ([\w ]+)")
NAMES = {kind.__name__: name for kind, name in JSON_NAMES.items()}


def is_decodable(shape: Shape) -> bool:
    """Return whether msgspec alone decodes a type as strictly as the models are decoded."""
    parts = None if shape is Links else _parts(shape)
    return parts is not None and not any(map(_is_lax, parts)) and not any(map(_is_naive, parts))


def is_convertible(shape: Shape) -> bool:
    """Return whether msgspec converts plain data to a type that has no part of ours in it.

    An optional type is converted as the type that it is without ``None``.
    """
    if (
        is_own(shape)
        or shape == Timestamp
        or (is_union(shape) and _is_union_of_parts(get_args(shape)))
    ):
        return False
    parts = _parts(shape)
    return parts is not None and (_is_struct(shape) or not any(map(_is_lax, parts)))


def is_supported(shape: Shape) -> bool:
    """Return whether a response can be decoded as a type."""
    try:
        return _is_supported(shape)
    except TypeError:  # not hashable
        return _is_supported.__wrapped__(shape)


@cache
def _is_supported(shape: Shape) -> bool:
    left, seen = [shape], list[Shape]()
    while left:
        each = left.pop()
        if each in seen or is_own(each) or each is JSONItem or is_union_of_models(each):
            continue
        seen.append(each)
        if not is_convertible(each):
            parts = _parts_of_compound(each)
            if parts is None:
                return False
            left.extend(parts)
    return True


def _parts_of_compound(shape: Shape) -> list[Shape] | None:
    """Return the types in a type that is decoded part by part; ``None`` for other types."""
    kind, arguments = _class_of(shape), get_args(shape)
    if is_union(shape):
        others = [each for each in arguments if each is not NoneType]
        return others if len(others) == 1 else None
    if kind is Annotated:
        return [arguments[0]]
    if any(kind is each for each in MAPPINGS):
        return [arguments[1]] if arguments[:1] == (str,) else None
    if any(kind is each for each in COLLECTIONS):
        return [each for each in arguments if each is not ...]
    return _field_types(kind) if isinstance(kind, type) else None


def _field_types(kind: type[object]) -> list[Shape] | None:
    if not (attrs.has(kind) or is_dataclass(kind) or is_typeddict(kind)):
        return None
    try:
        hints = get_type_hints(kind)
    except Exception:  # noqa: BLE001 - whatever an annotation raises that does not exist
        return None
    return [each for each in hints.values() if not isinstance(each, TypeVar)]


def has_identity(shape: Shape) -> bool:
    """Return whether each object of a type has the attributes ``type`` and ``id``."""
    if is_union(shape):
        return all(map(has_identity, get_args(shape)))
    kind = _class_of(shape)
    if not isinstance(kind, type) or is_typeddict(kind):
        return False
    annotated = (name for each in kind.__mro__ for name in vars(each).get("__annotations__", ()))
    return {"type", "id"} <= {*dir(kind), *annotated}


def _is_struct(shape: Shape) -> bool:
    kind = _class_of(shape)
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def is_own(shape: Shape) -> bool:
    """Return whether a type is a model of this package, or a page of one."""
    kind = _class_of(shape)
    return (
        isinstance(kind, type)
        and attrs.has(kind)
        and kind.__module__.partition(".")[0] == "arena_groups"
    )


def is_union(shape: Shape) -> bool:
    """Return whether a type is a union."""
    return get_origin(shape) in {UnionType, Union}


def is_union_of_models(shape: Shape) -> bool:
    """Return whether a type is a union of models of different kinds, or of these and ``None``."""
    parts = get_args(shape) if is_union(shape) else ()
    members = [each for each in parts if each is not NoneType and each is not UnknownContent]
    kinds = {getattr(each, "KIND", None) for each in members}
    return 1 < len(members) == len(kinds) and None not in kinds


def type_of(value: object) -> str:
    """Return the field ``type`` of plain data, or nothing."""
    kind = cast("dict[str, object]", value).get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def _is_union_of_parts(members: tuple[Shape, ...]) -> bool:
    others = [each for each in members if each is not NoneType]
    return len(others) == 1 or any(map(is_own, others))


def union_of_models_factory(union: Shape, converter: "Converter") -> Hook:
    """Return a function that decodes a union of models by the field ``type``."""
    classes = {each.KIND: each for each in get_args(union) if hasattr(each, "KIND")}
    unknown = UnknownContent if UnknownContent in get_args(union) else None

    def structure_union(value: object, _: object) -> object:
        if value is None and NoneType in get_args(union):
            return None
        kind = classes.get(cast("ResourceType", type_of(value)), unknown)
        if kind is None:
            raise InvalidValueError(f"is not one of {', '.join(classes)}", "type")
        return converter.structure(value, kind)

    return structure_union


def convert_hook(shape: Shape, _: object = None) -> Hook:
    """Return a function that converts plain data to a type, or raises the first issue."""
    check_offsets = any(map(_is_naive, _parts(shape) or ()))

    def convert(value: object, _: object) -> object:
        try:
            found: object = msgspec.convert(value, shape, str_keys=True)
        except msgspec.ValidationError as error:
            problem = _issue(str(error))
        else:
            path = _naive_path(found) if check_offsets else None
            if path is None:
                return found
            problem = InvalidValueError("is no RFC 3339 date and time with an offset", path)
        raise problem

    return convert


def _class_of(shape: Shape) -> Shape:
    origin: object = get_origin(shape)
    return shape if origin is None else origin


def _parts(shape: Shape) -> list[msgspec.inspect.Type] | None:
    """Return the parts of a type, or ``None`` if msgspec does not decode it."""
    try:
        left: list[object] = [msgspec.inspect.type_info(shape)]
        msgspec.json.Decoder(shape)
    except Exception:  # noqa: BLE001 - also what an annotation raises that does not exist
        return None
    found: dict[int, msgspec.inspect.Type] = {}
    while left:
        each = left.pop()
        if isinstance(each, tuple):
            left.extend(cast("tuple[object, ...]", each))
        elif isinstance(each, msgspec.inspect.Field):
            left.append(each.type)
        elif isinstance(each, msgspec.inspect.CustomType) and each.cls is not object:
            return None
        elif isinstance(each, msgspec.inspect.Type) and id(each) not in found:
            found[id(each)] = each
            left.extend(getattr(each, name) for name in each.__struct_fields__)
    return list(found.values())


def _is_lax(part: object) -> bool:
    """Return whether a part is a model that msgspec takes without the link ``self``."""
    kind = getattr(part, "cls", None)
    return kind is not None and is_own(kind) and hasattr(kind, "links")


def _is_naive(part: object) -> bool:
    """Return whether a part is a datetime that msgspec takes without an offset."""
    return type(part).__name__ == "DateTimeType" and getattr(part, "tz", True) is None


def _naive_path(value: object) -> str | None:
    """Return the path of the first datetime without an offset."""
    return next(_naive_paths(msgspec.to_builtins(value, builtin_types=(datetime,)), ""), None)


def _naive_paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            yield path
    elif isinstance(value, dict):
        for name, each in cast("dict[object, object]", value).items():
            step = f".{name}" if isinstance(name, str) and name.isidentifier() else "[…]"
            yield from _naive_paths(each, path + step)
    elif isinstance(value, list | tuple):
        for place, each in enumerate(cast("list[object]", value)):
            yield from _naive_paths(each, f"{path}[{place}]")


def _issue(message: str) -> InvalidValueError:
    """Return the issue in a message of msgspec, without the value that it may hold."""
    place = PATH.search(message)
    path = "" if place is None else place[1].replace("[...]", "[…]")
    text = message if place is None else message[: place.start()]
    if missing := MISSING.fullmatch(text):
        return InvalidValueError("is missing", f"{path}.{missing[1]}")
    if text.startswith("Expected `"):
        words = QUOTED.sub(lambda found: _json_names(found[1]), text)
        return InvalidValueError(words[0].lower() + words[1:], path)
    if form := FORMAT.fullmatch(text):
        return InvalidValueError(f"is no {form[1]}", path)
    return InvalidValueError("is not a value that its type allows", path)


def _json_names(types: str) -> str:
    return " or ".join(NAMES.get(each, each) for each in types.split(" | "))
