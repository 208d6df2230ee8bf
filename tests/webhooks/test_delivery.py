"""Delivery: order, retries, dead letters, several processes, and failures of the store."""

import pytest

from arena_groups import MemoryStore
from arena_groups.webhooks import Delivery
from tests.support.servers import http, serving
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.support.webhooks import Receiver, event, keys, local_sender, wall


def delivery(store: MemoryStore, *senders, **options) -> Delivery:
    return Delivery(
        senders, store=store, clock=LoopClock(), wall=wall, jitter=lambda: 0.5, **options
    )


@in_virtual_time
async def test_events_arrive_in_order_at_every_endpoint() -> None:
    first, second = Receiver(), Receiver()
    async with serving(first) as one, serving(second) as two:
        async with delivery(MemoryStore(), local_sender(one.url), local_sender(two.url)) as sending:
            for number in range(1, 6):
                await sending.enqueue(event(number))
                await sending.enqueue(event(number, group=8))
            summary = await sending.drain(10)
    assert str(summary) == "20 delivered, 0 waiting, 0 dead letters"
    for receiver in (first, second):
        assert receiver.order_of(7) == keys(range(1, 6))
        assert receiver.order_of(8) == keys(range(1, 6), group=8)
