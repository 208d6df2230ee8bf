"""Dead letters: listed, sent again and deleted."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from arena_groups import MemoryStore, StoreError
from arena_groups.webhooks import (
    Delivery,
    WebhookSender,
    list_backlog,
    list_dead_letters,
    purge_dead_letters,
    retry_dead_letters,
)
from tests.support.servers import http, serving
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.support.webhooks import Receiver, event, keys, local_sender, wall

DOWN = http(status="503 Service Unavailable")


def delivery(store: MemoryStore, sender: WebhookSender) -> Delivery:
    return Delivery([sender], store=store, clock=LoopClock(), wall=wall, jitter=lambda: 0.5)


async def enqueue(sending: Delivery, numbers: range, group: int = 7) -> None:
    for number in numbers:
        await sending.enqueue(event(number, group))


@in_virtual_time
async def test_dead_letters_are_sent_again_in_order_and_deleted() -> None:
    store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
    async with serving(receiver) as server:
        sender = local_sender(server.url, give_up_after=60)
        async with delivery(store, sender) as sending:
            for group in (7, 8):
                await enqueue(sending, range(1, 151), group=group)
            assert (await sending.drain(200)).dead == 300
        (left,) = await list_backlog(store)
        assert (left.waiting, left.dead) == (0, 300)

        receiver.answer = lambda key: DOWN if key == event(120).key else http()
        result = await retry_dead_letters(sender, store=store, wall=wall)
        assert str(result) == "269 sent, 1 failed, 30 skipped"
        assert receiver.order_of(7) == keys(range(1, 120))
        assert receiver.order_of(8) == keys(range(1, 151), group=8)
        letters = [each async for each in list_dead_letters(store)]
        assert [each.event.sequence for each in letters] == list(range(120, 151))
        (left,) = await list_backlog(store)
        assert left.dead == 31

        receiver.answer = lambda _: http()
        chosen = [letters[3].id, letters[1].id, "unknown/7/1"]
        result = await retry_dead_letters(sender, store=store, ids=chosen, wall=wall)
        assert result.sent == 2
        assert receiver.accepted[-2:] == keys([121, 123])
        assert await purge_dead_letters(store, ids=[letters[0].id]) == 1
        assert await purge_dead_letters(store, endpoint="other") == 0
        assert await purge_dead_letters(store) == 28
        (left,) = await list_backlog(store)
        assert left.dead == 0


@in_virtual_time
async def test_failed_retry_is_recorded_in_the_letter() -> None:
    store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
    async with serving(receiver) as server:
        sender = local_sender(server.url, give_up_after=1)
        async with delivery(store, sender) as sending:
            await sending.enqueue(event(1))
            await sending.drain(60)
        (before,) = [each async for each in list_dead_letters(store)]
        receiver.answer = lambda _: http(status="404 Not Found")
        await retry_dead_letters(sender, store=store, wall=lambda: wall() + 50)
    (after,) = [each async for each in list_dead_letters(store)]
    assert (before.failure, after.failure) == ("503 Service Unavailable", "404 Not Found")
    assert after.failed_at > before.failed_at
    assert (after.event, after.enqueued_at) == (before.event, before.enqueued_at)


async def test_store_without_deliveries_has_no_dead_letters() -> None:
    store = MemoryStore()
    assert await list_backlog(store) == []
    assert [each async for each in list_dead_letters(store)] == []
    assert await purge_dead_letters(store) == 0
    sender = WebhookSender("https://hook.example/x")
    assert str(await retry_dead_letters(sender, store=store)) == "0 sent, 0 failed, 0 skipped"


async def test_damaged_dead_letter_is_reported_without_its_text() -> None:
    store = MemoryStore()
    await store.compare_and_set("deliveries/default", {"dead/one/7/0": "1"})
    await store.compare_and_set("deliveries/default/dead/one/7/0", {"0": "ada@example.org"})
    with pytest.raises(StoreError, match="damaged") as caught:
        _ = [each async for each in list_dead_letters(store)]
    assert "ada" not in str(caught.value)


async def _list(store: Any, name: Any) -> None:
    async for _ in list_dead_letters(store, name=name):
        pass


async def _retry(store: Any, name: Any) -> None:
    await retry_dead_letters(WebhookSender("https://example.org"), store=store, name=name)


async def _purge(store: Any, name: Any) -> None:
    await purge_dead_letters(store, name=name)


async def _count(store: Any, name: Any) -> None:
    await list_backlog(store, name=name)


@pytest.mark.parametrize("function", [_list, _retry, _purge, _count])
@pytest.mark.parametrize(
    ("store", "name", "kind", "match"),
    [
        ("watch.db", "default", TypeError, "store must be"),
        (None, "default", TypeError, "store must be"),
        (MemoryStore(), None, TypeError, "name must be a str"),
        (MemoryStore(), "a/b", ValueError, "slashes"),
    ],
)
async def test_invalid_store_or_name_is_refused(
    function: Callable[[Any, Any], Awaitable[None]],
    store: object,
    name: object,
    kind: type[Exception],
    match: str,
) -> None:
    with pytest.raises(kind, match=match):
        await function(store, name)


async def test_retry_of_a_url_without_sender_is_refused() -> None:
    url: Any = "https://example.org"
    with pytest.raises(TypeError, match="sender must be a WebhookSender"):
        await retry_dead_letters(url, store=MemoryStore())
