"""Models, compared with schemas, beginning with those that operations return."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final, get_args

import attrs

import arena_groups.models
from arena_groups._api.decode import decode
from arena_groups._types import OpenEnum
from arena_groups.errors import DecodeError
from arena_groups.models import Content, RateLimit, ResourceType, UnknownContent
from tests.contract.annotations import (
    Annotation,
    Field,
    fields_of,
    json_types,
    members,
    model_of,
    name_of,
    origin_of,
)
from tests.contract.differences import Difference
from tests.contract.document import JSON, Document, DocumentError, JSONObject, as_object
from tests.contract.schemas import Schema, resolve

__all__ = ["ModelComparison", "compare_values", "enum_values", "unreached"]

# A group's contents may include a block that is still being processed; the document has it among
# blocks only.
ALSO: Final = ((Content, "Block"),)
# RateLimit is read from headers, and UnknownContent is for types without a schema.
NO_SCHEMA: Final = frozenset({RateLimit, UnknownContent})
OBJECT: Final = frozenset({"object"})
BASE_TYPE: Final = frozenset({str(ResourceType.BLOCK)})


class ModelComparison:
    """Comparison of annotations with schemas, each pair once.

    `models` are the classes compared so far.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._compared: set[tuple[Annotation, str]] = set()
        self._kinds: set[str] = set()
        self.models: set[type] = set()

    def compare(self, where: str, raw: JSONObject, annotation: Annotation) -> Iterator[Difference]:
        """Yield the differences between a schema and an annotation."""
        schema = self._resolve(raw, where)
        kinds = [each for each in members(annotation) if each is not type(None)]
        if kinds == [object]:
            yield from self._anything(where, schema)
        elif all(model_of(each) for each in kinds):
            yield from self._models(where, raw, schema, annotation)
        else:
            yield from self._values(where, schema, annotation, kinds)

    def unmet_kinds(self) -> Iterator[Difference]:
        """Yield the types that the code knows, but no schema compared so far has."""
        for kind in ResourceType:
            if kind not in self._kinds:
                yield Difference(f"ResourceType.{kind.name}", "the document has no such type")

    def _resolve(self, raw: JSONObject, where: str) -> Schema:
        return resolve(self._document, raw, where)

    # Values

    def _anything(self, where: str, schema: Schema) -> Iterator[Difference]:
        if schema.types is not None:
            listed = _listed(schema.types)
            yield Difference(where, f"is {listed} in the document, anything in the code")

    def _values(
        self, where: str, schema: Schema, annotation: Annotation, kinds: list[Annotation]
    ) -> Iterator[Difference]:
        types = json_types(annotation) - {"null"}
        if schema.value_types != types:
            listed = _listed(schema.value_types) or "anything"
            yield Difference(where, f"is {listed} in the document, {_listed(types)} in the code")
        elif len(kinds) == 1:
            yield from self._single(where, schema, kinds[0])

    def _single(self, where: str, schema: Schema, kind: Annotation) -> Iterator[Difference]:
        origin = origin_of(kind)
        if origin is list:
            if schema.items is None:
                raise DocumentError(f"{where} is an array without items")
            yield from self.compare(f"{where}[]", schema.items, get_args(kind)[0])
        elif origin is dict:
            yield from self._map(where, schema, kind)
        elif types_differ := _dates(schema, kind):
            yield Difference(where, types_differ)
        else:
            yield from _enum(where, schema, kind)

    def _map(self, where: str, schema: Schema, kind: Annotation) -> Iterator[Difference]:
        if not schema.is_map:
            yield Difference(where, "has named fields in the document, any names in the code")
            return
        others = schema.others if isinstance(schema.others, dict) else {}
        yield from self.compare(f"{where}.*", others, get_args(kind)[1])

    # Models

    def _models(
        self, where: str, raw: JSONObject, schema: Schema, annotation: Annotation
    ) -> Iterator[Difference]:
        kinds = [each for each in members(annotation) if each is not type(None)]
        if schema.value_types != OBJECT:
            listed = _listed(schema.value_types) or "anything"
            yield Difference(where, f"is {listed} in the document, an object in the code")
        elif len(kinds) > 1 or schema.variants:
            yield from self._union(where, schema.variants or (raw,), annotation)
        else:
            yield from self._model(where, raw, kinds[0])

    def _union(
        self, where: str, variants: tuple[JSONObject, ...], annotation: Annotation
    ) -> Iterator[Difference]:
        documented = {
            kind: each for raw in variants for kind, each in self._by_kind(where, raw).items()
        }
        for union, name in ALSO:
            if annotation == union and name in self._document.schemas:
                more = as_object(self._document.schemas[name], name)
                documented = {**self._by_kind(where, more), **documented}
        known = {kind_of(each): each for each in members(annotation) if kind_of(each)}
        for kind in sorted(documented.keys() - known):
            yield Difference(where, f"may be a {kind} in the document, not in the code")
        for kind in sorted(known.keys() - documented):
            yield Difference(where, f"may be a {kind} in the code, not in the document")
        for kind in sorted(known.keys() & documented):
            yield from self._model(where, documented[kind], known[kind])

    def _by_kind(self, where: str, raw: JSONObject) -> dict[str, JSONObject]:
        schema = self._resolve(raw, where)
        if schema.variants:
            parts = [self._by_kind(where, each) for each in schema.variants]
            return {kind: each for part in parts for kind, each in part.items()}
        values = self._resolve(schema.properties.get("type", {}), where).values
        if values is None or len(values) != 1:
            raise DocumentError(f"{where}: a variant does not name its type")
        return dict.fromkeys(values, raw)

    def _model(self, where: str, raw: JSONObject, model: Annotation) -> Iterator[Difference]:
        schema = self._resolve(raw, where)
        parts: JSON = [dict(schema.properties), *sorted(schema.required)]
        pair = (model, json.dumps(parts, sort_keys=True))
        if pair in self._compared:
            return
        self._compared.add(pair)
        name = name_of(model)
        self.models.add(origin_of(model))
        if schema.is_map:
            yield Difference(name, "has any names in the document, named fields in the code")
            return
        fields = fields_of(model)
        for missing in sorted(schema.properties.keys() - fields.keys()):
            yield Difference(f"{name}.{missing}", "is in the document, not in the class")
        for strange in sorted(fields.keys() - schema.properties.keys()):
            yield Difference(f"{name}.{strange}", "is in the class, not in the document")
        for field_name in sorted(schema.properties.keys() & fields.keys()):
            yield from self._field(
                model, fields[field_name], schema.properties[field_name], schema.required
            )

    def _field(
        self, model: Annotation, field: Field, raw: JSONObject, required: frozenset[str]
    ) -> Iterator[Difference]:
        where = f"{name_of(model)}.{field.name}"
        schema = self._resolve(raw, where)
        yield from _presence(where, field, required=field.name in required)
        yield from _nullability(where, field, nullable=schema.nullable)
        if field.annotation is ResourceType:
            yield from self._constant(where, schema, model, field.name)
        else:
            yield from self.compare(where, raw, field.annotation)
            if schema.is_map:
                yield from _required_keys(where, schema, field)

    def _constant(
        self, where: str, schema: Schema, model: Annotation, name: str
    ) -> Iterator[Difference]:
        documented = schema.values or frozenset[str]()
        self._kinds |= documented
        expected = frozenset({kind_of(model)}) if name == "type" else BASE_TYPE
        if documented != expected:
            listed = _listed(documented) or "anything"
            yield Difference(where, f"is {listed} in the document, {_listed(expected)} in the code")


def unreached(models: Collection[type]) -> Iterator[Difference]:
    """Yield public models that no operation returns, except those without a schema."""
    for name in arena_groups.models.__all__:
        public: object = getattr(arena_groups.models, name)
        if isinstance(public, type) and attrs.has(public) and public not in {*models, *NO_SCHEMA}:
            yield Difference(name, "is not part of the result of any operation")


def kind_of(model: Annotation) -> str:
    """Return the value of `type` that identifies a model; empty if it has none."""
    return str(getattr(model, "KIND", ""))


def _presence(where: str, field: Field, *, required: bool) -> Iterator[Difference]:
    if required and not field.required:
        yield Difference(where, "is required in the document, has a default in the class")
    if field.required and not required:
        yield Difference(where, "may be absent in the document, has no default in the class")


def _nullability(where: str, field: Field, *, nullable: bool) -> Iterator[Difference]:
    takes_none = type(None) in members(field.annotation) or field.annotation is object
    if nullable and not takes_none:
        yield Difference(where, "may be null in the document, not in the class")
    if field.required and takes_none and not nullable:
        yield Difference(where, "may be null in the class, not in the document")


def _required_keys(where: str, schema: Schema, field: Field) -> Iterator[Difference]:
    """Compare the required keys of a map. Only the codec knows them, so decode an empty map."""
    try:
        decode(field.annotation, b"{}", where)
    except DecodeError:
        if not schema.required:
            yield Difference(where, "may be empty in the document, not for the codec")
        return
    if schema.required:
        keys = _listed(schema.required)
        yield Difference(where, f"always has {keys} in the document, not for the codec")


def _dates(schema: Schema, kind: Annotation) -> str:
    if (kind is datetime) == (schema.format == "date-time"):
        return ""
    if kind is datetime:
        return f"is a date and time in the code, {schema.format or 'any string'} in the document"
    return f"is a date and time in the document, {name_of(kind)} in the code"


def _enum(where: str, schema: Schema, kind: Annotation) -> Iterator[Difference]:
    known = enum_values(kind)
    if known is None and schema.values is not None:
        yield Difference(where, f"is one of {_listed(schema.values)} in the document only")
    if known is not None and schema.values is None:
        yield Difference(where, f"is one of {_listed(known)} in the code only")
    if known is not None and schema.values is not None:
        yield from compare_values(where, schema.values, kind)


def compare_values(
    where: str, documented: frozenset[str], kind: Annotation
) -> Iterator[Difference]:
    """Yield the differences between documented values and those of an open enum."""
    known = enum_values(kind) or frozenset[str]()
    for value in sorted(documented - known):
        yield Difference(where, f"{value!r} is in the document, not in {name_of(kind)}")
    for value in sorted(known - documented):
        yield Difference(where, f"{value!r} is in {name_of(kind)}, not in the document")


def enum_values(kind: Annotation) -> frozenset[str] | None:
    """Return the values of an open enum; None for everything else."""
    if isinstance(kind, type) and issubclass(kind, OpenEnum):
        return frozenset(str(each) for each in kind)
    return None


def _listed(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
