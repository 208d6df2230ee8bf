"""Faults of single responses: delayed, replaced, truncated, or missing."""

import zlib
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import cast

import attrs

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.faults.base import (
    BodyFault,
    FaultContext,
    MiddlewareFault,
    ReplaceResponseFault,
    check_fraction,
    check_not_negative,
    check_not_zero,
    check_positive,
    check_seconds,
    one_of,
)
from arena_groups.sandbox.responses import (
    JSON_TYPE,
    OTHER_SUGGESTIONS,
    SandboxResponse,
    rate_limit_exceeded,
    server_failure,
)
from arena_groups.sandbox.server_protocol import (
    ClosingWriter,
    SerializedResponse,
    SlowWriter,
    TruncatingWriter,
    WrongLengthWriter,
    first_part,
    phrase,
)

_REDIRECTS = (301, 302, 303, 307, 308)
_HTML = "text/html; charset=utf-8"

_LONGEST_UNTIL_DATE = 10**9  # seconds; the sandbox's clock ends that long before year 9999
_MEBIBYTE = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


@attrs.frozen
class Latency(MiddlewareFault):
    """The response is delayed.

    Attributes:
        seconds: How long.
        after: Whether the operation is executed before the delay. Otherwise a client that
            disconnects meanwhile prevents it.
    """

    seconds: float = attrs.field(default=1.0, validator=check_seconds)
    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Wait before or after the operation."""
        if not self.after:
            await context.pause(self.seconds)
        serialized = await context.call_next()
        if self.after:
            await context.pause(self.seconds)
        return serialized


@attrs.frozen
class Hang(MiddlewareFault):
    """No response arrives, and the connection stays open until the client closes it.

    Attributes:
        after: Whether the operation is executed first; otherwise it is not executed.
    """

    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Execute the operation if `after` is set, and wait."""
        if self.after:
            await context.call_next()
        await context.hang()


@attrs.frozen
class Trickle(BodyFault):
    """The body arrives slowly, in small chunks.

    Attributes:
        seconds: The pause between two chunks.
        size: The bytes of a chunk.
    """

    seconds: float = attrs.field(default=0.1, validator=check_seconds)
    size: int = attrs.field(default=64, validator=check_positive)

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Send the body in chunks with pauses."""
        del body
        return attrs.evolve(serialized, writer=SlowWriter(self.size, self.seconds))


@attrs.frozen
class RequestTimeout(ReplaceResponseFault):
    """Status 408 with a JSON error."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return a JSON error."""
        return context.serialize(server_failure(408, {}).response)


@attrs.frozen
class RateLimited(MiddlewareFault):
    """Status 429 with Retry-After. The operation is never executed.

    Attributes:
        retry_after: The seconds to wait; None omits them from the header and the body.
        as_date: Whether Retry-After is a date instead of seconds.
    """

    retry_after: int | None = attrs.field(default=1, validator=check_not_negative)
    as_date: bool = False

    def __attrs_post_init__(self) -> None:
        if self.as_date and (self.retry_after or 0) > _LONGEST_UNTIL_DATE:
            raise ValueError(f"retry_after must be at most {_LONGEST_UNTIL_DATE} as a date")

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Return the error of a caller over the rate limit."""
        if self.retry_after is None:
            response = rate_limit_exceeded(context.rate_limit).response
            return context.serialize(_without_retry_after(response))
        rate_limit = attrs.evolve(context.rate_limit, retry_after=self.retry_after)
        response = rate_limit_exceeded(rate_limit).response
        value = _retry_after(self.retry_after, context.now if self.as_date else None)
        return context.serialize(attrs.evolve(response, headers={"Retry-After": value}))


@attrs.frozen
class ServerFailure(ReplaceResponseFault):
    """A 5xx status as JSON or HTML.

    Attributes:
        status: The status, 500 to 599.
        html: Whether the body is an HTML page, as from a proxy, instead of JSON.
        retry_after: The seconds in a Retry-After header; None for no header.
    """

    status: int = 500
    html: bool = False
    retry_after: int | None = attrs.field(default=None, validator=check_not_negative)

    def __attrs_post_init__(self) -> None:
        if self.status not in range(500, 600):
            raise ValueError("status must be between 500 and 599")

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return the error. An HTML page has no rate-limit headers."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if not self.html:
            return context.serialize(server_failure(self.status, headers).response)
        page = html_page(f"{self.status} {phrase(self.status)}")
        return SerializedResponse(self.status, {"Content-Type": _HTML, **headers}, page)


@attrs.frozen
class Redirect(ReplaceResponseFault):
    """A redirect to another location.

    Attributes:
        location: The value of the Location header, sent unchanged.
        status: 301, 302, 303, 307 or 308.
    """

    location: str
    status: int = attrs.field(default=302, validator=one_of(_REDIRECTS))

    def __attrs_post_init__(self) -> None:
        if not self.location.isprintable() or not self.location:
            raise ValueError("location must be a URL")

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return a redirect as a proxy sends it."""
        del context
        headers = {"Content-Type": _HTML, "Location": self.location}
        return SerializedResponse(self.status, headers, html_page(phrase(self.status)))


def html_page(title: str) -> bytes:
    """Return an HTML page such as a proxy sends."""
    return (
        f"<!doctype html>\n<html><head><title>{title}</title></head>\n"
        f"<body><h1>{title}</h1></body></html>\n"
    ).encode()


def _retry_after(seconds: int, now: datetime | None) -> str:
    if now is None:
        return str(seconds)
    return format_datetime(now + timedelta(seconds=seconds), usegmt=True)


def _without_retry_after(response: SandboxResponse) -> SandboxResponse:
    error = cast("JSONObject", (response.body or {})["error"])
    kept = {name: error[name] for name in error if name != "retry_after"}
    suggestions = list(OTHER_SUGGESTIONS)
    return SandboxResponse(response.status, {"error": {**kept, "suggestions": suggestions}})


@attrs.frozen
class Reset(ReplaceResponseFault):
    """The connection is reset (RST) without a response."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return no response."""
        del context
        return SerializedResponse(None, writer=ClosingWriter(reset=True))


@attrs.frozen
class Disconnect(ReplaceResponseFault):
    """The connection is closed (FIN) without a response."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return no response."""
        del context
        return SerializedResponse(None, writer=ClosingWriter(reset=False))


@attrs.frozen
class CutBody(BodyFault):
    """The connection ends before the announced length has been sent.

    Attributes:
        sent: The share of the body that is sent, from 0 to less than 1.
        reset: Whether the connection is reset instead of closed.
    """

    sent: float = attrs.field(default=0.5, validator=check_fraction)
    reset: bool = False

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Send a part of the body."""
        del body
        return attrs.evolve(serialized, writer=TruncatingWriter(self.sent, reset=self.reset))


@attrs.frozen
class CutChunks(BodyFault):
    """The connection ends before the last chunk of a chunked body.

    Attributes:
        sent: The share of the body that is sent, from 0 to less than 1.
        reset: Whether the connection is reset instead of closed.
    """

    sent: float = attrs.field(default=0.5, validator=check_fraction)
    reset: bool = False

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Send a part of the body in chunks."""
        del body
        return attrs.evolve(
            serialized, writer=TruncatingWriter(self.sent, chunked=True, reset=self.reset)
        )


@attrs.frozen
class WrongLength(BodyFault):
    """Content-Length is wrong: too low, so that bytes are left over, or too high.

    Attributes:
        by: The difference to the true length in bytes, not 0.
    """

    by: int = attrs.field(default=-1, validator=check_not_zero)

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Send the body with a wrong length."""
        del body
        return attrs.evolve(serialized, writer=WrongLengthWriter(self.by))


@attrs.frozen
class TruncatedJSON(BodyFault):
    """The JSON ends in the middle, under a Content-Length that agrees.

    Attributes:
        sent: The share of the body that is sent, from 0 to less than 1.
    """

    sent: float = attrs.field(default=0.5, validator=check_fraction)

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Shorten the body."""
        return attrs.evolve(serialized, body=first_part(body, self.sent))


@attrs.frozen
class PlainText(ReplaceResponseFault):
    """Status 200 with plain text instead of JSON.

    Attributes:
        text: The text.
    """

    text: str = "It works!"

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return the text."""
        del context
        return SerializedResponse(
            200, {"Content-Type": "text/plain; charset=utf-8"}, self.text.encode("utf-8", "replace")
        )


@attrs.frozen
class HTMLPage(ReplaceResponseFault):
    """Status 200 with an HTML page, as from a network that requires a sign-in first."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return the page."""
        del context
        return SerializedResponse(
            200, {"Content-Type": "text/html; charset=utf-8"}, html_page("Welcome")
        )


@attrs.frozen
class GzipBomb(ReplaceResponseFault):
    """Status 200 with a small gzip body that decompresses to a large one.

    Attributes:
        size: The minimum number of bytes of the decompressed JSON.
    """

    size: int = attrs.field(default=64 * _MEBIBYTE, validator=check_positive)

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return the body, compressed whether or not the client accepts gzip."""
        del context
        headers = {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}
        return SerializedResponse(200, headers, gzip_bomb(self.size))


@attrs.frozen
class DeepJSON(ReplaceResponseFault):
    """Status 200 with deeply nested JSON.

    Attributes:
        depth: The number of levels.
    """

    depth: int = attrs.field(default=100_000, validator=check_positive)

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Return nested arrays."""
        del context
        return SerializedResponse(
            200, {"Content-Type": JSON_TYPE}, b"[" * self.depth + b"]" * self.depth
        )


@lru_cache(maxsize=4)  # a stream of 64 MiB takes 0.2 s
def gzip_bomb(size: int) -> bytes:
    """Return a gzip stream of a JSON array that is mostly white space."""
    packer = zlib.compressobj(level=9, wbits=_GZIP)
    # One mebibyte at a time: that takes a few milliseconds and little memory.
    pieces = [packer.compress(b"[")]
    blanks = (min(_MEBIBYTE, size - start) for start in range(0, size, _MEBIBYTE))
    pieces += [packer.compress(b" " * count) for count in blanks]
    return b"".join([*pieces, packer.compress(b"]"), packer.flush()])
