"""Why a request is refused: one exception that carries the answer."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.quota import TIER_LIMITS, Standing

# Python's own phrases for these changed between versions.
_PHRASES = {413: "Payload Too Large", 422: "Unprocessable Entity"}
_STANDARD = frozenset(HTTPStatus)

OTHER_SUGGESTIONS = ("Send If-None-Match and keep what has not changed",)
"""What helps against too many requests, besides waiting."""


class RefusedError(Exception):
    """A request that gets an error as its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def phrase(status: int) -> str:
    """The reason phrase of a status, the same under every version of Python."""
    known = _PHRASES.get(status)
    if known is None and status in _STANDARD:
        known = HTTPStatus(status).phrase
    return known or "Unknown Status"


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
