"""The loop that saves the events of a watch: what is saved when, and what an error leaves."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    ArenaError,
    DeliverySummary,
    ForbiddenError,
    MemoryStore,
    StoreError,
    WatchEvent,
    watch,
)
from arena_groups.watching.delivering import DeliveryLoop
from tests.support.virtual_time import LoopClock
from tests.support.waiting import run_other_tasks
from tests.support.webhooks import event

Step = WatchEvent | ArenaError
REFUSED = ForbiddenError(403, error="Forbidden", message="no")
BROKEN = StoreError("the disk is full")


class Events(AsyncIterator[WatchEvent]):
    """Watch that returns events and raises errors, and records what it acknowledges."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)
        self._current: WatchEvent | None = None
        self.acknowledged: list[WatchEvent] = []
        self.closed = asyncio.Event()

    async def aclose(self) -> None:
        self.closed.set()

    async def __anext__(self) -> WatchEvent:
        if self._current is not None:
            self.acknowledged.append(self._current)
            self._current = None
        if not self._steps:
            raise StopAsyncIteration
        step = self._steps.pop(0)
        if isinstance(step, ArenaError):
            raise step
        self._current = step
        return step


class Sender:
    """Sender whose delivery saves events, fails at some of them, and records the last wait."""

    def __init__(self, *, fails_at: Sequence[int] = ()) -> None:
        self.fails_at = list(fails_at)
        self.saved: list[WatchEvent] = []
        self.waited: list[float] = []
        self.options: dict[str, Any] = {}
        self.failed = asyncio.Event()

    def delivery(self, senders: Sequence[Any], **options: Any) -> Any:
        self.options = options
        return self

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def enqueue(self, event: WatchEvent) -> None:
        if event.sequence in self.fails_at:
            self.fails_at.remove(event.sequence)
            raise BROKEN
        self.saved.append(event)

    async def drain(self, timeout: float) -> DeliverySummary:  # noqa: ASYNC109
        if self.failed.is_set():
            raise BROKEN
        self.waited.append(timeout)
        return DeliverySummary(delivered=len(self.saved), waiting=0, dead=0)


def loop(*, once: bool = False) -> DeliveryLoop:
    return DeliveryLoop(MemoryStore(), "mine", False, once, LoopClock())


async def run(
    found: DeliveryLoop, events: Events, sender: Sender, *, closed: bool = False
) -> DeliverySummary:
    return await found.run(events, [sender], 60, lambda: closed, events.aclose)


async def test_every_event_is_saved_before_it_is_acknowledged() -> None:
    events, sender, found = Events([event(1), event(2)]), Sender(fails_at=[2]), loop()
    with pytest.raises(StoreError):
        await run(found, events, sender)
    assert sender.saved == events.acknowledged == [event(1)]
    summary = await run(found, events, sender)
    assert summary.delivered == 2
    assert sender.saved == events.acknowledged == [event(1), event(2)]
    assert sender.options["name"] == "mine"


async def test_watch_goes_on_after_an_error_when_called_again() -> None:
    events, sender, found = Events([event(1), REFUSED, event(2)]), Sender(), loop()
    with pytest.raises(ForbiddenError):
        await run(found, events, sender)
    assert sender.waited == []
    await run(found, events, sender)
    assert sender.saved == [event(1), event(2)]


async def test_watch_that_polls_once_delivers_everything_before_it_raises_an_error() -> None:
    events, sender = Events([event(1), REFUSED, event(2), REFUSED]), Sender()
    with pytest.raises(ForbiddenError):
        await run(loop(once=True), events, sender)
    assert sender.saved == [event(1), event(2)]
    assert sender.waited == [60]


async def test_store_error_ends_a_watch_that_polls_once() -> None:
    with pytest.raises(StoreError):
        await run(loop(once=True), Events([BROKEN, event(1)]), Sender())


async def test_delivery_that_fails_ends_a_watch_that_waits_for_an_event() -> None:
    class Waiting(Events):
        async def __anext__(self) -> WatchEvent:
            await self.closed.wait()
            raise StopAsyncIteration

    events, sender = Waiting([]), Sender()
    running = asyncio.create_task(run(loop(), events, sender))
    await run_other_tasks()
    assert not events.closed.is_set()
    sender.failed.set()
    with pytest.raises(StoreError, match="disk is full"):
        await running


async def test_closed_watch_does_not_wait_for_what_is_left() -> None:
    sender = Sender()
    await run(loop(), Events([]), sender, closed=True)
    assert sender.waited == [0]


@pytest.mark.parametrize(
    ("senders", "deliver_for", "kind", "match"),
    [
        ([], 1, ValueError, "at least one sender"),
        (Sender(), 1, TypeError, "senders must be a sequence"),
        ("https://example.org", 1, TypeError, "senders must be a sequence"),
        (["https://example.org"], 1, TypeError, "each of senders"),
        ([Sender], 1, TypeError, "each of senders"),
        ([Sender()], -1, ValueError, "deliver_for"),
        ([Sender()], "5m", TypeError, "deliver_for"),
    ],
)
async def test_invalid_argument_is_refused(
    senders: Any, deliver_for: Any, kind: type[Exception], match: str
) -> None:
    async with ArenaClient() as arena, watch(arena, "studio") as watcher:
        with pytest.raises(kind, match=match):
            await watcher.deliver(senders, deliver_for=deliver_for)
