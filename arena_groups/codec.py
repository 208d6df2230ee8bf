"""JSON bytes to models and back: one cattrs converter, with strict hooks.

cattrs by default turns ``1.5`` into ``1`` and null into ``'None'``; the hooks here take a value
only when it already is what the field says. Problems name types, never values, as a value may
be a secret.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast, get_origin

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.cols import (
    is_mapping,
    is_sequence,
    list_structure_factory,
    mapping_structure_factory,  # pyright: ignore[reportUnknownVariableType]
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from arena_groups.errors import DecodeError, Fault
from arena_groups.models import (
    AttachmentBlock,
    Channel,
    Content,
    EmbedBlock,
    EmbeddedGroup,
    EmbeddedUser,
    ImageBlock,
    Link,
    LinkBlock,
    Links,
    MetadataValue,
    OpenEnum,
    PendingBlock,
    TextBlock,
    UnknownContent,
)

__all__ = ["check_json", "decode", "from_dict", "to_dict"]

T = TypeVar("T")
Target = Any  # a class, or what typing makes of one
StructureHook = Callable[[Any, Any], Any]
HookFactory = Callable[[Any, Converter], StructureHook]

JSON_NAMES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
CONTENT_KINDS: dict[str, type] = {
    kind.KIND: kind
    for kind in (
        TextBlock,
        ImageBlock,
        LinkBlock,
        AttachmentBlock,
        EmbedBlock,
        PendingBlock,
        Channel,
    )
}
RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{,63}", re.ASCII)


class _BadValueError(Exception):
    """What is wrong with one value, or ``below`` it; its place is added on the way up."""

    def __init__(self, problem: str, below: str = "") -> None:
        super().__init__(problem)
        self.below = below


def decode(returns: type[T], body: bytes, operation: str) -> T:
    """Turn a JSON ``body`` into ``returns`` (a model, or ``Page[model]``).

    Raises :class:`DecodeError` naming ``operation`` and every fault, never giving a part.
    """
    result = _parse(returns, body)
    del body  # an error's traceback must not hold what was in it
    if isinstance(result, _Faults):
        raise DecodeError(operation, result.faults, incomplete=result.incomplete)
    return result


def check_json(body: bytes, operation: str) -> None:
    """Raise :class:`DecodeError` unless ``body`` is JSON, of whatever shape."""
    document = _document(body)
    del body
    if isinstance(document, _Faults):
        raise DecodeError(operation, document.faults, incomplete=document.incomplete)


def from_dict(model: type[T], data: Mapping[str, object]) -> T:
    """Turn plain JSON data into ``model``: the inverse of :func:`to_dict`.

    Raises :class:`DecodeError` with the path of every fault.
    """
    result = _structure(model, _plain(data))
    del data
    if isinstance(result, _Faults):
        raise DecodeError(getattr(model, "__name__", "content"), result.faults)
    return result


def to_dict(model: object) -> dict[str, object]:
    """Turn a model into a dict ready for JSON, with the names of the wire.

    Datetimes become RFC 3339 strings, enums strings. A field that the API may leave out is
    left out where it is ``None``. The dict holds the email addresses and invite codes of the
    model. Raises ``TypeError`` for what is no model.
    """
    if isinstance(model, type) or not attrs.has(type(model)):
        raise TypeError(f"to_dict takes a model of arena_groups, not {type(model).__name__}")
    return cast("dict[str, object]", _converter.unstructure(model))


@attrs.frozen
class _Faults:
    faults: list[Fault]
    incomplete: bool = False


def _parse(returns: type[T], body: bytes) -> T | _Faults:
    document = _document(body)
    return document if isinstance(document, _Faults) else _structure(returns, document)


def _document(body: bytes) -> object:
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return _no_json("is not UTF-8")
    except json.JSONDecodeError as error:
        return _no_json(_describe_non_json(body, error))
    except ValueError:
        return _whole("holds a number that JSON does not allow")
    except RecursionError:
        return _whole("is nested too deeply")


def _structure(returns: type[T], document: object) -> T | _Faults:
    try:
        return _converter.structure(document, returns)
    except Exception as error:  # noqa: BLE001 - groups, and whatever a body may provoke
        return _Faults(_faults(error, ""))


def _plain(data: object) -> object:
    return dict(cast("Mapping[str, object]", data)) if isinstance(data, Mapping) else data


def _whole(problem: str) -> _Faults:
    return _Faults([Fault("", problem)])


def _no_json(problem: str) -> _Faults:
    return _Faults([Fault("", problem)], incomplete=True)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _describe_non_json(body: bytes, error: json.JSONDecodeError) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "is empty"
    if start == b"<":
        return "is HTML or XML, not JSON"
    return f"is not JSON ({error.msg} at character {error.pos})"


def _faults(error: BaseException, path: str) -> list[Fault]:
    if isinstance(error, ClassValidationError):
        named, plain = error.group_exceptions()
        places = [(inner, _join(path, note.name)) for inner, note in named]
    elif isinstance(error, IterableValidationError):
        numbered, plain = error.group_exceptions()
        places = [(inner, _join(path, note.index)) for inner, note in numbered]
    elif isinstance(error, KeyError):
        return [Fault(path, "is missing")]
    elif isinstance(error, _BadValueError):
        return [Fault(_join(path, error.below) if error.below else path, str(error))]
    else:
        return [Fault(path, f"cannot be read ({type(error).__name__})")]
    places += [(inner, path) for inner in plain]
    return [fault for inner, place in places for fault in _faults(inner, place)]


def _join(path: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not PLAIN_KEY.fullmatch(step):
        return f"{path}[…]"  # a key may be a secret too
    return f"{path}.{step}" if path else step


def _expected(what: str, value: object) -> _BadValueError:
    return _BadValueError(f"expected {what}, got {JSON_NAMES.get(type(value), 'something else')}")


def _exactly(kind: type) -> StructureHook:
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise _expected(JSON_NAMES[kind], value)
        return value

    return structure


def _structure_float(value: object, _: object) -> float:
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise _expected("number", value)
    return _finite(value)


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _BadValueError("is a number out of range")
    return number


def _structure_metadata_value(value: object, _: object) -> MetadataValue:
    if not isinstance(value, str | int | float | bool):
        raise _expected("string, number or boolean", value)
    return _finite(value) if isinstance(value, float) else value


def _structure_anything(value: object, _: object) -> object:
    _refuse_infinity(value)
    return value


def _refuse_infinity(value: object) -> None:
    """Refuse what ``1e999`` becomes anywhere in ``value``: no JSON could be made of it again."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, float):
            _finite(each)
        elif isinstance(each, dict):
            left.extend(cast("dict[str, object]", each).values())
        elif isinstance(each, list):
            left.extend(cast("list[object]", each))


def _structure_datetime(value: object, _: object) -> datetime:
    if not isinstance(value, str):
        raise _expected("date and time", value)
    if not RFC_3339.fullmatch(value):
        raise _BadValueError("is no RFC 3339 date and time with an offset")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise _BadValueError("is a date and time that does not exist") from None


def _structure_enum(value: object, kind: type[OpenEnum]) -> OpenEnum:
    if not isinstance(value, str):
        raise _expected("string", value)
    return kind(value)


def _structure_links(value: object, _: object) -> Links:
    links = Links(_converter.structure(value, dict[str, Link]))
    if "self" not in links:
        raise _BadValueError("is missing", below="self")
    return links


def _structure_owner(value: object, _: object) -> EmbeddedUser | EmbeddedGroup:
    if _kind(value) == EmbeddedGroup.KIND:
        return _converter.structure(value, EmbeddedGroup)
    return _converter.structure(value, EmbeddedUser)


def _structure_content(value: object, _: object) -> Content:
    kind = CONTENT_KINDS.get(_kind(value), UnknownContent)
    return cast("Content", _converter.structure(value, kind))


def _kind(value: object) -> str:
    kind = cast("dict[str, object]", value).get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def _only_from(kind: type, factory: HookFactory) -> HookFactory:
    def guarded_factory(target: Target, converter: Converter) -> StructureHook:
        inner = factory(target, converter)

        def structure(value: object, into: object) -> object:
            if not isinstance(value, kind):
                raise _expected(JSON_NAMES[kind], value)
            return inner(value, into)

        return structure

    return guarded_factory


def _mapping_factory(target: Target, converter: Converter) -> StructureHook:
    factory = cast("HookFactory", mapping_structure_factory)
    return factory(target, converter)


def _model_factory(target: Target, converter: Converter) -> StructureHook:
    return make_dict_structure_fn(target, converter)


def _unknown_content_factory(target: Target, converter: Converter) -> StructureHook:
    inner = make_dict_structure_fn(target, converter, data=override(omit=True))

    def structure(value: dict[str, object], into: object) -> UnknownContent:
        content: UnknownContent = inner(value, into)
        _refuse_infinity(value)
        return attrs.evolve(content, data=dict(value))

    return structure


def _unstructure_factory(target: Target, converter: Converter) -> Callable[[Any], Any]:
    overrides: Any = {
        each.name: override(omit_if_default=each.default is None)
        for each in attrs.fields(_class_of(target))
    }
    return make_dict_unstructure_fn(target, converter, **overrides)


def _unstructure_datetime(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _make_converter() -> Converter:
    made = Converter(detailed_validation=True)
    model = _only_from(dict, _model_factory)
    unknown = _only_from(dict, _unknown_content_factory)
    mapping = _only_from(dict, _mapping_factory)
    made.register_structure_hook_factory(is_mapping, mapping)
    made.register_structure_hook_factory(is_sequence, _only_from(list, list_structure_factory))
    made.register_structure_hook_factory(_is_model, model)
    made.register_structure_hook_factory(lambda target: target is UnknownContent, unknown)
    for kind in (str, int, bool):
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook(float, _structure_float)
    made.register_structure_hook(datetime, _structure_datetime)
    made.register_structure_hook(OpenEnum, _structure_enum)
    made.register_structure_hook_func(lambda t: t is object, _structure_anything)
    made.register_structure_hook_func(lambda t: t is Links, _structure_links)
    made.register_structure_hook_func(lambda t: t == MetadataValue, _structure_metadata_value)
    made.register_structure_hook_func(lambda t: t == EmbeddedUser | EmbeddedGroup, _structure_owner)
    made.register_structure_hook_func(lambda t: t == Content, _structure_content)
    made.register_unstructure_hook_factory(_is_model, _unstructure_factory)
    made.register_unstructure_hook(UnknownContent, lambda content: dict(content.data))
    made.register_unstructure_hook(OpenEnum, lambda member: member.value)
    made.register_unstructure_hook(datetime, _unstructure_datetime)
    return made


def _is_model(target: Target) -> bool:
    return attrs.has(_class_of(target))


def _class_of(target: Target) -> type[attrs.AttrsInstance]:
    origin: object = get_origin(target)
    return cast("type[attrs.AttrsInstance]", target if origin is None else origin)


_converter = _make_converter()
