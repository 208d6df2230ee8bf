"""Shapes of models: their fields, the places in a document, and wrong values."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args
from typing import get_origin as _get_origin

import attrs

from arena_groups import models
from arena_groups._types import OpenEnum
from arena_groups.models import Links, MetadataValue, UnknownContent
from arena_groups.models._parts import Ping, PingStatus

Shape = Any  # a class, or what typing makes of one
READ_ONLY: Mapping[Shape, type] = {tuple: list, Mapping: dict}

MODELS: tuple[type, ...] = (
    Ping,
    *(
        found
        for found in (getattr(models, name) for name in models.__all__)
        if isinstance(found, type) and attrs.has(found) and found is not models.Page
    ),
)
ENUMS: tuple[type[OpenEnum], ...] = (
    PingStatus,
    *(
        found
        for found in (getattr(models, name) for name in models.__all__)
        if isinstance(found, type) and issubclass(found, OpenEnum)
    ),
)
WRONG: Mapping[Shape, tuple[object, ...]] = {
    str: (None, 1, 1.5, True, [], {}),
    int: (None, "7", 1.9, 1.0, True, [], {}),
    float: (None, "1.5", True, [], {}),
    bool: (None, 0, 1, "true", [], {}),
    datetime: (
        None,
        0,
        1773093746,
        True,
        "",
        "yesterday",
        "2026-03-09",
        "2026-03-09T22:02:26",
        "2026-03-09T22:02:26.5",
        "20260309T220226Z",
        "2026-03-09T22:02Z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-03-09T24:00:01Z",
        "2026-03-09T23:59:60Z",
        "2026-03-09T22:02:26+24:00",
        "2026-03-09T22:02:26Z\n",
        "٢٠٢٦-٠٣-٠٩T٢٢:٠٢:٢٦Z",
        [],
        {},
    ),
    OpenEnum: (None, 1, True, 1.5, [], {}),
    list: (None, "x", 1, True, {}),
    dict: (None, "x", 1, True, []),
    MetadataValue: (None, [], {}),
}


class Place(NamedTuple):
    """Field of one object in a document."""

    path: str
    holder: dict[str, object]
    name: str
    shape: Shape
    nullable: bool
    required: bool


class Field(NamedTuple):
    """Field of a model; ``shape`` is its type without ``None``."""

    name: str
    shape: Shape
    nullable: bool
    default: object

    @property
    def required(self) -> bool:
        return self.default is attrs.NOTHING


def get_origin(shape: Shape) -> Shape:
    """Return the class of a generic alias, as JSON has it, or ``None``."""
    origin = _get_origin(shape)
    return READ_ONLY.get(origin, origin)


def fields(model: Shape) -> Iterator[Field]:
    """Return the fields of a model; those of ``Page[…]`` with its items filled in."""
    filled = get_args(model)
    for each in attrs.fields(get_origin(model) or model):
        shape, nullable = without_none(each.type)
        if filled and get_origin(shape) is list:
            shape = list.__class_getitem__(filled[0])
        yield Field(each.name, shape, nullable, each.default)


def without_none(shape: Shape) -> tuple[Shape, bool]:
    """Return a type without ``None``, and whether it had ``None``."""
    if _get_origin(shape) not in (UnionType, Union) or NoneType not in get_args(shape):
        return plain(shape), False
    kept = [plain(part) for part in get_args(shape) if part is not NoneType]
    united = kept[0]
    for part in kept[1:]:
        united |= part
    return united, True


def plain(shape: Shape) -> Shape:
    """Return a type without ``Annotated``."""
    return get_args(shape)[0] if _get_origin(shape) is Annotated else shape


def model_in(shape: Shape, document: object) -> Shape | None:
    """Return the model of a value of ``shape``, or ``None`` if it is not an object."""
    if isinstance(shape, UnionType) and shape != MetadataValue and isinstance(document, dict):
        kinds = {kind.KIND: kind for kind in get_args(shape) if hasattr(kind, "KIND")}
        return kinds.get(str(document["type"]), UnknownContent)
    return shape if attrs.has(get_origin(shape) or shape) else None


def places(model: Shape, document: dict[str, object], path: str = "") -> Iterator[Place]:
    """Yield every field of a document that a model names, at any depth."""
    for field in fields(model):
        if field.name not in document or (model is UnknownContent and field.name == "data"):
            continue
        here = f"{path}.{field.name}" if path else field.name
        yield Place(here, document, field.name, field.shape, field.nullable, field.required)
        yield from _below(field.shape, document[field.name], here)


def _below(shape: Shape, value: object, path: str) -> Iterator[Place]:
    inner = model_in(shape, value)
    if inner is not None and isinstance(value, dict):
        yield from places(inner, value, path)
    elif get_origin(shape) is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(get_args(shape)[0], item, f"{path}[{index}]")
    elif shape is Links and isinstance(value, dict):
        yield Place(f"{path}.self", value, "self", dict, False, True)
        yield Place(f"{path}.self.href", value["self"], "href", str, False, True)


def wrong_values(place: Place) -> list[object]:
    """Return JSON values that are invalid at a place."""
    return [value for value in _wrong(place.shape) if value is not None or not place.nullable]


def _wrong(shape: Shape) -> tuple[object, ...]:
    if shape in WRONG:
        return WRONG[shape]
    if isinstance(shape, type) and issubclass(shape, OpenEnum):
        return WRONG[OpenEnum]
    if shape is Links or get_origin(shape) is dict or model_in(shape, {"type": "User"}):
        return WRONG[dict]
    return WRONG[list] if get_origin(shape) is list else ()
