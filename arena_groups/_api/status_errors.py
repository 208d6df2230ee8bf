"""Errors of responses with an error status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

from arena_groups._api.edge import (
    BLOCKED_HINT,
    EDGE_PHRASES,
    LIMITED_HINT,
    excerpt,
    is_blocked,
    is_edge_limit,
)
from arena_groups._api.error_body import BodyShape, ErrorBody, redacted, shown_text
from arena_groups._api.hints import make_hint
from arena_groups._api.request import Request
from arena_groups._api.response import (
    RawResponse,
    parse_date,
    parse_rate_limit,
    parse_retry_after,
)
from arena_groups._api.secrets import Credentials
from arena_groups.errors import (
    ArenaAPIError,
    AuthenticationError,
    BadRequestError,
    BlockedError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnprocessableError,
)

__all__ = ["make_status_error"]

SHORTEST_SECRET = 4
NO_REASON = "<none>"  # of the edge, with its own statuses
REQUEST_IDS = ("x-request-id", "cf-ray")
T = TypeVar("T")

ERRORS: Mapping[int, type[ArenaAPIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    408: RequestTimeoutError,
    422: UnprocessableError,
    429: RateLimitError,
}


def make_status_error(
    request: Request[T], response: RawResponse, credentials: Credentials
) -> ArenaAPIError:
    """Return the error that a response stands for, with nothing secret in it."""
    operation, status, origin = request.operation, response.status, credentials.origin
    secrets = _long_enough(*request.secrets, *credentials.secrets)
    reason = shown_text(redacted(response.reason, secrets)).replace(NO_REASON, "")
    now = parse_date(response.headers.get("date")) or response.received_at
    body = ErrorBody.parse(response, secrets, now)
    header = parse_retry_after(response.headers.get("retry-after"), now)
    retry_after = body.retry_after if header is None else header
    error = body.error or reason or _phrase(status)
    fallback = shown_text(redacted(_fallback_message(response, body), secrets))
    message = _message(body, error, fallback)
    hint = make_hint(operation, response, body, origin, retry_after)
    kind = ERRORS.get(status, ServerError if status >= 500 else ArenaAPIError)
    blocked, edge_limit = is_blocked(operation, response, body), is_edge_limit(response, body)
    if blocked:
        kind, hint = BlockedError, BLOCKED_HINT
    elif edge_limit:
        hint = f"{LIMITED_HINT}; {hint}" if hint else LIMITED_HINT
    if blocked or edge_limit:
        message = excerpt(body.text or body.message) or fallback or _other_shape(body)
    made = kind(
        status,
        error=error,
        message=message,
        details=body.details,
        method=operation.method,
        route=operation.route,
        request_id=request_ids(request, response, credentials)[0],
        rate_limit=None if edge_limit else parse_rate_limit(response.headers),
        retry_after=retry_after,
        hint=hint,
    )
    if edge_limit or status in EDGE_PHRASES:
        made.from_edge = True
    return made


def request_ids(
    request: Request[T], response: RawResponse, credentials: Credentials
) -> tuple[str | None, str | None]:
    """Return the id of a response, and that of the network edge, which is also the first's default.

    A server that repeats a secret in them is not believed.
    """
    secrets = _long_enough(*request.secrets, *credentials.secrets)
    given, edge = (
        shown_text(redacted(response.headers.get(name), secrets)) or None for name in REQUEST_IDS
    )
    return given or edge, edge


def _long_enough(*secrets: str) -> tuple[str, ...]:
    return tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)


def _phrase(status: int) -> str:
    try:
        return EDGE_PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""


def _message(body: ErrorBody, error: str, fallback: str) -> str:
    """Return the server's explanation; a page that is not JSON does not stand for itself."""
    if body.is_json or not body.message:
        return body.message or fallback
    return fallback if error and body.message.endswith(error) else f"{body.message} ({fallback})"


def _fallback_message(response: RawResponse, body: ErrorBody) -> str:
    if response.status == 304:
        return "the server answered 304 to a request without an ETag"
    if 300 <= response.status < 400:
        host = _host(response.headers.get("location", ""))
        return f"redirect{f' to {host}' if host else ''}: redirects are not followed"
    if not response.body.strip():
        return "the body ended early" if response.truncated else "the response has no body"
    if body.is_json:
        return ""
    return "the response is not JSON: it may come from a proxy, not from the API"


def _other_shape(body: ErrorBody) -> str:
    return "the response is not an error of the API" if body.shape is BodyShape.OTHER else ""


def _host(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None
