"""Python annotations, in the terms of JSON Schema."""

from collections.abc import Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Final, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from arena_groups._types import OpenEnum

__all__ = [
    "Annotation",
    "Field",
    "fields_of",
    "json_types",
    "members",
    "model_of",
    "name_of",
    "origin_of",
]

# A class or a typing construct: there is no narrower type for both.
Annotation = Any

JSON_TYPES: Final[Mapping[Annotation, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "string",
    NoneType: "null",
    list: "array",
    dict: "object",
}
READ_ONLY: Final[Mapping[Annotation, type]] = {tuple: list, Mapping: dict}


@frozen(kw_only=True)
class Field:
    """Field of a model, with generic parameters filled in."""

    name: str
    annotation: Annotation
    required: bool


def origin_of(annotation: Annotation) -> Annotation:
    """Return the class of a generic annotation, as JSON has it, or the annotation itself."""
    origin: object = get_origin(annotation)
    return annotation if origin is None else READ_ONLY.get(origin, origin)


def members(annotation: Annotation) -> tuple[Annotation, ...]:
    """Return the members of a union, or the annotation alone; a `NewType` counts as its base."""
    while isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    if origin_of(annotation) in (UnionType, Union):
        return tuple(each for part in get_args(annotation) for each in members(part))
    return (annotation,)


def model_of(annotation: Annotation) -> type | None:
    """Return the attrs class of an annotation, generic or not; None for everything else."""
    origin = origin_of(annotation)
    return origin if isinstance(origin, type) and attrs.has(origin) else None


def fields_of(annotation: Annotation) -> dict[str, Field]:
    """Return the fields of a model by name."""
    model = cast("type[attrs.AttrsInstance]", model_of(annotation))
    parameters = cast("tuple[TypeVar, ...]", getattr(model, "__parameters__", ()))
    filled = dict(zip(parameters, get_args(annotation), strict=False))
    hints = get_type_hints(model)
    return {
        each.name: Field(
            name=each.name,
            annotation=_fill(hints[each.name], filled),
            required=each.default is attrs.NOTHING,
        )
        for each in attrs.fields(model)
    }


def _fill(annotation: Annotation, filled: Mapping[TypeVar, Annotation]) -> Annotation:
    if isinstance(annotation, TypeVar):
        return filled.get(annotation, object)
    parameters = cast("tuple[TypeVar, ...]", getattr(annotation, "__parameters__", ()))
    if not parameters or isinstance(annotation, type):
        return annotation
    return annotation[tuple(filled.get(each, object) for each in parameters)]


def json_types(annotation: Annotation) -> frozenset[str]:
    """Return the JSON types of all members; a number includes integers."""
    names = {_json_type(each) for each in members(annotation)}
    return frozenset(names - {"integer"} if "number" in names else names)


def _json_type(annotation: Annotation) -> str:
    origin = origin_of(annotation)
    if isinstance(origin, type) and issubclass(origin, OpenEnum):
        return "string"
    return "object" if model_of(origin) else JSON_TYPES.get(origin, "anything")


def name_of(annotation: Annotation) -> str:
    """Return a name for reports."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("arena_groups.models.", "").replace("typing.", "")
