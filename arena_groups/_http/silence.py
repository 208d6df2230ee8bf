"""Signs of life of a server, looked at now and then: a timer for each request costs more."""

from collections.abc import Coroutine
from contextvars import ContextVar
from typing import cast

import aiohttp
from aiohttp.connector import Connection

from arena_groups._http.registry import NOTHING, Call

__all__ = ["CURRENT", "HeardResponse"]

CURRENT: ContextVar[Call] = ContextVar("arena_groups_call")


class HeardResponse(aiohttp.ClientResponse):
    """Lets the call that it belongs to listen, from when its request is on the way."""

    def start(  # pyright: ignore[reportIncompatibleMethodOverride] - one coroutine is enough
        self, connection: Connection
    ) -> Coroutine[None, None, aiohttp.ClientResponse]:
        """Wait for the head of the answer."""
        CURRENT.get().listen(self._received)
        return super().start(connection)

    def _received(self) -> int:
        """A number that changes when something has arrived."""
        content = cast("aiohttp.StreamReader | None", self.content)
        return NOTHING if content is None else content.total_bytes
