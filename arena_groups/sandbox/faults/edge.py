"""Faults of a network edge in front of the API: refused requests, and an origin out of reach."""

import json
from collections.abc import Mapping
from datetime import datetime

import attrs

from arena_groups.sandbox.faults.base import (
    FaultContext,
    MiddlewareFault,
    ReplaceResponseFault,
    check_not_negative,
    check_type,
    one_of,
)
from arena_groups.sandbox.server_protocol import SerializedResponse, phrase

_FORMS = ("text", "page", "json", "challenge", "empty")
_TEXT = "text/plain; charset=UTF-8"
_PAGE = "text/html; charset=UTF-8"
_RATE_LIMITED = 1015
_NO_SUCH_ORIGIN = 1016
_NOT_EXECUTED = frozenset({425, 429, 521, 523, 525, 526})
_STATUSES = sorted(_NOT_EXECUTED | {520, 522, 524, 527, 529, 530})


def _check_code(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    check_type(field, value)
    if value not in range(1000, 1100):
        raise ValueError("code must be between 1000 and 1099")


@attrs.frozen
class Blocked(MiddlewareFault):
    """Status 403 of the edge, whatever the token. The operation is never executed.

    Attributes:
        form: `text` for a line with the code, `page` for a page about automated access, `json`
            for JSON that is not the API's, `challenge` for a page that only a browser can
            answer, or `empty`.
        code: The edge's own error code, 1000 to 1099.
    """

    form: str = attrs.field(default="text", validator=one_of(_FORMS))
    code: int = attrs.field(default=1010, validator=_check_code)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Return the refusal, without headers of the rate limit."""
        if self.form == "text":
            return _response(403, context.now, _TEXT, f"error code: {self.code}")
        if self.form == "json":
            title = f"Error {self.code}: Access denied"
            body = {"title": title, "status": 403, "error_code": self.code, "retryable": False}
            return _response(403, context.now, "application/json", json.dumps(body))
        if self.form == "challenge":
            page = _page("Checking your browser", "Turn on JavaScript to go on.")
            return _response(403, context.now, _PAGE, page, {"cf-mitigated": "challenge"})
        if self.form == "empty":
            return _response(403, context.now, _TEXT, "")
        text = "Automated access to this site is blocked &mdash; it is for people &amp; browsers."
        return _response(403, context.now, _PAGE, _page("Access denied", text))


@attrs.frozen
class EdgeError(ReplaceResponseFault):
    """A status of the edge: 520 to 527, 529, 530, 425, or 429 for its own rate limit.

    Attributes:
        status: The status. After 425, 429, 521, 523, 525 and 526 the operation is certainly not
            executed.
        retry_after: The seconds in a Retry-After header; None for no header.
    """

    status: int = attrs.field(default=522, validator=one_of(_STATUSES))
    retry_after: int | None = attrs.field(default=None, validator=check_not_negative)

    def __attrs_post_init__(self) -> None:
        if self.after and self.status in _NOT_EXECUTED:
            raise ValueError(f"after must be False: a {self.status} means that nothing is executed")

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return the error, without headers of the rate limit."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status in {429, 530}:
            code = _RATE_LIMITED if self.status == 429 else _NO_SUCH_ORIGIN
            return _response(self.status, context.now, _TEXT, f"error code: {code}", headers)
        page = _page(f"{self.status}: {phrase(self.status)}", "Please try again in a few minutes.")
        return _response(self.status, context.now, _PAGE, page, headers)


def _response(
    status: int, now: datetime, content_type: str, body: str, more: Mapping[str, str] | None = None
) -> SerializedResponse:
    ray = f"{int(now.timestamp() * 1_000_000):016x}-SBX"
    headers = {"Content-Type": content_type, "Server": "cloudflare", "CF-RAY": ray, **(more or {})}
    return SerializedResponse(status, headers, body.encode())


def _page(title: str, text: str) -> str:
    """Return a page with markup that holds no text, as those of an edge do."""
    return (
        "<!DOCTYPE html>\n<!--[if lt IE 9]><html class='old'><![endif]-->\n<html lang='en'>\n"
        f"<head><title>{title}</title><style>body {{ margin: 2em }}</style>\n"
        "<script>window.edge = {loaded: 1 < 2};</script></head>\n"
        f"<body><h1>{title}</h1>\n<p>{text}</p><!-- nothing > here --></body></html>\n"
    )
