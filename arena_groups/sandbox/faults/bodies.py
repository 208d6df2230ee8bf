"""Faults of the body: cut, miscounted, something else than promised, or far too much."""

import zlib

import attrs

from arena_groups.sandbox.delivery import CutOff, Message, Misannounced, first_part
from arena_groups.sandbox.faults import checks
from arena_groups.sandbox.faults.base import BodyFault, Exchange, Instead
from arena_groups.sandbox.faults.errors import html_page
from arena_groups.sandbox.responses import JSON_TYPE

_MEBIBYTE = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


@attrs.frozen
class CutBody(BodyFault):
    """The connection ends (with `reset`: breaks) before the announced length is sent."""

    sent: float = attrs.field(default=0.5, validator=checks.share)
    reset: bool = False

    def spoil(self, message: Message, body: bytes) -> Message:
        """A part of the message."""
        del body
        return attrs.evolve(message, deliver=CutOff(self.sent, reset=self.reset))


@attrs.frozen
class CutChunks(BodyFault):
    """The connection ends (with `reset`: breaks) before the last chunk of a chunked body."""

    sent: float = attrs.field(default=0.5, validator=checks.share)
    reset: bool = False

    def spoil(self, message: Message, body: bytes) -> Message:
        """A part of the message."""
        del body
        return attrs.evolve(message, deliver=CutOff(self.sent, chunked=True, reset=self.reset))


@attrs.frozen
class WrongLength(BodyFault):
    """Content-Length is off: too low, and bytes spill over; too high, and some never come."""

    by: int = attrs.field(default=-1, validator=checks.not_zero)

    def spoil(self, message: Message, body: bytes) -> Message:
        """The whole message under a wrong length."""
        del body
        return attrs.evolve(message, deliver=Misannounced(self.by))


@attrs.frozen
class TruncatedJSON(BodyFault):
    """The body ends in the middle of the JSON, under a Content-Length that agrees."""

    sent: float = attrs.field(default=0.5, validator=checks.share)

    def spoil(self, message: Message, body: bytes) -> Message:
        """A shorter message."""
        return attrs.evolve(message, body=first_part(body, self.sent))


@attrs.frozen
class PlainText(Instead):
    """200 with plain text in place of JSON."""

    text: str = "It works!"

    def reply(self, exchange: Exchange) -> Message:
        """The text."""
        del exchange
        return Message(200, {"Content-Type": "text/plain; charset=utf-8"}, self.text.encode())


@attrs.frozen
class HTMLPage(Instead):
    """200 with a page of HTML, as from a network that wants a sign-in first."""

    def reply(self, exchange: Exchange) -> Message:
        """The page."""
        del exchange
        return Message(200, {"Content-Type": "text/html; charset=utf-8"}, html_page("Welcome"))


@attrs.frozen
class GzipBomb(Instead):
    """200 with a small gzip body that unpacks to at least `size` bytes of JSON."""

    size: int = attrs.field(default=64 * _MEBIBYTE, validator=checks.positive)

    def reply(self, exchange: Exchange) -> Message:
        """The bomb, packed whether or not the client asked for gzip."""
        del exchange
        headers = {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}
        return Message(200, headers, gzip_bomb(self.size))


@attrs.frozen
class DeepJSON(Instead):
    """200 with JSON that is nested `depth` levels deep."""

    depth: int = attrs.field(default=100_000, validator=checks.positive)

    def reply(self, exchange: Exchange) -> Message:
        """Arrays in arrays."""
        del exchange
        return Message(200, {"Content-Type": JSON_TYPE}, b"[" * self.depth + b"]" * self.depth)


def gzip_bomb(size: int) -> bytes:
    """A gzip stream of a JSON array that is mostly white space."""
    packer = zlib.compressobj(level=9, wbits=_GZIP)
    # zlib goes through a mebibyte of blanks in a few milliseconds, and never holds more of them.
    pieces = [packer.compress(b"[")]
    blanks = (min(_MEBIBYTE, size - start) for start in range(0, size, _MEBIBYTE))
    pieces += [packer.compress(b" " * count) for count in blanks]
    return b"".join([*pieces, packer.compress(b"]"), packer.flush()])
