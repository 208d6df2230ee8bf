"""Memory of a group in a store: what is in it, and runs that overlap."""

import asyncio
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from arena_groups import ArenaClient, MemoryStore, SQLiteStore, StoreError, plan_sync
from arena_groups.errors import SyncError
from arena_groups.reconcile import DesiredPerson, link
from arena_groups.reconcile.facts import IntentState, SyncSnapshot
from arena_groups.reconcile.memory import GroupMemory, read_snapshot
from arena_groups.reconcile.sync_key import find_sync_key
from arena_groups.sandbox import Sandbox
from arena_groups.stores.base import NO_CONDITIONS
from tests.support.bulk import GROUP, journal_namespace, make_client

KEY: Final = "a key of this test, long enough"
ADA: Final = "ada.lovelace@example.org"


class RecordingStore(MemoryStore):
    """Store that remembers every record that was ever in it."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        self.texts += [f"{namespace}\n{name}\n{text}" for name, text in updates.items()]
        return await super().compare_and_set(namespace, updates, expected=expected)


def make_memory(store: MemoryStore, sandbox: Sandbox) -> GroupMemory:
    return GroupMemory(store, sandbox.groups[GROUP], find_sync_key(KEY), server=sandbox.url)


async def test_store_has_no_address_no_note_and_no_name(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = RecordingStore()
    ada = sandbox.add_user("Ada Lovelace", email=ADA)
    sandbox.add_member(GROUP, ada)
    sandbox.add_invitations(GROUP, 12)
    people = [
        ADA,
        DesiredPerson(email="Zoe.Quill@Example.org", note="pays late"),
        DesiredPerson(email="mute@example.org", user=ada),
        "grüße@exämple.org",
    ]
    plan = await plan_sync(arena, GROUP, people, store=store, key=KEY, max_removals=1.0)
    await plan.apply()
    await link("someone.else@example.org", 5, store=store, key=KEY)
    await plan_sync(arena, GROUP, people, store=store, key=KEY)
    pending = [each async for each in arena.groups.invitations(GROUP)]
    secrets = ["lovelace", "quill", "mute", "someone", "grüße", "pays", "example", "xn--", KEY]
    secrets += [each.invitee_email or "-" for each in pending]
    slugs = [each for each in store.texts if "\nslug/" in each]  # they are public
    written = "\n".join(each for each in store.texts if each not in slugs).lower()
    assert "invited/" in written
    assert "link/" in written
    assert not [each for each in secrets if each.lower() != "-" and each.lower() in written]
    assert not [each for each in store.texts if "@" in each]
    # A digest without the key would show to whoever guesses an address that it is right.
    journal = journal_namespace(sandbox, "sync/0")
    guesses = [f"{journal}\0email:{ADA}", f"address\0{ADA}", ADA, f"email:{ADA}"]
    digests = [sha256(each.encode()).hexdigest() for each in guesses]
    assert journal in written
    assert not [each for each in digests if each in written]


async def test_observe_while_another_run_observes_takes_its_snapshot_again(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    """Else a member whom only the later snapshot has would seem to have left, or come later."""
    store = MemoryStore()
    one, other = make_memory(store, sandbox), make_memory(store, sandbox)
    members = sandbox.add_members(GROUP, 1)
    readings = 0

    async def read() -> SyncSnapshot:
        return await read_snapshot(arena, sandbox.groups[GROUP])

    async def read_slowly() -> SyncSnapshot:
        nonlocal readings
        readings += 1
        snapshot = await read()
        if readings == 1:
            members.extend(sandbox.add_members(GROUP, 1))
            await other.observe(read)
        return snapshot

    snapshot = await one.observe(read_slowly)
    assert readings == 2
    assert {each.id for each in snapshot.members} >= set(members)
    assert one.facts.epoch == 2
    assert {one.facts.members[each].since for each in members} == {1}
    assert not [fact for fact in one.facts.members.values() if fact.left is not None]


async def test_observe_while_another_run_invites_leaves_its_invitations_open(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    """One was sent before the lists were read, the other afterwards; both were answered then."""
    store = MemoryStore()
    one, other = make_memory(store, sandbox), make_memory(store, sandbox)
    await other.observe(lambda: read_snapshot(arena, GROUP))
    keys = {email: one.digest(email) for email in (ADA, "bob@example.org")}
    await other.begin("plan", dict.fromkeys(keys.values(), 0))
    readings = 0

    async def read() -> SyncSnapshot:
        nonlocal readings
        readings += 1
        early = await arena.groups.invite(GROUP, email=ADA)
        snapshot = await read_snapshot(arena, GROUP)
        late = await arena.groups.invite(GROUP, email="bob@example.org")
        await other.learn(keys[ADA], early, epoch=1)
        await other.learn(keys["bob@example.org"], late, epoch=1)
        return snapshot

    snapshot = await one.observe(read)
    assert readings == 1
    assert len(snapshot.invitations) == 1
    facts = await make_memory(store, sandbox).load()
    assert facts.epoch == 2
    for key in keys.values():
        assert facts.invited[key].state is IntentState.INVITED
        assert facts.invited[key].gone is None
        assert facts.invited[key].after == 1


async def test_memory_of_many_runs_at_once_counts_every_snapshot(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    sandbox.add_members(GROUP, 3)

    async def observe() -> None:
        await make_memory(store, sandbox).observe(lambda: read_snapshot(arena, GROUP))

    await asyncio.gather(*(observe() for _ in range(5)))
    memory = make_memory(store, sandbox)
    assert (await memory.load()).epoch == 5
    assert {fact.since for fact in memory.facts.members.values()} == {1}


async def test_begin_leaves_intents_and_invitations_of_other_runs(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    one, other = make_memory(store, sandbox), make_memory(store, sandbox)
    await one.observe(lambda: read_snapshot(arena, GROUP))
    await other.load()
    keys = [one.digest(each) for each in (ADA, "bob@example.org")]
    await one.begin("one", dict.fromkeys(keys, 0))
    await one.learn(keys[0], await arena.groups.invite(GROUP, email=ADA), epoch=1)
    await other.begin("other", dict.fromkeys(keys, 0))
    assert other.facts.invited == one.facts.invited
    assert other.begun_plans == {"one", "other"}
    await other.settle(keys[0], None)
    assert keys[0] in other.facts.invited
    await other.settle(keys[1], None)
    assert keys[1] not in other.facts.invited


async def test_plans_that_were_begun_long_ago_are_forgotten(sandbox: Sandbox) -> None:
    memory = make_memory(MemoryStore(), sandbox)
    for number in range(120):
        await memory.begin(f"{number}", {})
    assert len(memory.begun_plans) <= 101
    assert "119" in memory.begun_plans


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epoch", "one", "a record epoch in the store is damaged"),
        ("epoch", "-1", "a record epoch in the store is damaged"),
        ("invited/ab", "{}", "a record invited/ in the store is damaged"),
        ("invited/ab", '{"after": "ada@example.org"}', "a record invited/"),
        ("invited/user:ab", '{"after": 0}', "a record invited/"),
        ("member/ab", '{"since": 1}', "a record member/"),
        ("slug/ada", "7", "a record slug/"),
        ("version", "2", "has version 2, and this version of arena-groups reads version 1"),
    ],
)
async def test_load_of_damaged_records_raises_without_showing_them(
    sandbox: Sandbox, name: str, text: str, message: str
) -> None:
    store = MemoryStore()
    namespace = f"reconcile/{sandbox.groups[GROUP]}"
    await store.compare_and_set(namespace, {name: text})
    with pytest.raises(StoreError, match=re.escape(message)) as caught:
        await make_memory(store, sandbox).load()
    assert "@" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("invited/ab", '{"after": 2}'),
        ("invited/ab", '{"after": 0, "gone": 2}'),
        ("member/7", '{"since": 2}'),
        ("member/7", '{"since": 1, "left": 2}'),
    ],
)
@pytest.mark.parametrize("epoch", [None, "1"])
async def test_epoch_that_is_lower_than_that_of_a_fact_is_damaged(
    sandbox: Sandbox, name: str, text: str, epoch: str | None
) -> None:
    """Whoever joins then would look as if they had been a member before the invitation."""
    store = MemoryStore()
    namespace = f"reconcile/{sandbox.groups[GROUP]}"
    await store.compare_and_set(namespace, {name: text, "epoch": epoch})
    with pytest.raises(StoreError, match="a record epoch in the store is damaged"):
        await make_memory(store, sandbox).load()
    await store.compare_and_set(namespace, {"epoch": "2"})
    assert (await make_memory(store, sandbox).load()).epoch == 2


async def test_store_of_another_server_is_refused(sandbox: Sandbox, arena: ArenaClient) -> None:
    store = MemoryStore()
    await plan_sync(arena, GROUP, [ADA], store=store, key=KEY)
    async with Sandbox() as elsewhere:
        elsewhere.add_group("Spring", slug=GROUP)
        async with make_client(elsewhere) as stranger:
            with pytest.raises(SyncError, match=f"people of {sandbox.url}.*use another store"):
                await plan_sync(stranger, GROUP, [ADA], store=store, key=KEY)
            with pytest.raises(SyncError, match="use another store"):
                await link(ADA, 5, store=store, arena=stranger, key=KEY)


async def test_link_without_a_client_leaves_the_server_open(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    await link(ADA, 5, store=store, key=KEY)
    await plan_sync(arena, GROUP, [ADA], store=store, key=KEY)
    assert await link(ADA, 6, store=store, key=KEY) == 6


async def test_link_replaces_what_was_said_and_keeps_what_was_shown(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    ada = sandbox.add_user("Ada", email=ADA)
    sandbox.add_member(GROUP, ada)
    plan = await plan_sync(arena, GROUP, [ADA], store=store, key=KEY)
    await plan.apply()
    assert await link(ADA, 5, store=store, key=KEY) == 5
    assert await link(ADA.upper(), 6, store=store, key=KEY) == 6
    memory = make_memory(store, sandbox)
    facts = await memory.load()
    assert facts.users_of(memory.digest(ADA)) == (ada, 6)


async def test_link_by_slug_looks_the_user_up(sandbox: Sandbox, arena: ArenaClient) -> None:
    user = sandbox.add_user("Ada", email=ADA)
    slug = (await arena.users.get(user)).slug
    store = MemoryStore()
    assert await link(ADA, slug, store=store, arena=arena, key=KEY) == user
    with pytest.raises(ValueError, match="needs arena="):
        await link(ADA, slug, store=store, key=KEY)


async def test_link_with_wrong_arguments_raises_without_showing_the_address(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    with pytest.raises(ValueError, match="email is not an email address") as caught:
        await link("ada.lovelace", 5, store=store, key=KEY)
    assert "lovelace" not in str(caught.value)
    with pytest.raises(ValueError, match="key must have at least 16 bytes"):
        await link(ADA, 5, store=store, key="short")
    with pytest.raises(TypeError, match="store must be an object"):
        await link(ADA, 5, store=tmp_path, key=KEY)  # type: ignore[arg-type]
    async with SQLiteStore(tmp_path / "store.db") as file:
        await link(ADA, 5, store=file, key=KEY)
        with pytest.raises(SyncError, match="set ARENA_SYNC_KEY to the earlier key"):
            await link(ADA, 5, store=file, key=KEY * 2)
