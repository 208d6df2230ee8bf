"""Faults that are answers: errors of the server's, quotas that ran out, redirects."""

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import cast

import attrs

from arena_groups.sandbox import refusals
from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.delivery import Message
from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.faults import checks
from arena_groups.sandbox.faults.base import Detour, Exchange, Instead

_REDIRECTS = (301, 302, 303, 307, 308)
_HTML = "text/html; charset=utf-8"


@attrs.frozen
class RequestTimeout(Instead):
    """408: the server gives up on the request."""

    def reply(self, exchange: Exchange) -> Message:
        """A JSON error."""
        return exchange.compose(refusals.failure(408, {}).answer)


@attrs.frozen
class RateLimited(Detour):
    """429 with Retry-After in seconds, or (`as_date`) a date; `None` omits it, in the body too.

    `retry_after` is then the one thing that the body should have and has not. As with the real
    one, nothing is done.
    """

    retry_after: int | None = attrs.field(default=1, validator=checks.not_negative)
    as_date: bool = False

    async def handle(self, exchange: Exchange) -> Message:
        """The error of a caller who is over the quota."""
        if self.retry_after is None:
            answer = refusals.over_quota(exchange.standing).answer
            return exchange.compose(_without_retry_after(answer))
        standing = attrs.evolve(exchange.standing, retry_after=self.retry_after)
        answer = refusals.over_quota(standing).answer
        value = _retry_after(self.retry_after, exchange.now if self.as_date else None)
        return exchange.compose(attrs.evolve(answer, headers={"Retry-After": value}))


@attrs.frozen
class ServerError(Instead):
    """A 5xx as JSON or (`html`) as a page of a proxy's; with Retry-After if one is given."""

    status: int = 500
    html: bool = False
    retry_after: int | None = attrs.field(default=None, validator=checks.not_negative)

    def __attrs_post_init__(self) -> None:
        if self.status not in range(500, 600):
            raise ValueError("status must be between 500 and 599")

    def reply(self, exchange: Exchange) -> Message:
        """The error; a proxy's page knows nothing of quotas."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if not self.html:
            return exchange.compose(refusals.failure(self.status, headers).answer)
        page = html_page(f"{self.status} {refusals.phrase(self.status)}")
        return Message(self.status, {"Content-Type": _HTML, **headers}, page)


@attrs.frozen
class Redirect(Instead):
    """A redirect (301, 302, 303, 307 or 308) to `location`, which is sent as it is."""

    location: str
    status: int = 302

    def __attrs_post_init__(self) -> None:
        if self.status not in _REDIRECTS:
            raise ValueError(f"status must be one of {', '.join(map(str, _REDIRECTS))}")
        if not self.location.isprintable() or not self.location:
            raise ValueError("location must be a URL")

    def reply(self, exchange: Exchange) -> Message:
        """A redirect as a proxy sends it."""
        del exchange
        headers = {"Content-Type": _HTML, "Location": self.location}
        return Message(self.status, headers, html_page(refusals.phrase(self.status)))


def html_page(title: str) -> bytes:
    """A page such as proxies show."""
    return (
        f"<!doctype html>\n<html><head><title>{title}</title></head>\n"
        f"<body><h1>{title}</h1></body></html>\n"
    ).encode()


def _retry_after(seconds: int, now: datetime | None) -> str:
    if now is None:
        return str(seconds)
    return format_datetime(now + timedelta(seconds=seconds), usegmt=True)


def _without_retry_after(answer: Answer) -> Answer:
    error = cast("JSONObject", (answer.body or {})["error"])
    kept = {name: error[name] for name in error if name != "retry_after"}
    suggestions = list(refusals.OTHER_SUGGESTIONS)
    return Answer(answer.status, {"error": {**kept, "suggestions": suggestions}})
