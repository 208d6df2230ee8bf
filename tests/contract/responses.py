"""Responses of a server, compared with the document: status, headers and body."""

import json
from collections.abc import Iterator, Mapping
from typing import Final, cast

from attrs import field, frozen

from tests.contract.differences import Difference
from tests.contract.document import (
    JSON,
    Document,
    DocumentedOperation,
    DocumentedResponse,
    JSONObject,
)
from tests.contract.validation import violations

__all__ = ["Exchange", "body_of", "compare_response", "response_for"]

# Documented in prose only: any request can be invalid, and any response can be 304.
SAID_IN_WORDS: Final = frozenset({304, 400})
# Unknown paths and methods.
NONE: Final = frozenset({404, 405})
WITHOUT_BODY: Final = frozenset({204, 304})
ERROR: Final[JSONObject] = {"$ref": "#/components/schemas/Error"}
TIER: Final[JSONObject] = {"$ref": "#/components/schemas/UserTier"}
COUNTS: Final = ("x-ratelimit-limit", "x-ratelimit-window", "x-ratelimit-reset")


@frozen(kw_only=True)
class Exchange:
    """Request and its response. `path` is the template; `headers` have lower-case names."""

    method: str
    path: str
    label: str
    status: int
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.label}) answered {self.status}"


def response_for(documented: DocumentedOperation | None, status: int) -> DocumentedResponse | None:
    """Return the documented response for a status, also one documented in prose; else None.

    `documented` is None for a path or method that the document does not have.
    """
    if documented is not None and status in documented.responses:
        return documented.responses[status]
    if status not in (NONE if documented is None else SAID_IN_WORDS):
        return None
    return DocumentedResponse(schema=None if status in WITHOUT_BODY else ERROR)


def compare_response(
    document: Document, response: DocumentedResponse | None, exchange: Exchange
) -> Iterator[Difference]:
    """Yield the differences between a response and its documentation."""
    where = str(exchange)
    if response is None:
        yield Difference(where, "the status is not in the document")
        return
    if response.schema is None:
        yield from _nothing(where, exchange)
    else:
        yield from _body(document, where, response.schema, exchange)
        yield from _quota(document, where, exchange)
    yield from _cache(where, exchange)
    for name in sorted(response.headers):
        if name.lower() not in exchange.headers:
            yield Difference(where, f"the header {name} is in the document, not in the response")


def body_of(exchange: Exchange) -> JSON:
    """Return the body as plain data. Raise `ValueError` if it is not JSON."""
    return cast("JSON", json.loads(exchange.body.decode()))


def _nothing(where: str, exchange: Exchange) -> Iterator[Difference]:
    if exchange.body:
        yield Difference(where, "has a body, none is in the document")
    if "content-type" in exchange.headers:
        yield Difference(where, "has a content type, but no body")


def _body(
    document: Document, where: str, schema: JSONObject, exchange: Exchange
) -> Iterator[Difference]:
    media_type, _, _ = exchange.headers.get("content-type", "").partition(";")
    if media_type != "application/json":
        yield Difference(where, f"is {media_type or 'of no type'}, not application/json")
    try:
        body = body_of(exchange)
    except ValueError:
        yield Difference(where, "the body is not JSON")
        return
    for violation in violations(document, schema, body):
        yield Difference(where, violation)
    if exchange.status >= 400 and isinstance(body, dict):
        code = body.get("code", exchange.status)
        if code != exchange.status:
            yield Difference(where, f"the body says {code}")


def _cache(where: str, exchange: Exchange) -> Iterator[Difference]:
    for name in ("etag", "cache-control"):
        if exchange.status == 200 and exchange.method == "GET" and name not in exchange.headers:
            yield Difference(where, f"has no {name}")


def _quota(document: Document, where: str, exchange: Exchange) -> Iterator[Difference]:
    for name in COUNTS:
        if not exchange.headers.get(name, "").isdecimal():
            yield Difference(where, f"the header {name} is not a number")
    for _ in violations(document, TIER, exchange.headers.get("x-ratelimit-tier")):
        yield Difference(where, "the header x-ratelimit-tier is not a tier")
    if exchange.status == 429 and not exchange.headers.get("retry-after", "").isdecimal():
        yield Difference(where, "the header retry-after is not a number of seconds")
