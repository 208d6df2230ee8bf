"""Responses of the network edge in front of the API, distinguished from those of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from arena_groups._api.error_body import BodyShape, ErrorBody
from arena_groups._api.operations import Operation
from arena_groups._api.response import RawResponse, is_challenge

__all__ = [
    "BLOCKED_HINT",
    "EDGE_PHRASES",
    "LIMITED_HINT",
    "excerpt",
    "is_blocked",
    "is_edge_limit",
]

T = TypeVar("T")

BLOCKED_HINT = (
    "this is the network edge in front of Are.na, not your token: check the User-Agent (`app=`), "
    "the network and how often you ask"
)
LIMITED_HINT = (
    "this is the limit of the network edge in front of Are.na, not your quota: ask less often"
)

# The edge sends these without a reason phrase, and Python knows none for them.
EDGE_PHRASES: Mapping[int, str] = {
    520: "Unknown Error of the Origin",
    521: "Origin Is Down",
    522: "Connection to the Origin Timed Out",
    523: "Origin Is Unreachable",
    524: "Origin Timed Out",
    525: "TLS Handshake with the Origin Failed",
    526: "Invalid Certificate of the Origin",
    527: "Error between Edge and Origin",
    530: "Origin Not Found",
}
RATE_LIMITED = 1015  # the edge's own error code
EDGE_CODE = re.compile(r"\berror(?: code)?:?\s{0,3}(1\d{3})\b", re.IGNORECASE)
BLOCKING_CODE = re.compile(r"error code:? ?10\d\d\b", re.IGNORECASE)
AUTOMATED_ACCESS = re.compile(
    r"\bautomated (?:access|requests?|queries|traffic|tools?|clients?|scripts?|activity|bots?)\b",
    re.IGNORECASE,
)
MAX_EXCERPT = 200


def is_blocked(operation: Operation[T], response: RawResponse, body: ErrorBody) -> bool:
    """Return whether the edge has refused a request, which the API then never received."""
    if is_challenge(response.headers):
        return True
    if response.status != 403:
        return False
    if body.shape is BodyShape.OTHER and operation.method != "HEAD":  # whose body never arrives
        return not (body.is_oauth_error and operation.form_encoded)
    texts = (body.error, body.message)
    return any(BLOCKING_CODE.match(each) or AUTOMATED_ACCESS.search(each) for each in texts)


def is_edge_limit(response: RawResponse, body: ErrorBody) -> bool:
    """Return whether a 429 is that of the edge, which says nothing about the quota."""
    if response.status != 429 or body.shape is BodyShape.API:
        return False
    found = EDGE_CODE.search(f"{body.error} {body.text or body.message}")
    return RATE_LIMITED in (body.error_code, int(found[1]) if found else None)


def excerpt(text: str) -> str:
    """Return the beginning of a text, cut between two words unless the last one is long."""
    if len(text) <= MAX_EXCERPT:
        return text
    end = text.rfind(" ", MAX_EXCERPT // 2, MAX_EXCERPT)
    return text[: MAX_EXCERPT if end < 0 else end] + " …"
