"""Resolved schemas: references followed, `allOf` merged, `null` kept apart from other types."""

from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen

from tests.contract.document import (
    JSON,
    Document,
    DocumentError,
    JSONObject,
    as_list,
    as_object,
    as_text,
)

__all__ = ["Schema", "property_names", "resolve"]

COMPARED: Final = frozenset(
    {
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "format",
        "items",
        "oneOf",
        "properties",
        "required",
        "type",
    }
)
# Keywords that constrain or describe values, but do not change the type of a field.
PASSED_OVER: Final = frozenset(
    {
        "$comment",
        "default",
        "deprecated",
        "description",
        "discriminator",
        "example",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "readOnly",
        "title",
        "uniqueItems",
        "writeOnly",
    }
)
NULL: Final = "null"


@frozen(kw_only=True)
class Schema:
    """Allowed values. Parts of it (`properties` and the like) are still raw schemas.

    `types` is None for any value; `others` is the schema of additional properties, True for any,
    None if the document does not mention them.
    """

    types: frozenset[str] | None = None
    format: str = ""
    values: frozenset[str] | None = None
    properties: Mapping[str, JSONObject] = field(factory=dict[str, JSONObject])
    required: frozenset[str] = frozenset()
    items: JSONObject | None = None
    others: JSONObject | bool | None = None
    variants: tuple[JSONObject, ...] = ()

    @property
    def nullable(self) -> bool:
        """Return whether null is allowed."""
        return self.types is None or NULL in self.types

    @property
    def value_types(self) -> frozenset[str]:
        """Return the types besides null."""
        return (self.types or frozenset()) - {NULL}

    @property
    def is_map(self) -> bool:
        """Return whether property names are not fixed, and all properties are alike."""
        if self.others is None or self.others is False:
            return False
        return all(_without_words(each) == self.others for each in self.properties.values())


def resolve(document: Document, raw: JSONObject, what: str) -> Schema:
    """Resolve `raw`. `what` names it in the `DocumentError` if it cannot be compared."""
    strange = {key for key in raw if key not in COMPARED | PASSED_OVER and key[:2] != "x-"}
    if strange:
        raise DocumentError(f"{what} uses {', '.join(sorted(strange))}: this cannot be compared")
    schema = _own(raw, what)
    if "$ref" in raw:
        schema = _both(schema, resolve(document, document.follow(raw, what), what))
    for part in as_list(raw.get("allOf", []), f"allOf of {what}"):
        schema = _both(schema, resolve(document, as_object(part, what), what))
    for key in ("oneOf", "anyOf"):
        if key in raw:
            schema = _both(schema, _choice(document, as_list(raw[key], what), what))
    return schema


def property_names(document: Document, raw: JSONObject, what: str) -> frozenset[str]:
    """Return the names of all properties of any variant of an object's schema."""
    schema = document.follow(raw, what)
    names = set(as_object(schema.get("properties", {}), f"properties of {what}"))
    for key in ("oneOf", "anyOf", "allOf"):
        for part in as_list(schema.get(key, []), f"{key} of {what}"):
            names |= property_names(document, as_object(part, what), what)
    return frozenset(names)


def _own(raw: JSONObject, what: str) -> Schema:
    items = raw.get("items")
    others = raw.get("additionalProperties")
    properties = as_object(raw.get("properties", {}), f"properties of {what}")
    return Schema(
        types=_types(raw, what),
        format=as_text(raw.get("format", ""), f"format of {what}"),
        values=_values(raw, what),
        properties={name: as_object(each, f"{what}.{name}") for name, each in properties.items()},
        required=frozenset(
            as_text(name, f"required of {what}")
            for name in as_list(raw.get("required", []), f"required of {what}")
        ),
        items=None if items is None else as_object(items, f"items of {what}"),
        others=others
        if isinstance(others, bool | None)
        else _without_words(as_object(others, f"additionalProperties of {what}")),
    )


def _types(raw: JSONObject, what: str) -> frozenset[str] | None:
    given = raw.get("type")
    if given is None:
        return frozenset({"object"}) if "properties" in raw else None
    return frozenset(
        as_text(each, f"type of {what}") for each in (given if isinstance(given, list) else [given])
    )


def _values(raw: JSONObject, what: str) -> frozenset[str] | None:
    if "const" in raw:
        return frozenset({as_text(raw["const"], f"const of {what}")})
    if "enum" not in raw:
        return None
    listed = as_list(raw["enum"], f"enum of {what}")
    return frozenset(as_text(each, f"enum of {what}") for each in listed if each is not None)


def _choice(document: Document, parts: list[JSON], what: str) -> Schema:
    raws = [as_object(part, what) for part in parts]
    schemas = [resolve(document, raw, what) for raw in raws]
    real = [(raw, each) for raw, each in zip(raws, schemas, strict=True) if each.value_types]
    kinds = [each.types for each in schemas]
    types = None if None in kinds else frozenset[str]().union(*(kind or () for kind in kinds))
    if len(real) == 1:
        return evolve(real[0][1], types=types)
    return Schema(types=types, variants=tuple(raw for raw, _ in real))


def _both(one: Schema, other: Schema) -> Schema:
    """Return the schema of values that both allow."""
    if one.variants and other.variants:
        raise DocumentError("a schema with two choices at once cannot be compared")
    return Schema(
        types=_common(one.types, other.types),
        format=one.format or other.format,
        values=_common(one.values, other.values),
        properties={
            name: _both_raw(one.properties.get(name), other.properties.get(name))
            for name in [*one.properties, *other.properties]
        },
        required=one.required | other.required,
        items=_both_raw(one.items, other.items) if one.items or other.items else None,
        others=one.others if one.others is not None else other.others,
        variants=one.variants or other.variants,
    )


def _both_raw(one: JSONObject | None, other: JSONObject | None) -> JSONObject:
    if one is not None and other is not None and one != other:
        return {"allOf": [one, other]}
    return one or other or {}


def _common(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _without_words(raw: JSONObject) -> JSONObject:
    return {key: value for key, value in raw.items() if key not in PASSED_OVER}
