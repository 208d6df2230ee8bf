"""Responses as JSON or HTML, errors included, and their headers."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.permissions import TIER_LIMITS, Standing
from arena_groups.sandbox.server_protocol import Message, phrase


@attrs.frozen
class Answer:
    """A status, a JSON body unless the status has none, and headers of this answer's own.

    `page` is HTML, in place of JSON, where a person looks at the answer.
    """

    status: int
    body: JSONObject | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(default=MappingProxyType({}), repr=False)
    page: str | None = attrs.field(default=None, repr=False)


OTHER_SUGGESTIONS = ("Send If-None-Match and keep what has not changed",)
"""What helps against too many requests, besides waiting."""


class RefusedError(Exception):
    """A request that gets an error as its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def bad_parameter(name: str, problem: str) -> RefusedError:
    """400: a path or query parameter is not what it should be."""
    return _refusal(400, f"{name} {problem}", errors=[f"{name} {problem}"])


def bad_body(field: str, problem: str) -> RefusedError:
    """400: the body, or a field of it, is not what it should be."""
    return _refusal(400, f"{field} {problem}", errors={field: [problem]})


def unreadable() -> RefusedError:
    """400: the bytes that came are no HTTP request."""
    return _refusal(400, "This is not a request that can be read.")


def unauthorized(message: str) -> RefusedError:
    """401: nobody is signed in, or the token is unknown."""
    return _refusal(401, message)


def forbidden(message: str) -> RefusedError:
    """403: the caller may not do this."""
    return _refusal(403, message)


def not_found(what: str) -> RefusedError:
    """404: there is no such thing."""
    return _refusal(404, f"There is no such {what}.")


def not_served() -> RefusedError:
    """404: the API has such a path, the sandbox does not."""
    return _refusal(404, "The API has this path, but it is no part of the sandbox.")


def method_not_allowed(allowed: Iterable[str]) -> RefusedError:
    """405: the path answers to other methods only."""
    return _refusal(
        405,
        "This path does not answer to that method.",
        headers={"Allow": ", ".join(sorted(allowed))},
    )


def too_large() -> RefusedError:
    """413: the body is longer than anything that could be meant."""
    return _refusal(413, "The request body is too large.")


def unprocessable(message: str) -> RefusedError:
    """422: well-formed, but it cannot be done."""
    return _refusal(422, message)


def impossible(errors: Mapping[str, list[str]]) -> RefusedError:
    """422: fields of the body are well-formed, but cannot have these values."""
    problems = [f"{field} {problem}" for field in errors for problem in errors[field]]
    return _refusal(422, ", ".join(problems), errors=errors)


def failure(status: int, headers: Mapping[str, str]) -> RefusedError:
    """The server cannot answer, for no reason of the caller's."""
    return _refusal(status, "The server could not answer this request.", headers=headers)


def our_fault() -> RefusedError:
    """500: the sandbox has a bug."""
    return _refusal(500, "The sandbox failed to answer. Its log says more.")


def over_quota(standing: Standing) -> RefusedError:
    """429: too many requests in this window. Its body has a shape of its own."""
    tier, limit, window = standing.tier, standing.enforced, _in_words(standing.window)
    error: JSONObject = {
        "type": "rate_limit_exceeded",
        "message": f"The {tier} tier allows {limit} requests per {window}.",
        "tier": tier,
        "limit": limit,
        "limit_window": window,
        "retry_after": standing.retry_after,
        "current_status": {
            "tier": tier,
            "limits": dict(TIER_LIMITS),
            "upgrade_path": _upgrade_path(standing),
        },
        "suggestions": [
            f"Wait {standing.retry_after} seconds before the next request",
            *OTHER_SUGGESTIONS,
        ],
        "headers_note": "The X-RateLimit headers of every answer tell the limit.",
    }
    return RefusedError(Answer(429, {"error": error}, {"Retry-After": str(standing.retry_after)}))


def _refusal(
    status: int,
    message: str,
    *,
    errors: list[str] | Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> RefusedError:
    details: JSONObject = {"message": message}
    if errors is not None:
        details["errors"] = errors
    body: JSONObject = {"error": phrase(status), "code": status, "details": details}
    return RefusedError(Answer(status, body, headers or {}))


def _in_words(seconds: int) -> str:
    exact = {1: "1 second", 60: "1 minute"}
    return exact.get(seconds) or f"{seconds} seconds"


def _upgrade_path(standing: Standing) -> JSONObject:
    tiers = list(TIER_LIMITS)
    higher = tiers[tiers.index(standing.tier) + 1 :]
    path: JSONObject = {"current": f"{standing.tier} ({standing.enforced} requests)"}
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
class Envelope:
    """What the headers of an answer depend on, besides the answer."""

    standing: Standing
    method: str = "GET"
    if_none_match: str = ""
    signed_in: bool = False
    request_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))


def to_message(answer: Answer, envelope: Envelope) -> Message:
    """The HTTP answer; a 304 when the reader has this very body already."""
    headers = {
        "Cache-Control": _cache_control(answer, envelope),
        "X-Request-Id": envelope.request_id,
    }
    if answer.page is not None:
        headers |= {"Content-Type": HTML_TYPE, **answer.headers}
        return Message(answer.status, headers, answer.page.encode())
    if answer.body is None:
        return Message(answer.status, {**headers, **answer.headers})
    content = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    if answer.status < 400:
        headers["ETag"] = _weak_etag(content)
        if envelope.method in {"GET", "HEAD"} and _matches(envelope.if_none_match, content):
            return Message(304, headers | _quota_headers(envelope.standing))
    quota = _quota_headers(envelope.standing, refused=answer.status == TOO_MANY)
    headers |= {"Content-Type": JSON_TYPE, **quota, **answer.headers}
    return Message(answer.status, headers, content)


def _cache_control(answer: Answer, envelope: Envelope) -> str:
    if answer.status >= 400:
        return "no-cache"
    return "private, no-cache" if envelope.signed_in else "max-age=300, public"


def _quota_headers(standing: Standing, *, refused: bool = False) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(standing.enforced if refused else standing.limit),
        "X-RateLimit-Tier": standing.tier,
        "X-RateLimit-Window": str(standing.window),
        "X-RateLimit-Reset": str(standing.reset),
    }


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _weak_etag(content: bytes) -> str:
    return f'W/"{_fingerprint(content)}"'


def _matches(if_none_match: str, content: bytes) -> bool:
    """Weak comparison: only what stands between the quotation marks counts."""
    return if_none_match.strip() == "*" or _fingerprint(content) in _TAG.findall(if_none_match)
