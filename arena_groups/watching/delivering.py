"""Delivery of a watch's events: the protocols of what delivers them, the loop, and its result."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from attrs import define, frozen

from arena_groups._arguments import check_methods, check_seconds, check_sequence
from arena_groups._exports import set_public_module
from arena_groups._types import Clock
from arena_groups.errors import ArenaError, StoreError
from arena_groups.stores import Store
from arena_groups.watching.events import WatchEvent

__all__ = ["DeliveryLoop", "DeliverySummary", "EventDelivery", "EventSender", "closing_on_failure"]


@frozen(kw_only=True)
class DeliverySummary:
    """Numbers of events, each counted once for every endpoint."""

    delivered: int
    """How many events endpoints have accepted, since the delivery began."""
    waiting: int
    """How many events wait for endpoints in the store, and are sent by the next delivery."""
    dead: int
    """How many events are dead letters, of earlier deliveries too."""

    def __str__(self) -> str:
        return f"{self.delivered} delivered, {self.waiting} waiting, {self.dead} dead letters"


class EventDelivery(Protocol):
    """Delivery in progress."""

    @property
    def failed(self) -> asyncio.Event:
        """Event that is set when the delivery cannot go on: its methods raise why."""
        ...

    async def enqueue(self, event: WatchEvent) -> None:
        """Save an event for every endpoint. Afterwards it can be acknowledged."""
        ...

    async def drain(self, timeout: float) -> DeliverySummary:  # noqa: ASYNC109 - ends early only
        """Deliver what waits, for some seconds at most."""
        ...


class EventSender(Protocol):
    """Sender of events to an endpoint, such as :class:`arena_groups.webhooks.WebhookSender`."""

    def delivery(
        self,
        senders: Sequence["EventSender"],
        *,
        store: Store,
        name: str,
        shared: bool,
        clock: Clock,
    ) -> AbstractAsyncContextManager[EventDelivery]:
        """Return a delivery to all of ``senders``, which are of the same class."""
        ...


@define
class DeliveryLoop:
    """Saves the events of a watch for its endpoints, one after the other.

    Attributes:
        store: The store of the watch.
        name: The name of the watch in the store.
        shared: Whether other processes share the watch.
        once: Whether the watch polls once. Then an error of one group does not end the loop.
        clock: The source of monotonic time.
    """

    store: Store
    name: str
    shared: bool
    once: bool
    clock: Clock
    _unsaved: WatchEvent | None = None

    async def run(
        self,
        events: AsyncIterator[WatchEvent],
        senders: Sequence[EventSender],
        deliver_for: float,
        is_closed: Callable[[], bool],
        close: Callable[[], Awaitable[None]],
    ) -> DeliverySummary:
        """Deliver events until there are no more, then what is left, unless the watch is closed.

        If the delivery fails, the watch is closed, as it may have no event for a long time.
        The next event is requested, which acknowledges the last one, only after that was saved,
        also by the next call if this one fails.
        """
        check_seconds(deliver_for, "deliver_for", zero=True, endless=True)
        check_sequence(senders, "senders", "[WebhookSender(url)]")
        if not senders:
            raise ValueError("name at least one sender")
        check_methods(senders[0], "each of senders", ["delivery"], "WebhookSender(url)")
        async with senders[0].delivery(
            senders, store=self.store, name=self.name, shared=self.shared, clock=self.clock
        ) as delivery:
            async with closing_on_failure(delivery, close):
                error = await self._save_all(events, delivery)
            summary = await delivery.drain(0.0 if is_closed() else deliver_for)
        if error is not None:
            raise error
        return summary

    async def _save_all(
        self, events: AsyncIterator[WatchEvent], delivery: EventDelivery
    ) -> ArenaError | None:
        """Save all events. Return the first error of a group, if the watch goes on after it."""
        first: ArenaError | None = None
        while True:
            if self._unsaved is not None:
                await delivery.enqueue(self._unsaved)
                self._unsaved = None
            try:
                self._unsaved = await anext(events)
            except StopAsyncIteration:
                return first
            except StoreError:
                raise
            except ArenaError as error:
                if not self.once:
                    raise
                first = first or error


@asynccontextmanager
async def closing_on_failure(
    delivery: EventDelivery, close: Callable[[], Awaitable[None]]
) -> AsyncGenerator[None, None]:
    """Close the watch of a delivery if that fails while the block runs."""

    async def close_after_failure() -> None:
        await delivery.failed.wait()
        await close()

    task = asyncio.create_task(close_after_failure())
    try:
        yield
    finally:
        if not delivery.failed.is_set():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)


set_public_module(globals(), ["DeliverySummary"])
