"""A sandbox and a watcher, driven together through whatever may happen.

A consumer that applies the events one after the other knows the truth in the end, however often
it crashes: no event is lost, and none comes twice but the one in hand at a crash.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from arena_groups import ArenaClient, NoPacer, SQLiteStore, Watcher, WatchEvent, watch
from arena_groups.sandbox import Sandbox
from arena_groups.watching import poller
from arena_groups.watching.schedule import DEEP
from tests.support.thorough import repetitions
from tests.support.told import Told

EXAMPLES = repetitions(20, thorough=100)
picks = st.integers(min_value=0, max_value=50)


class IdleError(Exception):
    """The watcher would wait once more."""


class Pausing:
    """A clock that lets the watcher wait once, and then stops it."""

    def __init__(self) -> None:
        self.time = 0.0
        self.allowed = 0

    def now(self) -> float:
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        if self.allowed == 0:
            raise IdleError
        self.allowed -= 1
        self.time += seconds or 0.0


class Watched(RuleBasedStateMachine):
    """What happens at Are.na, and a consumer that is told of it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.sandbox = Sandbox()
        self.clock = Pausing()
        self.during: list[Callable[[], None]] = []
        self.told = Told()
        self.keys: set[str] = set()
        self.in_hand: WatchEvent | None = None
        self.repeat: WatchEvent | None = None
        self.runner.run(self._open())

    async def _open(self) -> None:
        await self.sandbox.start()
        self.group = self.sandbox.add_group("Reading Room", slug="reading-room")
        self.arena = ArenaClient(
            self.sandbox.tokens.owner,
            base_url=self.sandbox.url,
            clock=self.clock,
            pacer=NoPacer(),
            on_exchange=self._exchanged,
        )

    def _exchanged(self, _: object) -> None:
        if self.during:
            self.during.pop(0)()

    def _watch(self) -> None:
        self.store = SQLiteStore(Path(self.folder.name) / "state.db")
        self.watcher: Watcher = watch(self.arena, self.group, store=self.store, replay=self.replay)

    @initialize(replay=st.booleans(), members=st.integers(0, 5), invitations=st.integers(0, 5))
    def begin(self, replay: bool, members: int, invitations: int) -> None:
        self.sandbox.add_members(self.group, members)
        self.sandbox.add_invitations(self.group, invitations)
        self.replay = replay
        self._watch()
        if not replay:
            self.told = Told.of(self.sandbox, self.group)
            self.runner.run(self._take(0))

    # What happens

    def _anybody(self, pick: int) -> int | None:
        others = [
            each
            for each in self.sandbox.members(self.group)[1:]
            if each != self.sandbox.users.owner
        ]
        return others[pick % len(others)] if others else None

    def _pending(self, pick: int) -> int | None:
        pending = self.sandbox.pending_invitations(self.group)
        return pending[pick % len(pending)] if pending else None

    @rule(count=st.integers(1, 4))
    def invite(self, count: int) -> None:
        self.sandbox.add_invitations(self.group, count)

    @rule(count=st.integers(1, 4))
    def join(self, count: int) -> None:
        self.sandbox.add_members(self.group, count)

    @rule(pick=picks)
    def accept(self, pick: int) -> None:
        if (invitation := self._pending(pick)) is not None:
            self.sandbox.accept_invitation(invitation)

    @rule(pick=picks)
    def decline(self, pick: int) -> None:
        if (invitation := self._pending(pick)) is not None:
            self.sandbox.decline_invitation(invitation)

    @rule(pick=picks)
    def revoke(self, pick: int) -> None:
        if (invitation := self._pending(pick)) is not None:
            self._call(lambda: self.arena.groups.revoke_invitation(self.group, invitation))

    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        if (member := self._anybody(pick)) is not None:
            self.sandbox.leave_group(self.group, member)

    @rule(pick=picks)
    def leave_and_join_again(self, pick: int) -> None:
        if (member := self._anybody(pick)) is not None:
            self.sandbox.leave_group(self.group, member)
            self.sandbox.add_member(self.group, member)

    @rule(pick=picks, back=st.booleans())
    def transfer_ownership(self, pick: int, back: bool) -> None:
        member = self.sandbox.users.owner if back else self._anybody(pick)
        if member is not None:
            self.sandbox.transfer_ownership(self.group, member)

    @rule(new=st.booleans())
    def change_code(self, new: bool) -> None:
        if self.sandbox.members(self.group)[0] == self.sandbox.users.owner:
            self._call(lambda: self.arena.groups.delete_invite_code(self.group))
            if new:
                self._call(lambda: self.arena.groups.create_invite_code(self.group))

    @rule(name=st.sampled_from(["Reading Room", "Writing Room"]))
    def rename(self, name: str) -> None:
        if self.sandbox.members(self.group)[0] == self.sandbox.users.owner:
            self._call(lambda: self.arena.groups.update(self.group, name=name))

    @rule(pick=picks, after=st.integers(0, 3), kind=st.sampled_from(["accept", "leave", "join"]))
    def in_the_middle_of_a_look(self, pick: int, after: int, kind: str) -> None:
        changes = {
            "accept": lambda: self.accept(pick),
            "leave": lambda: self.leave(pick),
            "join": lambda: self.join(1),
        }
        self.during = [*[lambda: None] * after, changes[kind]]

    # The consumer

    @rule(count=st.integers(1, 6), late=st.booleans())
    def consume(self, count: int, late: bool) -> None:
        if late:
            self.clock.time += DEEP
        self.runner.run(self._take(count))

    @rule(handled=st.booleans())
    def crash(self, handled: bool) -> None:
        if self.repeat is None:  # else it crashes before it was told again
            if handled:
                self.runner.run(self.watcher.ack())
                self.in_hand = None
            self.repeat = self.in_hand
        self.runner.run(self.store.aclose())
        self._watch()

    @precondition(lambda self: self.in_hand is not None)
    @rule()
    def cancelled_while_it_asks(self) -> None:
        self.runner.run(self._cancelled())
        self.runner.run(self._take(1))

    def teardown(self) -> None:
        try:
            if hasattr(self, "watcher"):
                self.runner.run(self._settle())
        finally:
            self.runner.run(self._close())
            self.runner.close()
            self.folder.cleanup()

    async def _settle(self) -> None:
        self.sandbox.transfer_ownership(self.group, self.sandbox.users.owner)
        self.during = []
        for _ in range(2):
            self.clock.time += DEEP
            await self._take(1000)
        assert self.told == Told.of(self.sandbox, self.group)
        assert self.repeat is None

    async def _take(self, count: int) -> None:
        """Ask for events, until there are so many, or none after one more look."""
        self.clock.allowed = 1
        try:
            for _ in range(count or 1):
                self._hear(await anext(self.watcher))
        except IdleError:
            self.in_hand = None

    def _hear(self, event: WatchEvent) -> None:
        self.told.hear(event)
        if self.repeat is not None:
            assert event == self.repeat
            self.repeat = None
        else:
            assert event.key not in self.keys
        self.keys.add(event.key)
        self.in_hand = event

    async def _cancelled(self) -> None:
        self.clock.allowed = 1
        task = asyncio.ensure_future(anext(self.watcher))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    def _call(self, work: Callable[[], Any]) -> None:
        async def call() -> None:
            await work()

        during, self.during = self.during, []
        self.runner.run(call())
        self.during = during

    async def _close(self) -> None:
        if hasattr(self, "watcher"):
            await self.watcher.aclose()
            await self.store.aclose()
        await self.arena.aclose()
        await self.sandbox.aclose()


@pytest.mark.parametrize("per", [2, 100])
def test_the_events_always_rebuild_the_truth(per: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "PER", per)
    run_state_machine_as_test(
        Watched,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=25, phases=[Phase.generate], deadline=None
        ),
    )
