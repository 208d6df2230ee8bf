"""One request on its way through the sandbox."""

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl

import attrs
from aiohttp import HttpVersion11, web

from arena_groups.sandbox.access import Identity
from arena_groups.sandbox.faults.strikes import Strikes
from arena_groups.sandbox.journal import Entry
from arena_groups.sandbox.quota import Standing
from arena_groups.sandbox.refusals import RefusedError, bad_body, too_large
from arena_groups.sandbox.routing import Route, find_route
from arena_groups.sandbox.wire import Line


@attrs.define(eq=False)
class Upload:
    """A request's body, read at most once."""

    _request: web.BaseRequest = attrs.field(repr=False)
    _read: bytes | RefusedError | None = attrs.field(default=None, init=False, repr=False)

    async def content(self) -> bytes:
        """The whole body. Raises the refusal of one that is too large, or does not arrive."""
        if self._read is None:
            self._read = await self._receive()
        if isinstance(self._read, RefusedError):
            raise self._read
        return self._read

    async def settle(self) -> None:
        """Take in the body, whatever it is."""
        with suppress(RefusedError):
            await self.content()

    async def _receive(self) -> bytes | RefusedError:
        try:
            await self._invite()
            return await self._request.read()
        except web.HTTPRequestEntityTooLarge:
            return too_large()
        except (web.RequestPayloadError, ConnectionError):
            return bad_body("body", "must be sent whole, in the encoding it claims")

    async def _invite(self) -> None:
        """Tell a client who asked first to go on and send the body."""
        request = self._request
        expected = request.headers.get("Expect", "").lower()
        if expected == "100-continue" and request.version >= HttpVersion11:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # Otherwise aiohttp takes it for the beginning of the answer.
            request.writer.output_size = 0


@attrs.frozen
class Visit:
    """A request, who sent it, and where it leads. `route` may be the refusal that it is nowhere."""

    request: web.BaseRequest = attrs.field(repr=False)
    route: Route | RefusedError
    identity: Identity
    standing: Standing
    entry: Entry
    strikes: Strikes
    upload: Upload
    line: Line = attrs.field(repr=False)


def route_of(request: web.BaseRequest) -> Route | RefusedError:
    """The route of a request, or why there is none."""
    try:
        return find_route(request.method, request.rel_url.raw_path)
    except RefusedError as refusal:
        return refusal


def query_of(request: web.BaseRequest) -> Mapping[str, str]:
    """The parameters of a request's URL; of those given twice, the last."""
    return dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
