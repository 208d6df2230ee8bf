"""Random sequences of changes to a group, polls and crashes of its watch.

A consumer that applies the events one after the other ends with a correct copy of the group,
however often it crashes. No event is missing, and only the event that was pending at a crash is
delivered twice.
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
from arena_groups.watching.schedule import FULL_POLL
from tests.support.replica import GroupReplica
from tests.support.thorough import repetitions

EXAMPLES = repetitions(25, thorough=100)
picks = st.integers(min_value=0, max_value=50)


class IdleError(Exception):
    """The watcher would wait once more."""


class SingleWaitClock:
    """Clock that lets the watcher wait once, and raises at the next wait."""

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


class WatchedGroup(RuleBasedStateMachine):
    """A group that changes, and a consumer of its events that crashes now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.sandbox = Sandbox()
        self.clock = SingleWaitClock()
        self.changes_during_poll: list[Callable[[], None]] = []
        self.replica = GroupReplica()
        self.keys: set[str] = set()
        self.pending: WatchEvent | None = None
        self.expected_again: WatchEvent | None = None
        self.runner.run(self._open())

    async def _open(self) -> None:
        await self.sandbox.start()
        self.group = self.sandbox.add_group("Reading Room", slug="reading-room")
        self.arena = ArenaClient(
            self.sandbox.tokens.owner,
            base_url=self.sandbox.url,
            clock=self.clock,
            pacer=NoPacer(),
            on_request=self._after_request,
        )

    def _after_request(self, _: object) -> None:
        if self.changes_during_poll:
            self.changes_during_poll.pop(0)()

    async def _actual(self) -> GroupReplica:
        return await GroupReplica.of(self.sandbox, self.arena, self.group)

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
            self.replica = self.runner.run(self._actual())
            self.runner.run(self._take(0))

    # Changes to the group

    def _any_member(self, pick: int) -> int | None:
        others = [
            each
            for each in self.sandbox.members(self.group)[1:]
            if each != self.sandbox.users.owner.id
        ]
        return others[pick % len(others)] if others else None

    def _any_invitation(self, pick: int) -> int | None:
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
        if (invitation := self._any_invitation(pick)) is not None:
            self.sandbox.accept_invitation(invitation)

    @rule(pick=picks)
    def decline(self, pick: int) -> None:
        if (invitation := self._any_invitation(pick)) is not None:
            self.sandbox.decline_invitation(invitation)

    @rule(pick=picks)
    def revoke(self, pick: int) -> None:
        if (invitation := self._any_invitation(pick)) is not None:
            self._call(lambda: self.arena.groups.revoke_invitation(self.group, invitation))

    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        if (member := self._any_member(pick)) is not None:
            self.sandbox.leave_group(self.group, member)

    @rule(pick=picks)
    def leave_and_join_again(self, pick: int) -> None:
        if (member := self._any_member(pick)) is not None:
            self.sandbox.leave_group(self.group, member)
            self.sandbox.add_member(self.group, member)

    @rule(pick=picks, back=st.booleans())
    def transfer_ownership(self, pick: int, back: bool) -> None:
        member = self.sandbox.users.owner.id if back else self._any_member(pick)
        if member is not None:
            self.sandbox.transfer_ownership(self.group, member)

    @rule(new=st.booleans())
    def change_code(self, new: bool) -> None:
        if self.sandbox.members(self.group)[0] == self.sandbox.users.owner.id:
            self._call(lambda: self.arena.groups.delete_invite_code(self.group))
            if new:
                self._call(lambda: self.arena.groups.create_invite_code(self.group))

    @rule(name=st.sampled_from(["Reading Room", "Writing Room"]))
    def rename(self, name: str) -> None:
        if self.sandbox.members(self.group)[0] == self.sandbox.users.owner.id:
            self._call(lambda: self.arena.groups.update(self.group, name=name))

    @rule(pick=picks, after=st.integers(0, 3), kind=st.sampled_from(["accept", "leave", "join"]))
    def change_during_a_poll(self, pick: int, after: int, kind: str) -> None:
        changes = {
            "accept": lambda: self.accept(pick),
            "leave": lambda: self.leave(pick),
            "join": lambda: self.join(1),
        }
        self.changes_during_poll = [*[lambda: None] * after, changes[kind]]

    # The consumer

    @rule(count=st.integers(1, 6), late=st.booleans())
    def consume(self, count: int, late: bool) -> None:
        if late:
            self.clock.time += FULL_POLL
        self.runner.run(self._take(count))

    @rule(acknowledged=st.booleans())
    def crash(self, acknowledged: bool) -> None:
        if self.expected_again is None:  # otherwise it crashes before the event came again
            if acknowledged:
                self.runner.run(self.watcher.ack())
                self.pending = None
            self.expected_again = self.pending
        self.runner.run(self.store.aclose())
        self._watch()

    @precondition(lambda self: self.pending is not None)
    @rule()
    def cancel_a_call(self) -> None:
        self.runner.run(self._cancelled())
        self.runner.run(self._take(1))

    def teardown(self) -> None:
        try:
            if hasattr(self, "watcher"):
                self.runner.run(self._check_the_end())
        finally:
            self.runner.run(self._close())
            self.runner.close()
            self.folder.cleanup()

    async def _check_the_end(self) -> None:
        self.sandbox.transfer_ownership(self.group, self.sandbox.users.owner.id)
        self.changes_during_poll = []
        for _ in range(2):
            self.clock.time += FULL_POLL
            await self._take(1000)
        assert self.replica == await self._actual()
        assert self.expected_again is None

    async def _take(self, count: int) -> None:
        """Take up to ``count`` events, until the watcher has nothing more after one more poll."""
        self.clock.allowed = 1
        try:
            for _ in range(count or 1):
                self._receive(await anext(self.watcher))
        except IdleError:
            self.pending = None

    def _receive(self, event: WatchEvent) -> None:
        self.replica.apply(event)
        if self.expected_again is not None:
            assert event == self.expected_again
            self.expected_again = None
        else:
            assert event.key not in self.keys
        self.keys.add(event.key)
        self.pending = event

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

        pending_changes, self.changes_during_poll = self.changes_during_poll, []
        self.runner.run(call())
        self.changes_during_poll = pending_changes

    async def _close(self) -> None:
        if hasattr(self, "watcher"):
            await self.watcher.aclose()
            await self.store.aclose()
        await self.arena.aclose()
        await self.sandbox.aclose()


@pytest.mark.parametrize("page_size", [2, 100])
def test_watch_through_random_changes_and_crashes_delivers_every_event(
    page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "PAGE_SIZE", page_size)
    run_state_machine_as_test(
        WatchedGroup,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            phases=[Phase.generate],
            deadline=None,
        ),
    )
