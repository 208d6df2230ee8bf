"""Responses as JSON or HTML, errors included, and their headers."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.permissions import TIER_LIMITS, RateLimitStatus
from arena_groups.sandbox.server_protocol import SerializedResponse, phrase


@attrs.frozen
class SandboxResponse:
    """A status, a JSON body unless the status has none, and headers of this answer's own.

    `page` is HTML, in place of JSON, where a person looks at the answer.
    """

    status: int
    body: JSONObject | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(default=MappingProxyType({}), repr=False)
    page: str | None = attrs.field(default=None, repr=False)


OTHER_SUGGESTIONS = ("Send If-None-Match and keep what has not changed",)
"""What helps against too many requests, besides waiting."""


class ApiError(Exception):
    """A request that gets an error as its answer."""

    def __init__(self, response: SandboxResponse) -> None:
        super().__init__(response.status)
        self.response = response


def invalid_parameter(name: str, problem: str) -> ApiError:
    """400: a path or query parameter is not what it should be."""
    return _error(400, f"{name} {problem}", errors=[f"{name} {problem}"])


def invalid_field(field: str, problem: str) -> ApiError:
    """400: the body, or a field of it, is not what it should be."""
    return _error(400, f"{field} {problem}", errors={field: [problem]})


def unreadable_request() -> ApiError:
    """400: the bytes that came are no HTTP request."""
    return _error(400, "This is not a request that can be read.")


def unauthorized(message: str) -> ApiError:
    """401: nobody is signed in, or the token is unknown."""
    return _error(401, message)


def forbidden(message: str) -> ApiError:
    """403: the caller may not do this."""
    return _error(403, message)


def not_found(what: str) -> ApiError:
    """404: there is no such thing."""
    return _error(404, f"There is no such {what}.")


def not_served() -> ApiError:
    """404: the API has such a path, the sandbox does not."""
    return _error(404, "The API has this path, but it is no part of the sandbox.")


def method_not_allowed(allowed: Iterable[str]) -> ApiError:
    """405: the path answers to other methods only."""
    return _error(
        405,
        "This path does not answer to that method.",
        headers={"Allow": ", ".join(sorted(allowed))},
    )


def too_large() -> ApiError:
    """413: the body is longer than anything that could be meant."""
    return _error(413, "The request body is too large.")


def unprocessable(message: str) -> ApiError:
    """422: well-formed, but it cannot be done."""
    return _error(422, message)


def unprocessable_fields(errors: Mapping[str, list[str]]) -> ApiError:
    """422: fields of the body are well-formed, but cannot have these values."""
    problems = [f"{field} {problem}" for field in errors for problem in errors[field]]
    return _error(422, ", ".join(problems), errors=errors)


def server_failure(status: int, headers: Mapping[str, str]) -> ApiError:
    """The server cannot answer, for no reason of the caller's."""
    return _error(status, "The server could not answer this request.", headers=headers)


def internal_error() -> ApiError:
    """500: the sandbox has a bug."""
    return _error(500, "The sandbox failed to answer. Its log says more.")


def rate_limit_exceeded(rate_limit: RateLimitStatus) -> ApiError:
    """429: too many requests in this window. Its body has a shape of its own."""
    tier, limit, window = rate_limit.tier, rate_limit.reported_limit, _in_words(rate_limit.window)
    error: JSONObject = {
        "type": "rate_limit_exceeded",
        "message": f"The {tier} tier allows {limit} requests per {window}.",
        "tier": tier,
        "limit": limit,
        "limit_window": window,
        "retry_after": rate_limit.retry_after,
        "current_status": {
            "tier": tier,
            "limits": dict(TIER_LIMITS),
            "upgrade_path": _upgrade_path(rate_limit),
        },
        "suggestions": [
            f"Wait {rate_limit.retry_after} seconds before the next request",
            *OTHER_SUGGESTIONS,
        ],
        "headers_note": "The X-RateLimit headers of every answer tell the limit.",
    }
    return ApiError(
        SandboxResponse(429, {"error": error}, {"Retry-After": str(rate_limit.retry_after)})
    )


def _error(
    status: int,
    message: str,
    *,
    errors: list[str] | Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> ApiError:
    details: JSONObject = {"message": message}
    if errors is not None:
        details["errors"] = errors
    body: JSONObject = {"error": phrase(status), "code": status, "details": details}
    return ApiError(SandboxResponse(status, body, headers or {}))


def _in_words(seconds: int) -> str:
    exact = {1: "1 second", 60: "1 minute"}
    return exact.get(seconds) or f"{seconds} seconds"


def _upgrade_path(rate_limit: RateLimitStatus) -> JSONObject:
    tiers = list(TIER_LIMITS)
    higher = tiers[tiers.index(rate_limit.tier) + 1 :]
    path: JSONObject = {"current": f"{rate_limit.tier} ({rate_limit.reported_limit} requests)"}
    if higher:
        path["recommended"] = f"{higher[0]} ({TIER_LIMITS[higher[0]]} requests per minute)"
        path["benefits"] = ["A higher limit"]
        path["action"] = "See https://www.are.na/pricing"
    return path


JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
TOO_MANY = 429

_TAG = re.compile(r'"([^"]*)"')


@attrs.frozen
class ResponseContext:
    """What the headers of an answer depend on, besides the answer."""

    rate_limit: RateLimitStatus
    method: str = "GET"
    if_none_match: str = ""
    signed_in: bool = False
    request_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))


def serialize_response(
    response: SandboxResponse, response_context: ResponseContext
) -> SerializedResponse:
    """The HTTP answer; a 304 when the reader has this very body already."""
    headers = {
        "Cache-Control": _cache_control(response, response_context),
        "X-Request-Id": response_context.request_id,
    }
    if response.page is not None:
        headers |= {"Content-Type": HTML_TYPE, **response.headers}
        return SerializedResponse(response.status, headers, response.page.encode())
    if response.body is None:
        return SerializedResponse(response.status, {**headers, **response.headers})
    content = json.dumps(response.body, ensure_ascii=False, separators=(",", ":")).encode()
    if response.status < 400:
        headers["ETag"] = _weak_etag(content)
        if response_context.method in {"GET", "HEAD"} and _matches(
            response_context.if_none_match, content
        ):
            return SerializedResponse(
                304, headers | _rate_limit_headers(response_context.rate_limit)
            )
    rate_limit_headers = _rate_limit_headers(
        response_context.rate_limit, refused=response.status == TOO_MANY
    )
    headers |= {"Content-Type": JSON_TYPE, **rate_limit_headers, **response.headers}
    return SerializedResponse(response.status, headers, content)


def _cache_control(response: SandboxResponse, response_context: ResponseContext) -> str:
    if response.status >= 400:
        return "no-cache"
    return "private, no-cache" if response_context.signed_in else "max-age=300, public"


def _rate_limit_headers(rate_limit: RateLimitStatus, *, refused: bool = False) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rate_limit.reported_limit if refused else rate_limit.limit),
        "X-RateLimit-Tier": rate_limit.tier,
        "X-RateLimit-Window": str(rate_limit.window),
        "X-RateLimit-Reset": str(rate_limit.reset),
    }


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _weak_etag(content: bytes) -> str:
    return f'W/"{_fingerprint(content)}"'


def _matches(if_none_match: str, content: bytes) -> bool:
    """Weak comparison: only what stands between the quotation marks counts."""
    return if_none_match.strip() == "*" or _fingerprint(content) in _TAG.findall(if_none_match)
