"""Error bodies as the code reads them, compared with the document.

The code gets a body with a different value in each place. Each attribute of the error must have
the value from the place that the document names.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from arena_groups._api import (
    Credentials,
    Operation,
    RawResponse,
    build_request,
    operations,
    parse_response,
)
from arena_groups.errors import ArenaAPIError, ServerError
from tests.contract.differences import Difference
from tests.contract.document import JSON, Document, DocumentedOperation, JSONObject
from tests.contract.schemas import resolve

__all__ = ["compare_errors", "compare_statuses", "error_for"]


@frozen
class Reading:
    """Attribute of an error, with its path in the body and its JSON type."""

    attribute: str
    path: tuple[str, ...]
    kind: str = "string"

    @property
    def sample(self) -> str | int:
        """Return a value that occurs nowhere else."""
        return 4321 if self.kind == "integer" else f"the words at {'/'.join(self.path)}"


READINGS: Final[Mapping[tuple[str, int], tuple[Reading, ...]]] = {
    ("Error", 404): (
        Reading("error", ("error",)),
        Reading("message", ("details", "message")),
    ),
    ("RateLimitError", 429): (
        Reading("error", ("error", "type")),
        Reading("message", ("error", "message")),
        Reading("retry_after", ("error", "retry_after"), "integer"),
    ),
}


def compare_errors(document: Document) -> Iterator[Difference]:
    """Yield the differences between the schemas of errors and the code that reads them."""
    for (name, status), readings in READINGS.items():
        error = error_for(status, _body(readings))
        for reading in readings:
            where = ".".join((name, *reading.path))
            kind = _documented_type(document, name, reading.path)
            if kind != frozenset({reading.kind}):
                listed = " or ".join(sorted(kind)) or "missing"
                yield Difference(where, f"is {listed} in the document, {reading.kind} in the code")
            if getattr(error, reading.attribute) != reading.sample:
                yield Difference(where, f"does not arrive as {reading.attribute} of the error")


def compare_statuses(
    known: Operation[object], documented: DocumentedOperation
) -> Iterator[Difference]:
    """Yield the documented error statuses that have no class of their own in the code."""
    for status in documented.responses:
        kind = type(error_for(status, {})) if status >= 400 else None
        if kind in (ArenaAPIError, ServerError):
            yield Difference(known.name, f"{status} is in the document, but has no error class")


def error_for(status: int, body: JSON) -> ArenaAPIError | None:
    """Return the error that the code raises for a response."""
    answer = RawResponse(
        status=status,
        headers={"content-type": "application/json"},
        body=json.dumps(body).encode(),
    )
    try:
        parse_response(build_request(operations.PING), answer, Credentials())
    except ArenaAPIError as error:
        return error
    return None


def _body(readings: tuple[Reading, ...]) -> JSONObject:
    body: JSONObject = {}
    for reading in readings:
        place = body
        for step in reading.path[:-1]:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else {}
        place[reading.path[-1]] = reading.sample
    return body


def _documented_type(document: Document, name: str, path: tuple[str, ...]) -> frozenset[str]:
    schema = resolve(document, {"$ref": f"#/components/schemas/{name}"}, name)
    for step in path:
        if step not in schema.properties:
            return frozenset()
        schema = resolve(document, schema.properties[step], f"{name}.{step}")
    return schema.value_types
