"""Events of a sandbox as they happen, for readers of server-sent events."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Literal

import attrs
from aiohttp import web

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.names import as_id
from arena_groups.sandbox.server_protocol import (
    ClientConnection,
    SerializedResponse,
    begin_response,
)

MAX_EVENTS = 1000
"""The number of events that are kept for readers who are behind."""
_RETRY = b"retry: 1000\n\n"  # milliseconds until a reader connects again

SandboxEventKind = Literal["request", "email", "change", "gap"]


@attrs.define(eq=False)
class SandboxEvent:
    """One event, and the function that describes it as JSON, when the first reader is there."""

    number: int
    kind: SandboxEventKind
    describe: Callable[[], JSONObject] = attrs.field(repr=False)
    _encoded: bytes = attrs.field(default=b"", init=False, repr=False)

    def encode(self) -> bytes:
        """Return the event in the format of server-sent events, the same for all readers."""
        if not self._encoded:
            data = json.dumps(self.describe())
            self._encoded = f"id: {self.number}\nevent: {self.kind}\ndata: {data}\n\n".encode()
        return self._encoded


class EventFeed:
    """The last events. Publishing never waits, and may happen in any thread.

    A reader has no queue of its own, only a position, so a slow one costs nothing. It misses the
    events that were dropped meanwhile, and is given a `gap` in their place.
    """

    def __init__(self) -> None:
        self._events: deque[SandboxEvent] = deque(maxlen=MAX_EVENTS)
        self._newest = 0
        self._lock = threading.Lock()
        self._readers: dict[EventReader, None] = {}

    @property
    def newest(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._newest

    def publish(self, kind: SandboxEventKind, describe: Callable[[], JSONObject]) -> None:
        """Add an event, and wake the readers."""
        with self._lock:
            self._newest += 1
            self._events.append(SandboxEvent(self._newest, kind, describe))
        for reader in tuple(self._readers):
            reader.wake()

    def after(self, number: int) -> list[SandboxEvent]:
        """Return the events after one, with a gap in place of those that are not kept."""
        with self._lock:
            newest, unseen = self._newest, self._newest - number
            kept = min(max(unseen, 0), len(self._events))
            # From the end: most readers have seen all but the last few.
            events = list(islice(reversed(self._events), kept))[::-1]
        if kept != unseen:
            missed = max(unseen - kept, 0)
            events.insert(0, SandboxEvent(newest - kept, "gap", lambda: {"missed": missed}))
        return events

    def add_reader(self, reader: "EventReader") -> None:
        """Wake a reader at every event from now on."""
        self._readers[reader] = None

    def remove_reader(self, reader: "EventReader") -> None:
        """Wake a reader no longer."""
        self._readers.pop(reader, None)


class EventReader:
    """The position of one reader in a feed, in the event loop that it is created in."""

    def __init__(self, feed: EventFeed, position: int) -> None:
        self._feed = feed
        self._position = position
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()

    def wake(self) -> None:
        """End the wait for an event."""
        self._loop.call_soon_threadsafe(self._ready.set)

    async def next_events(self) -> list[SandboxEvent]:
        """Return the next events, once there is one."""
        while True:
            self._ready.clear()
            events = self._feed.after(self._position)
            if events:
                self._position = events[-1].number
                return events
            await self._ready.wait()


@attrs.frozen
class EventWriter:
    """Writer of an endless response: the events after the one that the client names, or new ones.

    It ends when the client disconnects or the sandbox closes.
    """

    feed: EventFeed

    async def __call__(
        self, serialized: SerializedResponse, connection: ClientConnection
    ) -> web.StreamResponse:
        """Send events until the connection ends."""
        last = as_id(connection.request.headers.get("Last-Event-ID", ""))
        reader = EventReader(self.feed, self.feed.newest if last is None else last)
        self.feed.add_reader(reader)
        try:
            response = await begin_response(serialized, connection, length=None)
            if connection.request.method != "HEAD":
                await connection.run(_send_events(reader, response))
            return response
        finally:
            self.feed.remove_reader(reader)


async def _send_events(reader: EventReader, response: web.StreamResponse) -> None:
    await response.write(_RETRY)
    while True:
        for event in await reader.next_events():
            # One at a time, so that no more than one waits for a reader that is slow.
            await response.write(event.encode())
