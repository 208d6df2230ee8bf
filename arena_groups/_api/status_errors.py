"""Errors of responses with an error status."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar, cast
from urllib.parse import urlsplit

from attrs import frozen

from arena_groups._api.operations import Operation
from arena_groups._api.request import Request
from arena_groups._api.response import (
    RawResponse,
    parse_date,
    parse_rate_limit,
    parse_retry_after,
)
from arena_groups._api.secrets import Credentials, TokenOrigin
from arena_groups.errors import (
    ArenaAPIError,
    AuthenticationError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnprocessableError,
)

__all__ = ["make_status_error"]

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
EMAIL = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]+")
INVITE_URL = re.compile(r"(/invite/)[^\s/?#\"'<>(),;]+", re.IGNORECASE)
SHORTEST_SECRET = 4
MAX_TEXT = 500
MAX_STRING = 4000
MAX_SECONDS = 1e9


def make_status_error(
    request: Request[T], response: RawResponse, credentials: Credentials
) -> ArenaAPIError:
    """Return the error that a response stands for, with nothing secret in it."""
    operation, status, origin = request.operation, response.status, credentials.origin
    secrets = _long_enough(*request.secrets, *credentials.secrets)
    body = _ErrorBody.parse(response.body, secrets)
    reason = _text(_redacted(response.reason, secrets))
    request_id = _redacted(response.headers.get("x-request-id"), secrets)
    now = parse_date(response.headers.get("date")) or response.received_at
    header = parse_retry_after(response.headers.get("retry-after"), now)
    retry_after = body.retry_after if header is None else header
    kind = ERRORS.get(status, ServerError if status >= 500 else ArenaAPIError)
    return kind(
        status,
        error=body.error or reason or _phrase(status),
        message=body.message or _text(_redacted(_fallback_message(response, body), secrets)),
        details=body.details,
        method=operation.method,
        route=operation.route,
        request_id=cast("str | None", request_id),
        rate_limit=parse_rate_limit(response.headers),
        retry_after=retry_after,
        hint=_hint(operation, status, origin, retry_after),
    )


@frozen(kw_only=True)
class _ErrorBody:
    """The explanation in an error's body, in any of the API's three shapes, without secrets."""

    error: str = ""
    message: str = ""
    details: object = None
    retry_after: float | None = None

    @classmethod
    def parse(cls, body: bytes, secrets: tuple[str, ...]) -> "_ErrorBody":
        document = _object(_safe_document(body, secrets))
        error, details = document.get("error"), document.get("details")
        if _object(error):
            return cls._from_object(_object(error))
        message = _text(_object(details).get("message") or document.get("error_description"))
        return cls(
            error=_text(error), message=message or _join_validation_errors(details), details=details
        )

    @classmethod
    def _from_object(cls, error: dict[str, object]) -> "_ErrorBody":
        return cls(
            error=_text(error.get("type")),
            message=_text(error.get("message")),
            details=error,
            retry_after=_seconds(error.get("retry_after")),
        )


def _join_validation_errors(details: object) -> str:
    """Return the validation errors in one line, for a body without a summary of them."""
    errors = _object(details).get("errors")
    fields = [(f"{name} ", value) for name, value in _object(errors).items()] or [("", errors)]
    lines = [
        name + text
        for name, value in fields
        for each in (cast("list[object]", value) if isinstance(value, list) else [value])
        if (text := _text(each))
    ]
    return _text("; ".join(lines))


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= MAX_SECONDS else None


def _long_enough(*secrets: str) -> tuple[str, ...]:
    return tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)


def _safe_document(body: bytes, secrets: tuple[str, ...]) -> object:
    try:
        return _redacted(json.loads(body.decode()), secrets)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _redacted(value: object, secrets: tuple[str, ...]) -> object:
    if isinstance(value, str):
        value = value[:MAX_STRING]
        for secret in secrets:
            value = re.sub(re.escape(secret), "[secret]", value, flags=re.IGNORECASE)
        return INVITE_URL.sub(r"\1[secret]", EMAIL.sub("[email]", value))
    if isinstance(value, list):
        return [_redacted(item, secrets) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {str(_redacted(k, secrets)): _redacted(v, secrets) for k, v in items}
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join(value.split())[:MAX_TEXT].encode(errors="replace").decode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _fallback_message(response: RawResponse, body: _ErrorBody) -> str:
    if response.status == 304:
        return "the server answered 304 to a request without an ETag"
    if 300 <= response.status < 400:
        host = _host(response.headers.get("location", ""))
        return f"redirect{f' to {host}' if host else ''}: redirects are not followed"
    if not response.body:
        return "the response has no body"
    if body.error or "json" in response.headers.get("content-type", "").lower():
        return ""
    return "the response is not JSON: it may come from a proxy, not from the API"


def _host(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None


def _hint(
    operation: Operation[T], status: int, origin: TokenOrigin, retry_after: float | None
) -> str:
    if status == 401:
        return _token_hint(origin)
    if status == 403 and operation.writes:
        return (
            "the token needs the scope write, and its user the right to do this"
            if origin is not TokenOrigin.NONE
            else _token_hint(origin)
        )
    if status == 403:
        return "the token's user may not see this"
    if status == 404 and "{" in operation.route:
        return operation.not_found_hint
    if status == 429 and retry_after is not None:
        return f"try again in {retry_after:g} s"
    return ""


def _token_hint(origin: TokenOrigin) -> str:
    if origin is TokenOrigin.NONE:
        return "no token was found: pass token= or set the environment variable ARENA_TOKEN"
    return f"the token came from {origin}"
