"""Likely causes of error responses, and what to do about them."""

import re
from typing import Final, TypeVar

from arena_groups._api.error_body import ErrorBody
from arena_groups._api.operations import Operation
from arena_groups._api.response import RawResponse
from arena_groups._api.secrets import TokenOrigin

__all__ = ["PLAIN_HTTP_HINT", "SCOPE_HINT", "make_hint"]

T = TypeVar("T")

SCOPE_HINT: Final = "the token needs the scope write"
PLAIN_HTTP_HINT: Final = "this port speaks TLS: write https:// in the base URL"

_SCOPE = re.compile(r"\bscopes?\b|insufficient_scope", re.IGNORECASE)
# Words of a sentence that says what the user may not do: then the scope is not the cause.
_RULE = re.compile(
    r"\b(?:owners?|members?|managers?|invit\w+|codes?|private|accounts?)\b", re.IGNORECASE
)
# What nginx, Go and Apache answer where they expect TLS.
_EXPECTS_TLS = re.compile(
    r"plain HTTP request was sent to HTTPS port"
    r"|HTTP request to an HTTPS server"
    r"|speaking plain HTTP to an SSL-enabled",
    re.IGNORECASE,
)


def make_hint(
    operation: Operation[T],
    response: RawResponse,
    body: ErrorBody,
    origin: TokenOrigin,
    retry_after: float | None,
) -> str:
    """Return a likely cause of an error response, or what to do; empty if there is none to name."""
    has_token = origin not in {TokenOrigin.NONE, TokenOrigin.WITHHELD}
    hint = ""
    match response.status:
        case 400 if _EXPECTS_TLS.search(body.text or body.message):
            hint = PLAIN_HTTP_HINT
        case 401:
            scope = operation.writes and has_token
            hint = _token_hint(origin) + "; for a write it needs the scope write" * scope
        case 403 if has_token:
            hint = _forbidden_hint(operation, response, body.message)
        case 403:
            hint = _token_hint(origin)
        case 404 if "{" in operation.route:
            hint = operation.not_found_hint
        case 429 if retry_after is not None:
            hint = f"try again in {retry_after:.10g} s"
        case _:
            pass
    return hint


def _forbidden_hint(operation: Operation[T], response: RawResponse, message: str) -> str:
    """Return who may do what was refused; the scope of the token only if it may be the cause."""
    challenge = response.headers.get("www-authenticate") or ""
    if _SCOPE.search(message) or _SCOPE.search(challenge):
        return SCOPE_HINT
    rule = operation.forbidden_hint
    if not operation.writes:
        return rule or "the token's user may not see this"
    rule = rule or "the token's user may not do this"
    return rule if _RULE.search(message) else f"{rule}; or {SCOPE_HINT}"


def _token_hint(origin: TokenOrigin) -> str:
    if origin is TokenOrigin.NONE:
        return "no token was found: pass token= or set the environment variable ARENA_TOKEN"
    if origin is TokenOrigin.WITHHELD:
        return "ARENA_TOKEN was not sent, as it is for the server of ARENA_BASE_URL: pass token="
    return f"the token came from {origin}"
