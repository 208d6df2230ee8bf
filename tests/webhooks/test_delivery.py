"""Delivery: order, retries, dead letters, several processes, and failures of the store."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from arena_groups import MemoryStore, Store, StoreError, watch
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.webhooks import (
    Delivery,
    WebhookSender,
    list_backlog,
    list_dead_letters,
    retry_dead_letters,
)
from arena_groups.webhooks.outbox import page_namespace
from tests.support.clients import single
from tests.support.servers import http, serving
from tests.support.stores import KINDS, FaultyStore, open_store
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.support.waiting import run_other_tasks
from tests.support.webhooks import (
    SECRET,
    Endpoint,
    KilledError,
    MortalStore,
    Receiver,
    event,
    keys,
    local_sender,
    serve,
    wall,
)

DAY = 86_400.0
GROUPS = ("blank-page", "research-studio")
DOWN = http(status="503 Service Unavailable")


def delivery(store: Store, *senders: WebhookSender, **options: Any) -> Delivery:
    return Delivery(
        senders, store=store, clock=LoopClock(), wall=wall, jitter=lambda: 0.5, **options
    )


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Captured logs, which must not show the URL of an endpoint."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "s3cr3t" not in caplog.text


async def enqueue(sending: Delivery, numbers: range, group: int = 7) -> None:
    for number in numbers:
        await sending.enqueue(event(number, group))


@in_virtual_time
async def test_events_arrive_in_order_at_every_endpoint() -> None:
    first, second = Receiver(), Receiver()
    async with (
        serving(first) as one,
        serving(second) as two,
        delivery(MemoryStore(), local_sender(one.url), local_sender(two.url)) as sending,
    ):
        for number in range(1, 6):
            await sending.enqueue(event(number))
            await sending.enqueue(event(number, group=8))
        summary = await sending.drain(10)
    assert str(summary) == "20 delivered, 0 waiting, 0 dead letters"
    for receiver in (first, second):
        assert receiver.accepted.count(event(1).key) == 1
        assert receiver.order_of(7) == keys(range(1, 6))
        assert receiver.order_of(8) == keys(range(1, 6), group=8)


@in_virtual_time
async def test_endpoint_that_is_down_does_not_hold_another() -> None:
    good, bad = Receiver(), Receiver(lambda _: DOWN)
    async with (
        serving(good) as one,
        serving(bad) as two,
        delivery(MemoryStore(), local_sender(one.url), local_sender(two.url)) as sending,
    ):
        await enqueue(sending, range(1, 4))
        summary = await sending.drain(60)
        assert (summary.delivered, summary.waiting) == (3, 3)
        assert good.order_of(7) == keys(range(1, 4))
        down = next(each for each in sending.backlog() if each.waiting)
        assert (down.last_failure, down.dead, down.target) == (
            "503 Service Unavailable", 0, "http://127.0.0.1",
        )  # fmt: skip
        assert down.oldest is not None
        bad.answer = lambda _: http()
        assert (await sending.drain(3600)).waiting == 0
    assert bad.order_of(7) == keys(range(1, 4))
    assert {request.headers["webhook-id"] for request in bad.requests[:3]} == {event(1).key}


@in_virtual_time
async def test_failing_event_holds_its_group_and_no_other() -> None:
    receiver = Receiver(lambda key: DOWN if key == event(2).key else http())
    async with (
        serving(receiver) as server,
        delivery(MemoryStore(), local_sender(server.url)) as sending,
    ):
        await enqueue(sending, range(1, 5))
        await enqueue(sending, range(1, 5), group=8)
        await sending.drain(100)
        assert receiver.order_of(7) == keys([1])
        assert receiver.order_of(8) == keys(range(1, 5), group=8)
        receiver.answer = lambda _: http()
        await sending.drain(3600)
    assert receiver.order_of(7) == keys(range(1, 5))


@in_virtual_time
async def test_group_with_many_events_does_not_starve_the_retry_of_another() -> None:
    failed: list[str] = []

    def answer(key: str) -> bytes:
        if key == event(1).key and not failed:
            failed.append(key)
            return DOWN
        return http()

    receiver = Receiver(answer)
    async with (
        serving(receiver) as server,
        delivery(MemoryStore(), local_sender(server.url)) as sending,
    ):
        await sending.enqueue(event(1))
        await enqueue(sending, range(1, 11), group=8)
        await asyncio.sleep(30)
        await enqueue(sending, range(11, 300), group=8)
        await sending.drain(10)
    assert receiver.accepted.index(event(1).key) < 15


@in_virtual_time
async def test_what_is_left_is_delivered_after_a_restart_also_by_another_secret_or_url() -> None:
    store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
    async with serving(receiver) as old, delivery(
        store, local_sender(old.url, name="mine")
    ) as sending:  # fmt: skip
        await enqueue(sending, range(1, 4))
        assert (await sending.drain(20)).waiting == 3
    (left,) = await list_backlog(store)
    assert (left.endpoint, left.waiting, left.last_failure) == (
        "mine", 3, "503 Service Unavailable",
    )  # fmt: skip
    assert left.oldest is not None
    receiver.answer = lambda _: http()
    async with serving(receiver) as new, delivery(
        store, local_sender(new.url, name="mine")
    ) as sending:  # fmt: skip
        assert (await sending.drain(0)).waiting == 3
        assert (await sending.drain(20)).delivered == 3
    assert receiver.order_of(7) == keys(range(1, 4))
    (left,) = await list_backlog(store)
    assert (left.waiting, left.oldest, left.failing_since) == (0, None, None)


@in_virtual_time
async def test_new_endpoint_gets_what_happens_from_now_on() -> None:
    store, first, second = MemoryStore(), Receiver(), Receiver()
    async with serving(first) as one, serving(second) as two:
        async with delivery(store, local_sender(one.url)) as sending:
            await enqueue(sending, range(1, 4))
            await sending.drain(10)
        async with delivery(store, local_sender(one.url), local_sender(two.url)) as sending:
            await enqueue(sending, range(4, 6))
            await enqueue(sending, range(1, 2), group=8)
            await sending.drain(10)
    assert (second.order_of(7), second.order_of(8)) == (keys([4, 5]), keys([1], group=8))
    assert first.order_of(7) == keys(range(1, 6))


class TestGivingUp:
    @in_virtual_time
    async def test_event_becomes_a_dead_letter_after_three_days_and_the_next_is_sent(self) -> None:
        store = MemoryStore()
        receiver = Receiver(lambda key: DOWN if key == event(1).key else http())
        async with serving(receiver) as server, delivery(
            store, local_sender(server.url)
        ) as sending:  # fmt: skip
            await enqueue(sending, range(1, 4))
            await sending.drain(3 * DAY - 3700)
            assert receiver.accepted == []
            summary = await sending.drain(2 * 3700)
        assert (summary.delivered, summary.waiting, summary.dead) == (2, 0, 1)
        assert receiver.order_of(7) == keys([2, 3])
        (letter,) = [each async for each in list_dead_letters(store)]
        assert letter.event == event(1)
        assert letter.failure == "503 Service Unavailable"
        assert letter.target == "http://127.0.0.1"
        assert letter.failed_at - letter.enqueued_at >= 3 * DAY
        assert "s3cr3t" not in f"{letter!r}"

    @in_virtual_time
    async def test_event_that_waited_while_nothing_ran_is_tried_for_as_long_again(self) -> None:
        store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
        async with serving(receiver) as server:
            sender = local_sender(server.url)
            async with delivery(store, sender) as sending:
                await enqueue(sending, range(1, 3))
            await asyncio.sleep(10 * DAY)
            async with delivery(store, sender) as sending:
                assert (await sending.drain(2 * DAY)).dead == 0
                assert (await sending.drain(1.1 * DAY)).dead == 2

    @in_virtual_time
    async def test_clock_that_goes_back_loses_no_event_of_a_batch(self) -> None:
        store, jump = MemoryStore(), [0.0]
        async with serving(http(status="500 Oops")) as server:
            sender = local_sender(server.url, format="slack", give_up_after=DAY)
            sending = Delivery(
                [sender], store=store, clock=LoopClock(), wall=lambda: wall() + jump[0]
            )
            async with sending:
                await sending.enqueue(event(1))
                await sending.drain(0.9 * DAY)
                await sending.enqueue(event(2))
                jump[0] = -2 * DAY
                await sending.enqueue(event(3))
                jump[0] = 0.0
                summary = await sending.drain(0.2 * DAY)
                assert (summary.waiting, summary.dead) == (2, 1)
                summary = await sending.drain(DAY)
        assert (summary.waiting, summary.dead) == (0, 3)
        assert [each.event.sequence async for each in list_dead_letters(store)] == [1, 2, 3]

    @in_virtual_time
    async def test_endpoint_that_nobody_has_any_more_is_forgotten(self) -> None:
        store, kept, removed = MemoryStore(), Receiver(), Receiver(lambda _: DOWN)
        async with serving(kept) as one, serving(removed) as two:
            senders = local_sender(one.url, name="kept"), local_sender(two.url, name="removed")
            async with delivery(store, *senders) as sending:
                await enqueue(sending, range(1, 121))
                await enqueue(sending, range(1, 3), group=8)
                await sending.drain(10)
            async with delivery(store, senders[0]) as sending:
                await asyncio.sleep(2 * DAY)
                assert {each.waiting for each in await list_backlog(store)} == {0, 122}
                await asyncio.sleep(1.1 * DAY)
                await sending.enqueue(event(121))
                await sending.drain(10)
        backlogs = {each.endpoint: each for each in await list_backlog(store)}
        found = backlogs["removed"]
        assert (found.waiting, found.dead) in {(0, 122), (0, 123)}
        removed.answer = lambda _: http()
        async with serving(removed) as again:
            sender = local_sender(again.url, name="removed")
            await retry_dead_letters(sender, store=store, wall=wall)
        assert removed.order_of(7)[:120] == keys(range(1, 121))


class TestAnswers:
    @in_virtual_time
    async def test_retry_after_holds_every_group_of_the_endpoint(self) -> None:
        times: list[float] = []

        def answer(_: str) -> bytes:
            times.append(LoopClock().now())
            return http() if len(times) > 1 else http(status="429 Slow", Retry_After="600")

        receiver = Receiver(answer)
        async with serving(receiver) as server, delivery(
            MemoryStore(), local_sender(server.url)
        ) as sending:  # fmt: skip
            await sending.enqueue(event(1))
            await sending.enqueue(event(1, group=8))
            await sending.drain(700)
        assert len(times) == 3
        assert times[1] - times[0] >= 600

    @in_virtual_time
    async def test_endpoint_that_is_gone_is_left_alone_until_a_restart(self) -> None:
        store, receiver = MemoryStore(), Receiver(lambda _: http(status="410 Gone"))
        async with serving(receiver) as server:
            async with delivery(store, local_sender(server.url)) as sending:
                await sending.enqueue(event(1))
                await sending.enqueue(event(1, group=8))
                await sending.drain(DAY - 10)
                assert len(receiver.requests) == 1
            receiver.answer = lambda _: http()
            async with delivery(store, local_sender(server.url)) as sending:
                assert (await sending.drain(10)).waiting == 0

    @in_virtual_time
    async def test_receiver_that_hangs_is_given_up_after_the_timeout(self) -> None:
        receiver = Receiver(lambda _: b"")
        async with serving(receiver) as server, delivery(
            MemoryStore(), local_sender(server.url, timeout=4)
        ) as sending:  # fmt: skip
            await sending.enqueue(event(1))
            await sending.drain(6)
            assert sending.backlog()[0].last_failure == "no response within the time limit"
            receiver.answer = lambda _: http()
            assert (await sending.drain(20)).delivered == 1


class TestFakeClock:
    """With the clock of ``arena_client``, waits take no time, and none ends a request early."""

    async def test_hanging_receiver_is_waited_for(self) -> None:
        advances: list[float] = []
        clock = AutoAdvanceClock(on_advance=advances.append)
        release = asyncio.Event()
        endpoint = Endpoint()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            await release.wait()
            return await endpoint.handle(request)

        async with (
            serve(handle) as url,
            Delivery([local_sender(url, secret=SECRET)], store=MemoryStore(), clock=clock) as on,
        ):
            await on.enqueue(event(1))
            await run_other_tasks(200)
            asyncio.get_running_loop().call_later(0.05, release.set)
            summary = await on.drain(10)
        assert (summary.delivered, summary.waiting) == (1, 0)
        assert advances == []

    async def test_failures_are_tried_again_at_once(self) -> None:
        receiver = Receiver(lambda _: DOWN if len(receiver.requests) < 6 else http())
        async with (
            serving(receiver) as server,
            Delivery(
                [local_sender(server.url)], store=MemoryStore(), clock=AutoAdvanceClock()
            ) as on,
        ):
            await on.enqueue(event(1))
            assert (await on.drain(7 * DAY)).delivered == 1


class TestProcesses:
    @in_virtual_time
    async def test_second_delivery_takes_over_and_the_first_ends(self) -> None:
        store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
        async with serving(receiver) as server:
            sender = local_sender(server.url)
            async with delivery(store, sender) as old:
                await enqueue(old, range(1, 3))
                async with delivery(store, sender) as new:
                    receiver.answer = lambda _: http()
                    assert (await new.drain(60)).waiting == 0
                    with pytest.raises(StoreError, match="another process delivers"):
                        await old.drain(60)
                        await old.enqueue(event(9))
        assert receiver.order_of(7) == keys(range(1, 3))

    @in_virtual_time
    async def test_watch_ends_soon_after_another_with_its_name_delivers(self) -> None:
        store, receiver = MemoryStore(), Receiver()
        async with Sandbox() as sandbox, serving(receiver) as server:
            arena = single(sandbox.tokens.owner, base_url=sandbox.url, clock=LoopClock())
            async with arena:
                old, new = (watch(arena, group, store=store) for group in GROUPS)
                async with old, new:
                    running = asyncio.create_task(old.deliver([local_sender(server.url)]))
                    await asyncio.sleep(90)
                    other = asyncio.create_task(new.deliver([local_sender(server.url)]))
                    await asyncio.sleep(90)
                    sandbox.add_member(GROUPS[0], sandbox.add_user("Fan"))
                    with pytest.raises(StoreError, match=r"shared=True .*, or .* different names"):
                        await asyncio.wait_for(running, 90)
                    await new.aclose()
                    await other
        assert len(receiver.accepted) == 1

    @in_virtual_time
    async def test_one_of_two_replicas_delivers_the_events_of_both(self) -> None:
        store, receiver = MemoryStore(), Receiver()
        async with serving(receiver) as server:
            sender = local_sender(server.url)
            async with (
                delivery(store, sender, shared=True) as one,
                delivery(store, sender, shared=True) as two,
            ):
                await enqueue(one, range(1, 4))
                await enqueue(two, range(1, 4), group=8)
                assert (await two.drain(30)).waiting == 0
                await one.drain(30)
        assert sorted(receiver.accepted) == sorted([*keys(range(1, 4)), *keys(range(1, 4), 8)])
        assert receiver.order_of(7) == keys(range(1, 4))

    @in_virtual_time
    async def test_replica_takes_over_when_another_ends_or_is_killed(self) -> None:
        store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
        async with serving(receiver) as server:
            sender = local_sender(server.url)
            mortal = MortalStore(store)
            with suppress(KilledError):
                async with delivery(mortal, sender, shared=True) as killed:
                    await enqueue(killed, range(1, 3))
                    await asyncio.sleep(1)
                    mortal.dead = True  # so that the lease is not released
            async with delivery(store, sender, shared=True) as other:
                await asyncio.sleep(10)
                receiver.answer = lambda _: http()
                summary = await other.drain(30)
                assert (summary.delivered, summary.waiting) == (2, 0)
            async with delivery(store, sender, shared=True) as third:
                await third.enqueue(event(3))
                assert (await third.drain(1)).waiting == 0  # the lease was released


class TestStore:
    @in_virtual_time
    async def test_failing_store_delays_deliveries_and_loses_none(self) -> None:
        store, receiver = FaultyStore(), Receiver()
        async with serving(receiver) as server, delivery(
            store, local_sender(server.url)
        ) as sending:  # fmt: skip
            await sending.enqueue(event(1))
            store.failing = True
            with pytest.raises(StoreError):
                await sending.enqueue(event(2))
            await asyncio.sleep(1)
            store.failing = False
            await sending.enqueue(event(2))
            assert (await sending.drain(60)).waiting == 0
        assert receiver.order_of(7) == keys([1, 2])

    @in_virtual_time
    async def test_shared_delivery_waits_for_a_store_that_fails(self) -> None:
        store, receiver = FaultyStore(), Receiver()
        async with serving(receiver) as server, delivery(
            store, local_sender(server.url), shared=True
        ) as sending:  # fmt: skip
            store.failing = True
            task = asyncio.create_task(sending.enqueue(event(1)))
            await asyncio.sleep(600)
            assert not task.done()
            store.failing = False
            await task
            assert (await sending.drain(120)).waiting == 0
        assert receiver.order_of(7) == keys([1])

    @in_virtual_time
    async def test_damaged_event_holds_its_group_and_no_other(self) -> None:
        store, receiver = MemoryStore(), Receiver()
        async with serving(receiver) as server:
            sender = local_sender(server.url)
            async with delivery(store, sender) as on:
                await enqueue(on, range(1, 2))
                await on.drain(60)
            receiver.accepted.clear()
            async with delivery(store, sender) as on:
                await enqueue(on, range(2, 4))
                await store.compare_and_set(page_namespace("default", 7, 1), {"1": "1.0 {}"})
                await enqueue(on, range(1, 4), group=8)
                summary = await on.drain(600)
                assert summary.waiting == 2
                (found,) = on.backlog()
                assert "is damaged" in found.last_failure
            assert "is damaged" in (await list_backlog(store))[0].last_failure
        assert receiver.accepted == keys(range(1, 4), 8)

    @in_virtual_time
    async def test_event_that_the_store_has_lost_does_not_hold_the_next(self) -> None:
        store, receiver = MemoryStore(), Receiver(lambda _: DOWN)
        async with serving(receiver) as server:
            sender = local_sender(server.url)
            async with delivery(store, sender) as sending:
                await enqueue(sending, range(1, 4))
            await store.compare_and_set("deliveries/default/7/0", {"1": None})
            receiver.answer = lambda _: http()
            async with delivery(store, sender) as sending:
                assert (await sending.drain(60)).waiting == 0
        assert receiver.order_of(7) == keys([1, 3])

    @pytest.mark.parametrize("kind", KINDS)
    def test_queue_of_several_pages_is_delivered_from_every_kind_of_store(
        self, kind: str, tmp_path: Path
    ) -> None:
        @in_virtual_time
        async def play() -> None:
            receiver = Receiver(lambda _: DOWN)
            async with serving(receiver) as server, open_store(kind, tmp_path) as store:
                sender = local_sender(server.url)
                async with delivery(store, sender) as sending:
                    await enqueue(sending, range(1, 231))
                receiver.answer = lambda _: http()
                async with delivery(store, sender) as sending:
                    assert (await sending.drain(60)).delivered == 230
            assert receiver.order_of(7) == keys(range(1, 231))

        play()

    @in_virtual_time
    async def test_delivered_events_leave_nothing_in_the_store(self) -> None:
        store, receiver = MemoryStore(), Receiver()
        async with serving(receiver) as server, delivery(
            store, local_sender(server.url)
        ) as sending:  # fmt: skip
            await enqueue(sending, range(1, 251))
            await sending.drain(60)
            pages = [await store.read(f"deliveries/default/7/{page}") for page in range(4)]
        assert pages == [{}] * 4
        assert len(receiver.accepted) == 250


@pytest.mark.parametrize(
    ("change", "kind", "match"),
    [
        ({"senders": []}, ValueError, "at least one sender"),
        (
            {"senders": WebhookSender("https://example.org")},
            TypeError,
            "senders must be a sequence",
        ),
        ({"senders": "https://example.org"}, TypeError, "senders must be a sequence"),
        ({"senders": ["https://example.org"]}, TypeError, "WebhookSender"),
        ({"store": None}, TypeError, "store"),
        ({"store": "file.db"}, TypeError, "store"),
        ({"name": "a/b"}, ValueError, "slashes"),
        ({"name": ""}, ValueError, "name"),
        ({"shared": "no"}, TypeError, "shared"),
    ],
)
def test_invalid_argument_is_refused(change: Any, kind: type[Exception], match: str) -> None:
    given = {"senders": [WebhookSender("https://example.org/x")], "store": MemoryStore()}
    with pytest.raises(kind, match=match):
        Delivery(**{**given, **change})


def test_two_senders_of_one_endpoint_are_refused() -> None:
    twice = [WebhookSender("https://example.org/x"), WebhookSender("https://example.org/x")]
    with pytest.raises(ValueError, match="same URL or name"):
        Delivery(twice, store=MemoryStore())


async def test_delivery_outside_of_its_block_is_refused() -> None:
    sending = Delivery([WebhookSender("https://example.org/x")], store=MemoryStore())
    with pytest.raises(RuntimeError, match="async with"):
        await sending.enqueue(event(1))
    await sending.aclose()
