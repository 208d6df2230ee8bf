"""Responses as JSON or HTML, errors included, and their headers."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import cast

import attrs

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.permissions import TIER_LIMITS, RateLimitStatus
from arena_groups.sandbox.server_protocol import SerializedResponse, phrase

OTHER_SUGGESTIONS = ("Send If-None-Match and keep what has not changed",)
"""Suggestions in the body of a 429, besides waiting."""

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
TOO_MANY_REQUESTS = 429

_TAG = re.compile(r'"([^"]*)"')


@attrs.frozen
class SandboxResponse:
    """A response before serialization: status, JSON body, and headers of its own.

    `page` is HTML in place of JSON, for responses that a person sees in a browser.
    """

    status: int
    body: JSONObject | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(default=MappingProxyType({}), repr=False)
    page: str | None = attrs.field(default=None, repr=False)


class ApiError(Exception):
    """An error response, raised where the error is found."""

    def __init__(self, response: SandboxResponse) -> None:
        super().__init__(response.status)
        self.response = response

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        details = cast("JSONObject", (self.response.body or {}).get("details", {}))
        return str(details.get("message", ""))


def invalid_parameter(name: str, problem: str) -> ApiError:
    """Return a 400 for a path or query parameter."""
    return _error(400, f"{name} {problem}", errors=[f"{name} {problem}"])


def invalid_field(field: str, problem: str) -> ApiError:
    """Return a 400 for the body, or a field of it."""
    return _error(400, f"{field} {problem}", errors={field: [problem]})


def unreadable_request() -> ApiError:
    """Return a 400 for bytes that are not an HTTP request."""
    return _error(400, "The request cannot be parsed.")


def invalid_host() -> ApiError:
    """Return a 400 for a missing, repeated or malformed Host header."""
    return _error(400, "The request needs one valid Host header.")


def foreign_host(host: str) -> ApiError:
    """Return a 421 for the name of another host, as after DNS rebinding."""
    return _error(
        421,
        f"The sandbox does not answer to the host {host}. If that is its name, allow it with "
        f"--allowed-host {host} or Sandbox(allowed_hosts=['{host}']).",
    )


def foreign_origin() -> ApiError:
    """Return a 403 for a write that a web page of another site has sent."""
    return _error(
        403,
        "The Origin header names another site. The sandbox accepts writes from its own pages, "
        "from pages on loopback, and from allowed hosts (--allowed-host).",
    )


def unauthorized(message: str) -> ApiError:
    """Return a 401: no token, or an unknown one."""
    return _error(401, message)


def forbidden(message: str) -> ApiError:
    """Return a 403: the caller may not do this."""
    return _error(403, message)


def not_found(what: str) -> ApiError:
    """Return a 404 for a missing resource."""
    return _error(404, f"There is no such {what}.")


def not_served() -> ApiError:
    """Return a 404 for a path of the API that the sandbox does not serve."""
    return _error(404, "The sandbox does not serve this path of the API.")


def method_not_allowed(allowed: Iterable[str]) -> ApiError:
    """Return a 405 with the methods that the path supports."""
    return _error(
        405,
        "This path does not support the method.",
        headers={"Allow": ", ".join(sorted(allowed))},
    )


def too_large() -> ApiError:
    """Return a 413: the body exceeds the limit."""
    return _error(413, "The request body is too large.")


def unprocessable(message: str) -> ApiError:
    """Return a 422: well-formed, but not possible."""
    return _error(422, message)


def unprocessable_fields(errors: Mapping[str, list[str]]) -> ApiError:
    """Return a 422 for fields that are well-formed, but cannot have these values."""
    problems = [f"{field} {problem}" for field in errors for problem in errors[field]]
    return _error(422, ", ".join(problems), errors=errors)


def server_failure(status: int, headers: Mapping[str, str]) -> ApiError:
    """Return a 408 or 5xx that is not the fault of the caller."""
    return _error(status, "The server could not answer this request.", headers=headers)


def dropped() -> ApiError:
    """Return the 503 of a request that was in progress when the sandbox was reset."""
    return _error(503, "The sandbox was reset before it answered this request.")


def internal_error() -> ApiError:
    """Return a 500 for a bug of the sandbox."""
    return _error(500, "The sandbox failed to answer. See its log for the traceback.")


def rate_limit_exceeded(rate_limit: RateLimitStatus) -> ApiError:
    """Return a 429, whose body differs from that of other errors."""
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
        "headers_note": "Every response reports the limit in its X-RateLimit headers.",
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


@attrs.frozen
class ResponseContext:
    """The properties of a request that the headers of its response depend on."""

    rate_limit: RateLimitStatus
    method: str = "GET"
    if_none_match: str = ""
    signed_in: bool = False
    request_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))


def serialize_response(
    response: SandboxResponse, response_context: ResponseContext
) -> SerializedResponse:
    """Return the response as bytes and headers; a 304 if the client has this body already."""
    headers = {
        "Cache-Control": _cache_control(response, response_context),
        "X-Request-Id": response_context.request_id,
    }
    if response.page is not None:
        headers |= {"Content-Type": HTML_TYPE, **response.headers}
        page = response.page.encode("utf-8", "replace")
        return SerializedResponse(response.status, headers, page)
    if response.body is None:
        return SerializedResponse(response.status, {**headers, **response.headers})
    text = json.dumps(response.body, ensure_ascii=False, separators=(",", ":"))
    # Half of a surrogate pair is valid in JSON as an escape only.
    content = text.encode("utf-8", "backslashreplace")
    if response.status < 400:
        headers["ETag"] = _weak_etag(content)
        if response_context.method in {"GET", "HEAD"} and _matches(
            response_context.if_none_match, content
        ):
            return SerializedResponse(
                304, headers | _rate_limit_headers(response_context.rate_limit)
            )
    rate_limit_headers = _rate_limit_headers(
        response_context.rate_limit, refused=response.status == TOO_MANY_REQUESTS
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
    """Compare entity tags weakly: only the text within the quotation marks counts."""
    return if_none_match.strip() == "*" or _fingerprint(content) in _TAG.findall(if_none_match)
