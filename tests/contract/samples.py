"""Sample bodies generated from schemas, decoded and encoded by the codec."""

import json
from collections.abc import Iterator
from enum import Enum
from types import NoneType
from typing import Final

from arena_groups import to_dict
from arena_groups._api import Operation
from arena_groups._api.decode import decode
from arena_groups.errors import DecodeError
from tests.contract.differences import Difference
from tests.contract.document import JSON, Document, DocumentedOperation, JSONObject
from tests.contract.schemas import Schema, resolve

__all__ = ["Fill", "compare_codec", "sample"]

STRINGS: Final = {
    "date-time": "2026-03-09T22:02:26Z",
    "uri": "https://example.net/a",
    "email": "ada@example.org",
}
ANYTHING: Final[JSONObject] = {"type": "string"}
SCALARS: Final[dict[str, JSON]] = {"integer": 7, "number": 0.5, "boolean": True}


class Fill(Enum):
    """Number of fields in a sample."""

    BARE = "only what is required, null where that is allowed"
    HOLLOW = "every field, null where that is allowed"
    FULL = "every field, with a value"


def compare_codec(
    document: Document, known: Operation[object], documented: DocumentedOperation
) -> Iterator[Difference]:
    """Yield samples that the codec rejects, or does not encode as they were."""
    if known.returns is NoneType:
        return
    for status, response in documented.successes.items():
        for fill in Fill if response.schema is not None else ():
            body = sample(document, response.schema or {}, fill, str(documented))
            where = f"{known.name} {status} with {fill.value}"
            try:
                decoded = decode(known.returns, json.dumps(body).encode(), known.name)
            except DecodeError as error:
                yield Difference(where, str(error))
                continue
            # Null and absent are the same to a model, so null fields are not encoded.
            if fill is not Fill.HOLLOW and to_dict(decoded) != body:
                yield Difference(where, "does not come back from the codec as it was")


def sample(document: Document, raw: JSONObject, fill: Fill, what: str) -> JSON:
    """Return a valid value; in arrays, one item of each variant."""
    schema = resolve(document, raw, what)
    if schema.nullable and fill is not Fill.FULL:
        return None
    if schema.variants:
        return sample(document, schema.variants[0 if fill is Fill.FULL else -1], fill, what)
    kind = min(schema.value_types, default="object")
    if kind == "array":
        return _array(document, schema, fill, what)
    if kind == "object":
        return _object(document, schema, fill, what)
    return SCALARS[kind] if kind in SCALARS else _string(schema)


def _string(schema: Schema) -> str:
    return min(schema.values) if schema.values else STRINGS.get(schema.format, "words")


def _array(document: Document, schema: Schema, fill: Fill, what: str) -> JSON:
    items = schema.items or {}
    variants = resolve(document, items, what).variants or (items,)
    return [sample(document, each, fill, what) for each in variants]


def _object(document: Document, schema: Schema, fill: Fill, what: str) -> JSON:
    if schema.is_map:
        names = {*schema.required, *(["more"] if fill is Fill.FULL else [])}
        others = schema.others if isinstance(schema.others, dict) else ANYTHING
        return {name: sample(document, others, fill, f"{what}.*") for name in sorted(names)}
    return {
        name: sample(document, each, fill, f"{what}.{name}")
        for name, each in schema.properties.items()
        if name in schema.required or fill is not Fill.BARE
    }
