"""Checkpoints in a store: what is read back, damaged records, and fencing."""

import asyncio
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import MemoryStore, StoreError, WatchEvent
from arena_groups.watching.checkpoint import Checkpoint
from arena_groups.watching.diff import GroupSnapshot, GroupState, diff
from tests.support.group_states import GROUP, NOW, invitation, member, snapshots
from tests.support.stores import ForgetfulStore

NAMESPACE = "watch/default/7"


async def reopened(store: MemoryStore) -> Checkpoint:
    """Open the checkpoint as the next run does."""
    return await Checkpoint.open(store, NAMESPACE)


two_snapshots = st.sampled_from(
    [
        GroupSnapshot(observed_at=NOW, group=GROUP, invitations={}, members={}, code=None),
        GroupSnapshot(
            observed_at=NOW,
            group=GROUP,
            invitations={1: invitation(1)},
            members={1: member(1)},
            code="one",
        ),
    ]
)


def initial_state(snapshot: GroupSnapshot) -> GroupState:
    """Return the state that a checkpoint has right after it was initialized."""
    state = GroupState(
        invitations=dict(snapshot.invitations or {}), members=dict(snapshot.members or {})
    )
    state.code = snapshot.code
    return state


@given(snapshots, snapshots)
def test_reopened_checkpoint_has_the_state_and_the_pending_event(
    first: GroupSnapshot, second: GroupSnapshot
) -> None:
    async def run() -> None:
        store = MemoryStore()
        checkpoint = await reopened(store)
        assert not checkpoint.initialized
        await checkpoint.initialize(first)
        checkpoint = await reopened(store)
        assert checkpoint.initialized
        assert checkpoint.state == initial_state(first)
        await checkpoint.refresh(second)
        assert (await reopened(store)).state == checkpoint.state
        checkpoint = await reopened(store)
        for event in [*diff(checkpoint.state, second, checkpoint.fencing_token), None]:
            await checkpoint.advance(event)
            again = await reopened(store)
            assert again.pending_event == checkpoint.pending_event == event
            assert again.state == checkpoint.state
            checkpoint = again
        assert diff(checkpoint.state, second, checkpoint.fencing_token) == []

    asyncio.run(run())


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("poll"), two_snapshots, st.integers(1, 4)),
            st.just(("crash",)),
            st.tuples(st.just("undo"), st.integers(1, 4)),
        ),
        min_size=5,
        max_size=25,
    )
)
def test_keys_through_crashes_and_lost_writes_stand_for_one_event(steps: list[Any]) -> None:
    async def run() -> None:
        store = ForgetfulStore()
        checkpoint = await reopened(store)
        delivered: dict[str, WatchEvent] = {}
        pending: WatchEvent | None = None
        exact = True  # as long as the store has not gone back, the pending event is known
        for step in steps:
            if step[0] == "poll":
                _, snapshot, count = step
                try:
                    if not checkpoint.initialized:
                        await checkpoint.initialize(snapshot)
                    await checkpoint.advance(None)
                    pending = None
                    await checkpoint.refresh(snapshot)
                    events = diff(checkpoint.state, snapshot, checkpoint.fencing_token)
                    for event in events[:count]:
                        await checkpoint.advance(event)
                        assert event.key not in delivered
                        delivered[event.key] = pending = event
                    continue
                except StoreError:
                    assert checkpoint.fenced_out
            elif step[0] == "undo":
                store.undo(step[1])
                exact = False
                continue
            checkpoint = await reopened(store)
            again = checkpoint.pending_event
            assert again == pending or not exact
            assert again is None or delivered[again.key] == again
            pending, exact = again, True

    asyncio.run(run())


async def test_advance_without_events_writes_nothing() -> None:
    store = MemoryStore()
    checkpoint = await reopened(store)
    records = await store.read(NAMESPACE)
    await checkpoint.advance(None)
    assert await store.read(NAMESPACE) == records


async def test_write_of_an_earlier_checkpoint_raises_and_changes_nothing() -> None:
    store = MemoryStore()
    earlier = await reopened(store)
    later = await reopened(store)
    snapshot = GroupSnapshot(observed_at=NOW, group=GROUP, invitations={}, members={}, code="one")
    with pytest.raises(StoreError, match="another watch has taken over"):
        await earlier.initialize(snapshot)
    assert (earlier.fenced_out, later.fenced_out) == (True, False)
    assert not (await reopened(store)).initialized


@pytest.mark.parametrize("write", ["advance", "refresh", "renew", "release"])
async def test_write_after_the_store_has_lost_the_initial_state_raises(write: str) -> None:
    store = ForgetfulStore()
    checkpoint = await reopened(store)
    await checkpoint.initialize(
        GroupSnapshot(observed_at=NOW, group=GROUP, invitations={}, members={}, code=None)
    )
    found = GroupSnapshot(
        observed_at=NOW,
        group=GROUP,
        invitations={1: invitation(1)},
        members={1: member(1)},
        code=None,
    )
    for event in diff(checkpoint.state, found, checkpoint.fencing_token):
        await checkpoint.advance(event)
    store.undo(3)  # but not the fencing token, which was written before
    with pytest.raises(StoreError, match="the store has lost its last writes"):
        match write:
            case "advance":
                await checkpoint.advance(None)
            case "refresh":
                await checkpoint.refresh(attrs.evolve(found, invitations={1: invitation(1, 2)}))
            case "renew":
                await checkpoint.renew()
            case _:
                await checkpoint.release()
    assert checkpoint.fenced_out
    assert set(await store.read(NAMESPACE)) == {"fencing_token"}


async def test_acquire_after_another_process_was_faster_returns_none() -> None:
    store = MemoryStore()
    records = await store.read(NAMESPACE)
    assert await Checkpoint.acquire(store, NAMESPACE, records) is not None
    assert await Checkpoint.acquire(store, NAMESPACE, records) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"kind": "invitation-sent"}', '{"kind": "another"}', '{"kind": []}']
)
async def test_open_with_a_damaged_event_raises(text: str) -> None:
    store = MemoryStore()
    await store.compare_and_set(NAMESPACE, {"pending_event": text})
    with pytest.raises(StoreError, match="pending_event in the store is damaged"):
        await reopened(store)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("member/3", '{"email": "ada@example.org"}', "member/3 in the store is damaged"),
        ("sequence", "many", "sequence in the store is damaged"),
        ("version", "9", "version 9"),
    ],
)
async def test_open_with_a_damaged_record_raises_without_its_text(
    name: str, text: str, message: str
) -> None:
    store = MemoryStore()
    await store.compare_and_set(NAMESPACE, {name: text})
    with pytest.raises(StoreError, match=message) as caught:
        await reopened(store)
    assert caught.value.__cause__ is None
    assert "ada@" not in str(caught.value)
