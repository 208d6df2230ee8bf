"""Invalid requests, derived from the document."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from tests.contract.document import JSON, Document, DocumentedOperation
from tests.contract.schemas import property_names, resolve
from tests.contract.validation import violations

__all__ = [
    "BROKEN_BODIES",
    "invalid_bodies",
    "invalid_queries",
    "query_defaults",
    "valid_queries",
]

Query = Mapping[str, str | int]

BROKEN_BODIES: Final = {"no body": b"", "half a body": b'{"name": "Resea', "not UTF-8": b'"\xff"'}
VALUES: Final[tuple[JSON, ...]] = (None, True, 12, 1.5, "", "words", [], {}, ["words"])
NOT_INTEGERS: Final = ("", "words", "1.5", "0x10")


def invalid_bodies(document: Document, operation: DocumentedOperation) -> Iterator[JSON]:
    """Yield invalid bodies that are close to the documented examples."""
    if operation.body is not None:
        for body in _variations(document, operation):
            if any(violations(document, operation.body, body)):
                yield body


def _variations(document: Document, operation: DocumentedOperation) -> Iterator[JSON]:
    yield from (value for value in VALUES if value is not None)
    examples = [each for each in operation.examples.values() if isinstance(each, dict)]
    for one, other in itertools.permutations(examples, 2):
        yield {**one, **other}
    for example in examples:
        for name in example:
            yield {key: value for key, value in example.items() if key != name}
        for name in sorted(property_names(document, operation.body or {}, str(operation))):
            yield from ({**example, name: value} for value in VALUES)


def invalid_queries(document: Document, operation: DocumentedOperation) -> Iterator[Query]:
    """Yield queries with one invalid parameter."""
    for name, raw in operation.query.items():
        schema = resolve(document, raw, name)
        if "integer" in schema.value_types:
            wrong: list[str | int] = [*NOT_INTEGERS, *_bounds(document, raw, beyond=1)]
            yield from ({name: value} for value in wrong)
        if schema.values is not None:
            yield from ({name: value} for value in ("", "no-such-value"))


def valid_queries(document: Document, operation: DocumentedOperation) -> Iterator[Query]:
    """Yield queries with one parameter at its bounds, or with each of its values."""
    for name, raw in operation.query.items():
        values = resolve(document, raw, name).values or ()
        yield from ({name: value} for value in sorted(values))
        yield from ({name: value} for value in _bounds(document, raw, beyond=0))


def query_defaults(document: Document, operation: DocumentedOperation) -> Mapping[str, JSON]:
    """Return the documented defaults of the query parameters."""
    schemas = {name: document.follow(raw, name) for name, raw in operation.query.items()}
    return {name: each["default"] for name, each in schemas.items() if "default" in each}


def _bounds(document: Document, raw: dict[str, JSON], *, beyond: int) -> Iterator[int]:
    schema = document.follow(raw, "a query parameter")
    for key, step in (("minimum", -beyond), ("maximum", beyond)):
        bound = schema.get(key)
        if isinstance(bound, int):
            yield bound + step
