"""Options of calls in bulk calls and watches: the priority by default, and deadlines."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    ArenaTimeoutError,
    BulkOutcome,
    Clock,
    MemoryStore,
    invite_many,
    remove_many,
    revoke_many,
    watch,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Hang
from arena_groups.stores.base import NO_CONDITIONS
from tests.support.bulk import INVITE, addresses, invite_requests, make_client, sent_emails
from tests.support.documents import STUDIO
from tests.support.pacers import RecordingPacer
from tests.support.virtual_time import LoopClock, in_virtual_time


async def _watch(arena: ArenaClient) -> None:
    async for _ in watch(arena, STUDIO, once=True, replay=True):
        pass


async def _run(run: Any) -> None:
    await run


USES: dict[str, Callable[[ArenaClient], Coroutine[Any, Any, None]]] = {
    "invite_many": lambda arena: _run(invite_many(arena, STUDIO, addresses(2))),
    "revoke_many": lambda arena: _run(revoke_many(arena, STUDIO, where=lambda _: True)),
    "revoke_many by id": lambda arena: _run(revoke_many(arena, STUDIO, [1])),
    "remove_many": lambda arena: _run(remove_many(arena, STUDIO, where=lambda _: True)),
    "remove_many by id": lambda arena: _run(remove_many(arena, STUDIO, [1])),
    "watch": _watch,
}


@pytest.mark.parametrize("use", USES)
async def test_bulk_calls_and_watches_are_in_the_background_unless_chosen(
    use: str, sandbox: Sandbox
) -> None:
    pacer = RecordingPacer()
    async with make_client(sandbox, pacer=pacer) as arena:
        deadline_only = arena.with_options(deadline=60)
        for client, expected in [
            (arena, "background"),
            (deadline_only, "background"),
            (arena.with_options(priority="foreground"), "foreground"),
            (arena.with_options(priority="background"), "background"),
        ]:
            pacer.seen.clear()
            await USES[use](client)
            assert set(pacer.priorities) == {expected}
        pacer.seen.clear()
        await arena.groups.get(STUDIO)
        assert pacer.priorities == ["foreground"]


class SlowStore(MemoryStore):
    """Store whose writes take some time afterwards."""

    def __init__(self, pause: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__()
        self._pause = pause

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        done = await super().compare_and_set(namespace, updates, expected=expected)
        await self._pause()
        return done


async def check_that_no_claim_is_left(
    store: MemoryStore, clock: Clock, waits: Callable[[], list[float]]
) -> None:
    (address,) = addresses(1)
    async with Sandbox() as sandbox, make_client(sandbox, clock=clock) as arena:
        hasty = arena.with_options(deadline=2.5)
        with pytest.raises(ArenaTimeoutError, match="before the request was sent") as caught:
            await invite_many(hasty, STUDIO, [address], store=store)
        assert (caught.value.request_sent, caught.value.outcome_unknown) == (False, False)
        assert invite_requests(sandbox) == 0
        before = len(waits())
        run = invite_many(arena, STUDIO, [address], store=store)
        assert [result.outcome async for result in run] == [BulkOutcome.INVITED]
        assert sent_emails(sandbox) == [address]
        assert set(waits()[before:]) <= {3}  # those of the store


async def test_deadline_that_passes_during_a_claim_leaves_no_claim(
    clock: AutoAdvanceClock,
) -> None:
    store = SlowStore(lambda: clock.wait(asyncio.Event(), 3))
    await check_that_no_claim_is_left(store, clock, lambda: clock.waits)


@in_virtual_time
async def test_timer_of_a_deadline_does_not_interrupt_a_claim() -> None:
    class RecordingClock(LoopClock):
        def __init__(self) -> None:
            self.waits: list[float] = []

        async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
            self.waits.append(seconds or 0)
            await super().wait(event, seconds)

    recording = RecordingClock()
    store = SlowStore(lambda: asyncio.sleep(3))
    await check_that_no_claim_is_left(store, recording, lambda: recording.waits)


@in_virtual_time
async def test_invitation_whose_deadline_passes_after_it_was_executed_is_sent_once() -> None:
    store, (address,) = MemoryStore(), addresses(1)
    async with Sandbox() as sandbox, make_client(sandbox, clock=LoopClock()) as arena:
        hasty = arena.with_options(deadline=2.5)
        with sandbox.faults.add(Hang(after=True), operation=INVITE, times=1):
            run = invite_many(hasty, STUDIO, [address], store=store)
            assert [result.outcome async for result in run] == [BulkOutcome.INVITED]
        assert sent_emails(sandbox) == [address]
        assert asyncio.get_running_loop().time() == pytest.approx(2.5)
