"""How an answer goes over the wire: whole, in pieces, cut off, or not at all."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import attrs
from aiohttp import HttpVersion11, web

from arena_groups.sandbox.refusals import phrase
from arena_groups.sandbox.wire import Line


class Delivery(Protocol):
    """Sends a message, or whatever it makes of it."""

    async def __call__(self, message: "Message", line: Line) -> web.StreamResponse:
        """Send the message and return the response, as a handler of aiohttp does."""
        ...


async def whole(message: "Message", line: Line) -> web.StreamResponse:
    """The message as it should be."""
    del line
    return to_response(message)


@attrs.frozen
class Message:
    """An HTTP answer. Without a status it is none: the connection just ends."""

    status: int | None
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = attrs.field(default=None, repr=False)
    deliver: Delivery = attrs.field(default=whole, repr=False)


def to_response(message: Message) -> web.Response:
    """The whole message as a response."""
    status = message.status or 500
    return web.Response(
        status=status, reason=phrase(status), body=message.body, headers=message.headers
    )


@attrs.frozen
class Pieces:
    """The body in pieces of `size` bytes, each `seconds` after the one before."""

    size: int
    seconds: float

    async def __call__(self, message: Message, line: Line) -> web.StreamResponse:
        """Send a piece, wait, send the next."""
        body = message.body or b""
        response = await _begin(message, line, length=len(body))
        for start in range(0, len(body), self.size):
            if start:
                await line.pause(self.seconds)
            await response.write(body[start : start + self.size])
        return response


@attrs.frozen
class CutOff:
    """The first part of the body, between 0 and 1 of it, and then the end of the connection."""

    sent: float
    chunked: bool = False
    reset: bool = False

    async def __call__(self, message: Message, line: Line) -> web.StreamResponse:
        """Send the part and close."""
        body = message.body or b""
        chunked = self.chunked and line.request.version >= HttpVersion11
        response = await _begin(message, line, length=None if chunked else len(body))
        await response.write(first_part(body, self.sent))
        if self.reset:
            line.reset()
        else:
            line.close()
        return response


@attrs.frozen
class Misannounced:
    """The whole body under a Content-Length that is `by` bytes off."""

    by: int

    async def __call__(self, message: Message, line: Line) -> web.StreamResponse:
        """Send the body; when more was announced, wait for the client to give up."""
        body = message.body or b""
        announced = max(0, len(body) + self.by)
        response = await _begin(message, line, length=announced)
        await response.write(body[:announced])
        if announced > len(body):
            await line.hang()
        # Otherwise aiohttp holds back what goes beyond the length.
        line.request.writer.length = None
        await response.write(body[announced:])
        return response


@attrs.frozen
class Nothing:
    """No answer: the connection is closed, or reset."""

    reset: bool

    async def __call__(self, message: Message, line: Line) -> web.StreamResponse:
        """End the connection."""
        if self.reset:
            line.reset()
        else:
            line.close()
        # It goes nowhere, but aiohttp wants a response, and notes that nobody is there.
        return web.Response()


def first_part(body: bytes, share: float) -> bytes:
    """A share of the body between 0 and 1, at least one byte less than the whole."""
    return body[: min(int(len(body) * share), max(0, len(body) - 1))]


async def _begin(message: Message, line: Line, *, length: int | None) -> web.StreamResponse:
    status = message.status or 500
    response = web.StreamResponse(status=status, reason=phrase(status), headers=message.headers)
    if length is None:
        response.enable_chunked_encoding()
    else:
        response.content_length = length
    await response.prepare(line.request)
    return response
