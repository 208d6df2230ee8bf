"""Protocols between a watch and what delivers its events, and the result of a delivery."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from attrs import frozen

from arena_groups._exports import set_public_module
from arena_groups._types import Clock
from arena_groups.stores import Store
from arena_groups.watching.events import WatchEvent

__all__ = ["DeliverySummary", "EventDelivery", "EventSender"]


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


set_public_module(globals(), ["DeliverySummary"])
