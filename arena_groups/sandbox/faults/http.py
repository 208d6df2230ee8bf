"""FaultRegistry of a single response: late, wrong, cut, or missing."""

import zlib
from datetime import datetime, timedelta
from email.utils import format_datetime
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


@attrs.frozen
class Latency(MiddlewareFault):
    """The answer comes late; with `after`, once the operation has taken effect."""

    seconds: float = attrs.field(default=1.0, validator=check_seconds)
    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Wait on one side of the operation. A client who leaves earlier prevents it."""
        if not self.after:
            await context.pause(self.seconds)
        serialized = await context.call_next()
        if self.after:
            await context.pause(self.seconds)
        return serialized


@attrs.frozen
class Hang(MiddlewareFault):
    """No answer ever comes, and the connection stays open until the client closes it."""

    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Carry the operation out or not, and wait."""
        if self.after:
            await context.call_next()
        await context.hang()


@attrs.frozen
class Trickle(BodyFault):
    """The body arrives slowly: `size` bytes, a pause of so many `seconds`, and so on."""

    seconds: float = attrs.field(default=0.1, validator=check_seconds)
    size: int = attrs.field(default=64, validator=check_positive)

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """The same message, slowly."""
        del body
        return attrs.evolve(serialized, writer=SlowWriter(self.size, self.seconds))


_REDIRECTS = (301, 302, 303, 307, 308)
_HTML = "text/html; charset=utf-8"


@attrs.frozen
class RequestTimeout(ReplaceResponseFault):
    """408: the server gives up on the request."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """A JSON error."""
        return context.serialize(server_failure(408, {}).response)


@attrs.frozen
class RateLimited(MiddlewareFault):
    """429 with Retry-After in seconds, or (`as_date`) a date; `None` omits it, in the body too.

    `retry_after` is then the one thing that the body should have and has not. As with the real
    one, nothing is done.
    """

    retry_after: int | None = attrs.field(default=1, validator=check_not_negative)
    as_date: bool = False

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """The error of a caller who is over the quota."""
        if self.retry_after is None:
            response = rate_limit_exceeded(context.rate_limit).response
            return context.serialize(_without_retry_after(response))
        rate_limit = attrs.evolve(context.rate_limit, retry_after=self.retry_after)
        response = rate_limit_exceeded(rate_limit).response
        value = _retry_after(self.retry_after, context.now if self.as_date else None)
        return context.serialize(attrs.evolve(response, headers={"Retry-After": value}))


@attrs.frozen
class ServerFailure(ReplaceResponseFault):
    """A 5xx as JSON or (`html`) as a page of a proxy's; with Retry-After if one is given."""

    status: int = 500
    html: bool = False
    retry_after: int | None = attrs.field(default=None, validator=check_not_negative)

    def __attrs_post_init__(self) -> None:
        if self.status not in range(500, 600):
            raise ValueError("status must be between 500 and 599")

    def reply(self, context: FaultContext) -> SerializedResponse:
        """The error; a proxy's page knows nothing of quotas."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if not self.html:
            return context.serialize(server_failure(self.status, headers).response)
        page = html_page(f"{self.status} {phrase(self.status)}")
        return SerializedResponse(self.status, {"Content-Type": _HTML, **headers}, page)


@attrs.frozen
class Redirect(ReplaceResponseFault):
    """A redirect (301, 302, 303, 307 or 308) to `location`, which is sent as it is."""

    location: str
    status: int = 302

    def __attrs_post_init__(self) -> None:
        if self.status not in _REDIRECTS:
            raise ValueError(f"status must be one of {', '.join(map(str, _REDIRECTS))}")
        if not self.location.isprintable() or not self.location:
            raise ValueError("location must be a URL")

    def reply(self, context: FaultContext) -> SerializedResponse:
        """A redirect as a proxy sends it."""
        del context
        headers = {"Content-Type": _HTML, "Location": self.location}
        return SerializedResponse(self.status, headers, html_page(phrase(self.status)))


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


def _without_retry_after(response: SandboxResponse) -> SandboxResponse:
    error = cast("JSONObject", (response.body or {})["error"])
    kept = {name: error[name] for name in error if name != "retry_after"}
    suggestions = list(OTHER_SUGGESTIONS)
    return SandboxResponse(response.status, {"error": {**kept, "suggestions": suggestions}})


@attrs.frozen
class Reset(ReplaceResponseFault):
    """The connection is reset (RST) in place of an answer."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """No answer."""
        del context
        return SerializedResponse(None, writer=ClosingWriter(reset=True))


@attrs.frozen
class Disconnect(ReplaceResponseFault):
    """The connection is closed (FIN) without an answer."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """No answer."""
        del context
        return SerializedResponse(None, writer=ClosingWriter(reset=False))


_MEBIBYTE = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


@attrs.frozen
class CutBody(BodyFault):
    """The connection ends (with `reset`: breaks) before the announced length is sent."""

    sent: float = attrs.field(default=0.5, validator=check_fraction)
    reset: bool = False

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """A part of the message."""
        del body
        return attrs.evolve(serialized, writer=TruncatingWriter(self.sent, reset=self.reset))


@attrs.frozen
class CutChunks(BodyFault):
    """The connection ends (with `reset`: breaks) before the last chunk of a chunked body."""

    sent: float = attrs.field(default=0.5, validator=check_fraction)
    reset: bool = False

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """A part of the message."""
        del body
        return attrs.evolve(
            serialized, writer=TruncatingWriter(self.sent, chunked=True, reset=self.reset)
        )


@attrs.frozen
class WrongLength(BodyFault):
    """Content-Length is off: too low, and bytes spill over; too high, and some never come."""

    by: int = attrs.field(default=-1, validator=check_not_zero)

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """The whole message under a wrong length."""
        del body
        return attrs.evolve(serialized, writer=WrongLengthWriter(self.by))


@attrs.frozen
class TruncatedJSON(BodyFault):
    """The body ends in the middle of the JSON, under a Content-Length that agrees."""

    sent: float = attrs.field(default=0.5, validator=check_fraction)

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """A shorter message."""
        return attrs.evolve(serialized, body=first_part(body, self.sent))


@attrs.frozen
class PlainText(ReplaceResponseFault):
    """200 with plain text in place of JSON."""

    text: str = "It works!"

    def reply(self, context: FaultContext) -> SerializedResponse:
        """The text."""
        del context
        return SerializedResponse(
            200, {"Content-Type": "text/plain; charset=utf-8"}, self.text.encode()
        )


@attrs.frozen
class HTMLPage(ReplaceResponseFault):
    """200 with a page of HTML, as from a network that wants a sign-in first."""

    def reply(self, context: FaultContext) -> SerializedResponse:
        """The page."""
        del context
        return SerializedResponse(
            200, {"Content-Type": "text/html; charset=utf-8"}, html_page("Welcome")
        )


@attrs.frozen
class GzipBomb(ReplaceResponseFault):
    """200 with a small gzip body that unpacks to at least `size` bytes of JSON."""

    size: int = attrs.field(default=64 * _MEBIBYTE, validator=check_positive)

    def reply(self, context: FaultContext) -> SerializedResponse:
        """The bomb, packed whether or not the client asked for gzip."""
        del context
        headers = {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}
        return SerializedResponse(200, headers, gzip_bomb(self.size))


@attrs.frozen
class DeepJSON(ReplaceResponseFault):
    """200 with JSON that is nested `depth` levels deep."""

    depth: int = attrs.field(default=100_000, validator=check_positive)

    def reply(self, context: FaultContext) -> SerializedResponse:
        """Arrays in arrays."""
        del context
        return SerializedResponse(
            200, {"Content-Type": JSON_TYPE}, b"[" * self.depth + b"]" * self.depth
        )


def gzip_bomb(size: int) -> bytes:
    """A gzip stream of a JSON array that is mostly white space."""
    packer = zlib.compressobj(level=9, wbits=_GZIP)
    # zlib goes through a mebibyte of blanks in a few milliseconds, and never holds more of them.
    pieces = [packer.compress(b"[")]
    blanks = (min(_MEBIBYTE, size - start) for start in range(0, size, _MEBIBYTE))
    pieces += [packer.compress(b" " * count) for count in blanks]
    return b"".join([*pieces, packer.compress(b"]"), packer.flush()])
