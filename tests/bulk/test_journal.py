"""Journal of sent invitations: claims, outcomes and what is stored."""

from collections.abc import Callable

import pytest

from arena_groups import ArenaClient, MemoryStore, StoreError, invite_many
from arena_groups.bulk.journal import InviteJournal, JournalState
from arena_groups.sandbox import Sandbox
from tests.support.bulk import GROUP, addresses, journal_namespace

KEY = "email:ada@example.org"


def journal_of(store: MemoryStore, now: Callable[[], float] = lambda: 1000.0) -> InviteJournal:
    return InviteJournal(store, "a-journal", claim_timeout=120, now=now)


async def test_only_one_of_two_journals_claims_a_person() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    assert await first.claim(KEY)
    assert not await second.claim(KEY)
    entry = second.find(KEY)
    assert entry is not None
    assert entry == first.find(KEY)
    assert (entry.state, entry.completed) == (JournalState.CLAIMED, False)


async def test_claim_as_last_seen_can_be_replaced() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    await first.claim(KEY)
    await second.open()
    assert await second.claim(KEY)
    assert not await first.claim(KEY)


@pytest.mark.parametrize("state", [JournalState.INVITED, JournalState.ADDED])
async def test_completed_entry_is_seen_after_refresh(state: JournalState) -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    await first.claim(KEY)
    await first.complete(KEY, state)
    assert second.find(KEY) is None
    entry = await second.refresh(KEY)
    assert entry is not None
    assert (entry.state, entry.completed) == (state, True)


async def test_abandoned_claim_is_removed() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    await first.claim(KEY)
    await first.abandon(KEY)
    assert first.find(KEY) is None
    assert await second.claim(KEY)


async def test_claim_of_another_run_is_not_abandoned() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    await first.claim(KEY)
    await second.open()
    await second.claim(KEY)
    await first.abandon(KEY)
    assert first.find(KEY) == second.find(KEY) == await second.refresh(KEY)


@pytest.mark.parametrize(
    ("now", "seconds"), [(1000.0, 120), (1100.0, 20), (1120.0, 0), (9999.0, 0), (-9999.0, 120)]
)
async def test_claim_expires_between_now_and_its_timeout(now: float, seconds: float) -> None:
    store = MemoryStore()
    await journal_of(store).claim(KEY)
    other = journal_of(store, lambda: now)
    claim = await other.refresh(KEY)
    assert claim is not None
    assert other.claim_expires_in(claim) == seconds


async def test_journal_of_invite_many_holds_no_address(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    store = MemoryStore()
    await invite_many(arena, GROUP, addresses(2), store=store)
    entries = await store.read(journal_namespace(sandbox))
    assert len(entries) == 2
    assert "example" not in str(entries)


async def test_entry_of_another_version_raises_store_error(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    store, namespace = MemoryStore(), journal_namespace(sandbox)
    await invite_many(arena, GROUP, addresses(1), store=store)
    (name,) = await store.read(namespace)
    await store.compare_and_set(namespace, {name: '{"state": "posted"}'})
    with pytest.raises(StoreError, match="journal"):
        await invite_many(arena, GROUP, addresses(1), store=store)
