"""Journal of sent invitations: claims, outcomes and what is stored."""

import pytest

from arena_groups import ArenaClient, MemoryStore, StoreError, invite_many
from arena_groups.bulk.journal import InviteJournal, JournalEntry, JournalState
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.bulk import GROUP, addresses, invite_requests, journal_namespace

KEY = "email:ada@example.org"


class SetClock(AutoAdvanceClock):
    """Clock that a test sets."""

    def __init__(self, time: float = 0.0) -> None:
        super().__init__()
        self.time = time

    def now(self) -> float:
        return self.time


def journal_of(
    store: MemoryStore, clock: SetClock | None = None, *, claim_timeout: float = 120
) -> InviteJournal:
    return InviteJournal(store, "a-journal", claim_timeout=claim_timeout, clock=clock or SetClock())


async def claim(journal: InviteJournal) -> JournalEntry:
    """Claim the person as the journal knows them."""
    entry = await journal.claim(KEY, replacing=journal.find(KEY))
    assert entry is not None
    return entry


async def test_only_one_of_two_journals_claims_a_person() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    entry = await claim(first)
    assert await second.claim(KEY, replacing=None) is None
    await second.load()
    assert second.find(KEY) == first.find(KEY) == entry
    assert (entry.state, entry.completed) == (JournalState.CLAIMED, False)


async def test_claim_replaces_only_the_entry_that_was_decided_upon() -> None:
    """A journal that was read again meanwhile does not make a claim replace a newer one."""
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    decided = second.find(KEY)
    await claim(first)
    await second.load()
    assert second.find(KEY) is not None
    assert await second.claim(KEY, replacing=decided) is None


async def test_claim_as_last_seen_can_be_replaced() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    old = await claim(first)
    await second.load()
    await claim(second)
    assert await first.claim(KEY, replacing=old) is None


async def test_no_two_claims_are_equal() -> None:
    store = MemoryStore()
    journal = journal_of(store)
    first = await claim(journal)
    second = await claim(journal)
    assert first != second


@pytest.mark.parametrize("state", [JournalState.INVITED, JournalState.ADDED])
async def test_completed_entry_is_seen_after_loading(state: JournalState) -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    await claim(first)
    await first.complete(KEY, state)
    assert second.find(KEY) is None
    await second.load()
    entry = second.find(KEY)
    assert entry is not None
    assert (entry.state, entry.completed) == (state, True)


async def test_abandoned_claim_is_removed() -> None:
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    await first.abandon(KEY, await claim(first))
    assert first.find(KEY) is None
    assert await second.claim(KEY, replacing=None)


async def test_claim_of_another_run_is_not_abandoned() -> None:
    """Not even if the journal was read again since, and knows the other claim."""
    store = MemoryStore()
    first, second = journal_of(store), journal_of(store)
    own = await claim(first)
    await second.load()
    other = await claim(second)
    await first.load()
    await first.abandon(KEY, own)
    await first.load()
    assert first.find(KEY) == other


@pytest.mark.parametrize("start", [0.0, 1e9, -7200.0])
@pytest.mark.parametrize("own_timeout", [0.5, 1000.0])
async def test_claim_is_valid_for_its_own_seconds_from_when_it_was_first_seen(
    start: float, own_timeout: float
) -> None:
    """Neither the clock of the other process nor the timeout of this one matters."""
    store, clock = MemoryStore(), SetClock(start)
    await claim(journal_of(store, SetClock(5000.0)))
    journal = journal_of(store, clock, claim_timeout=own_timeout)
    for passed, left in ((0, 120), (100, 20), (119, 1), (120, 0), (9999, 0)):
        clock.time = start + passed
        await journal.load()
        seen = journal.find(KEY)
        assert seen is not None
        assert journal.expires_in(seen) == left


async def test_claim_that_was_replaced_is_valid_from_its_own_first_sight() -> None:
    store, clock = MemoryStore(), SetClock()
    other, journal = journal_of(store), journal_of(store, clock)
    await claim(other)
    await journal.load()
    clock.time = 100.0
    await claim(other)
    await journal.load()
    seen = journal.find(KEY)
    assert seen is not None
    assert journal.expires_in(seen) == 120


async def test_claim_is_seen_after_the_store_was_read() -> None:
    """A claim may be written while the store is read, so the time after that counts."""
    clock = SetClock()

    class SlowStore(MemoryStore):
        async def read(self, namespace: str) -> dict[str, str]:
            clock.time += 50
            return await super().read(namespace)

    store = SlowStore()
    await claim(journal_of(store))
    journal = journal_of(store, clock)
    await journal.load()
    seen = journal.find(KEY)
    assert seen is not None
    assert journal.expires_in(seen) == 120


async def test_journal_of_invite_many_holds_no_address(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    store = MemoryStore()
    await invite_many(arena, GROUP, addresses(2), store=store)
    entries = await store.read(journal_namespace(sandbox))
    assert len(entries) == 2
    assert "example" not in str(entries)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "null", "[]", "7", '{"state": "posted"}', '{"state": ["claimed"]}',
        '{"state": "claimed"}', '{"state": "claimed", "at": 1700000000.0, "run": "a"}',
        '{"state": "claimed", "valid_for": "soon"}', '{"state": "claimed", "valid_for": NaN}',
        '{"state": "claimed", "valid_for": 0}', '{"state": "claimed", "valid_for": Infinity}',
        '{"state": "claimed", "valid_for": null}',
    ],
)  # fmt: skip
async def test_entry_that_cannot_be_read_raises_store_error_before_anything_is_sent(
    arena: ArenaClient, sandbox: Sandbox, text: str
) -> None:
    store, namespace = MemoryStore(), journal_namespace(sandbox)
    await invite_many(arena, GROUP, addresses(1), store=store)
    (name,) = await store.read(namespace)
    await store.compare_and_set(namespace, {name: text})
    with pytest.raises(StoreError, match="use another journal"):
        await invite_many(arena, GROUP, addresses(2), store=store)
    assert invite_requests(sandbox) == 1


async def test_journal_with_a_digest_records_people_under_it(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()

    def digest(text: str) -> str:
        return f"digest of {len(text)} characters"

    for expected in ("1 invited", "1 invited (1 by other runs)"):
        summary = await invite_many(
            arena, GROUP, addresses(1), store=store, journal="keyed", journal_digest=digest
        )
        assert str(summary) == f"1 done: {expected}"
    namespace = journal_namespace(sandbox, "keyed")
    assert list(await store.read(namespace)) == [digest(f"{namespace}\0email:{addresses(1)[0]}")]
    assert invite_requests(sandbox) == 1


async def test_journal_digest_that_is_no_function_is_refused(arena: ArenaClient) -> None:
    with pytest.raises(TypeError, match="journal_digest must be a function"):
        invite_many(arena, GROUP, addresses(1), journal_digest="sha256")  # type: ignore[arg-type]
