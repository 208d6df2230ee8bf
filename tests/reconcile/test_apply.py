"""Application of plans to a group of the sandbox."""

import asyncio
import gc
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from arena_groups import (
    ArenaClient,
    BlockedError,
    MemoryStore,
    SQLiteStore,
    Store,
    StoreError,
    SyncPlan,
    plan_sync,
    reconcile,
)
from arena_groups.bulk.journal import InviteJournal
from arena_groups.errors import DriftError, RemovalLimitError, SyncError
from arena_groups.reconcile import SyncOutcome, SyncResult, link
from arena_groups.reconcile.sync_key import find_sync_key
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Blocked, ServerFailure
from tests.support.bulk import (
    GROUP,
    INVITE,
    addresses,
    journal_namespace,
    make_client,
    sent_emails,
)
from tests.support.leaks import no_warning
from tests.support.traces import shown_by

KEY: Final = "a key of this test, long enough"
RECONCILE: Final = str(Path(reconcile.__file__).parent)
REVOKE: Final = "revokeGroupInvitation"
REMOVE: Final = "removeGroupMember"


class FastClock:
    """A clock that runs fifty times as fast."""

    def now(self) -> float:
        return time.monotonic() * 50

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), None if seconds is None else seconds / 50)


async def plan(
    arena: ArenaClient, desired: Sequence[Any], store: Store, **options: Any
) -> SyncPlan:
    """Plan with the key of these tests, and without a limit."""
    options.setdefault("max_removals", 1.0)
    return await plan_sync(arena, GROUP, desired, store=store, key=KEY, **options)


async def sync(arena: ArenaClient, desired: Sequence[Any], store: Store, **options: Any) -> str:
    """Plan and apply, and return the summary."""
    return str(await (await plan(arena, desired, store, **options)).apply())


def outcomes(results: Sequence[SyncResult]) -> list[str]:
    return [each.outcome.value for each in results]


def requests_of(sandbox: Sandbox) -> list[str]:
    """Return the operations of the writes that the sandbox received, in order."""
    writes = [each for each in sandbox.requests if each.method != "GET"]
    return [each.operation or "" for each in writes]


async def test_apply_invites_then_revokes_then_removes(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    ada = sandbox.add_user("Ada", email="ada@example.org")
    members = sandbox.add_members(GROUP, 3)
    sandbox.add_member(GROUP, ada)
    (pending,) = sandbox.add_invitations(GROUP, 1)
    store = MemoryStore()
    plan_ = await plan(arena, ["ada@example.org", "new@example.org", members[0]], store)
    assert str(plan_.summary) == "invite 2, revoke 1, held 3, keep 2"
    results = [each async for each in plan_.apply()]
    assert outcomes(results) == [
        "already_member", "invited", "kept", "revoked", "removed", "removed",
    ]  # fmt: skip
    assert requests_of(sandbox) == [INVITE, INVITE, REVOKE, REMOVE, REMOVE]
    assert sent_emails(sandbox) == ["new@example.org"]
    assert pending not in sandbox.pending_invitations(GROUP)
    assert set(sandbox.members(GROUP)) == {*sandbox.members(GROUP)[:1], ada, members[0]}
    again = await plan(arena, ["ada@example.org", "new@example.org", members[0]], store)
    assert str(again.summary) == "keep 4"


async def test_apply_with_failed_invitation_removes_nobody_who_may_be_the_person(
    sandbox: Sandbox,
) -> None:
    ada = sandbox.add_user("Ada", email="ada@example.org")
    sandbox.add_member(GROUP, ada)
    store = MemoryStore()
    async with make_client(sandbox, clock=AutoAdvanceClock()) as arena:
        with sandbox.faults.add(ServerFailure(500), operation=INVITE):
            run = (await plan(arena, ["ada@example.org"], store)).apply()
            results = [each async for each in run]
        assert outcomes(results) == ["failed", "held"]
        assert ada in sandbox.members(GROUP)
        assert await sync(arena, ["ada@example.org"], store) == "1 already member, 1 kept"


async def test_apply_without_store_refuses_addresses_before_a_request(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    user = sandbox.add_user("Ada")
    by_address = await plan_sync(arena, GROUP, ["new@example.org"])
    by_id = await plan_sync(arena, GROUP, [user])
    count = len(sandbox.requests)
    with pytest.raises(ValueError, match="invitations by address need store="):
        by_address.apply()
    assert len(sandbox.requests) == count
    assert str(await by_id.apply()) == "1 invited"


async def test_apply_above_the_limit_does_nothing(sandbox: Sandbox, arena: ArenaClient) -> None:
    members = sandbox.add_members(GROUP, 8)
    store = MemoryStore()
    over = await plan(arena, [*members[:4], "new@example.org"], store, max_removals=0.25)
    with pytest.raises(RemovalLimitError) as caught:
        over.apply()
    assert (caught.value.planned, caught.value.limit) == (4, 2)
    assert requests_of(sandbox) == []


async def test_apply_to_a_group_that_has_become_smaller_checks_the_limit_again(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    members = sandbox.add_members(GROUP, 11)
    store = MemoryStore()
    plan_ = await plan(arena, members[3:], store, max_removals=0.25)
    for each in members[3:]:
        sandbox.leave_group(GROUP, each)
    with pytest.raises(RemovalLimitError):
        await plan_.apply()
    assert requests_of(sandbox) == []


async def test_apply_a_saved_plan_by_another_client(sandbox: Sandbox, arena: ArenaClient) -> None:
    store = MemoryStore()
    saved = (await plan(arena, ["new@example.org"], store)).to_dict()
    loaded = SyncPlan.from_dict(saved)
    with pytest.raises(ValueError, match="needs a client"):
        loaded.apply(store=store, key=KEY)
    async with make_client(sandbox) as other:
        assert str(await loaded.apply(other, store=store, key=KEY)) == "1 invited"
        assert str(await loaded.apply(other, store=store, key=KEY)) == "1 already invited"
    assert sent_emails(sandbox) == ["new@example.org"]


async def test_apply_with_another_key_is_refused_before_anything_is_changed(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    plan_ = await plan(arena, ["new@example.org"], store)
    before = {name: await store.read(name) for name in ("reconcile/links", "reconcile/1001")}
    with pytest.raises(SyncError, match="set ARENA_SYNC_KEY to the earlier key, or use another"):
        await plan_.apply(store=store, key="another key, long enough")
    with pytest.raises(SyncError, match="another key"):
        await plan_sync(arena, GROUP, [1], store=store, key="another key, long enough")
    assert before == {name: await store.read(name) for name in before}
    assert requests_of(sandbox) == []


async def test_apply_with_the_store_opened_again_uses_the_key_of_the_plan(
    arena: ArenaClient, tmp_path: Path
) -> None:
    async with SQLiteStore(tmp_path / "sync.db") as store:
        plan_ = await plan(arena, ["ada@example.org"], store)
    async with SQLiteStore(tmp_path / "sync.db") as store:
        assert str(await plan_.apply(store=store)) == "1 invited"


async def test_apply_after_a_change_refuses_and_names_what_has_changed(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    members = sandbox.add_members(GROUP, 4)
    store = MemoryStore()
    plan_ = await plan(arena, [members[0], members[1], "user@example.org", 5], store)
    await arena.groups.invite(sandbox.groups[GROUP], email="user@example.org")
    sent = len(requests_of(sandbox))
    with pytest.raises(DriftError) as caught:
        await plan_.apply()
    assert caught.value.changes == ("invite input 2: was invited meanwhile",)
    assert len(requests_of(sandbox)) == sent


async def test_apply_after_a_change_with_skip_does_the_rest(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    members = sandbox.add_members(GROUP, 4)
    store = MemoryStore()
    plan_ = await plan(arena, [members[0], "a@example.org", "b@example.org"], store)
    sandbox.leave_group(GROUP, members[1])
    await arena.groups.invite(sandbox.groups[GROUP], email="a@example.org")
    newcomer = sandbox.add_members(GROUP, 1)[0]
    results = [each async for each in plan_.apply(on_drift="skip")]
    assert Counter(outcomes(results)) == {
        "drifted": 1, "invited": 1, "removed": 2, "already_gone": 1,
    }  # fmt: skip
    assert sent_emails(sandbox) == ["a@example.org", "b@example.org"]
    assert newcomer in sandbox.members(GROUP)


async def test_apply_stops_at_a_fatal_error_and_removes_nobody(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    members = sandbox.add_members(GROUP, 3)
    store = MemoryStore()
    plan_ = await plan(arena, [members[0], *addresses(3)], store)
    with sandbox.faults.add(Blocked(), operation=INVITE, skip=1):
        run = plan_.apply()
        with pytest.raises(BlockedError):
            await run
    assert run.closed
    assert str(run.summary) == "1 invited, 1 failed"
    assert set(members) < set(sandbox.members(GROUP))
    assert str(await plan_.apply()) == "2 invited, 1 already invited, 2 removed"
    assert sent_emails(sandbox) == addresses(3)


class BrokenStore(MemoryStore):
    """Store that fails from one of its writes on."""

    def __init__(self) -> None:
        super().__init__()
        self.fails_at = math.inf

    async def compare_and_set(self, *arguments: Any, **options: Any) -> bool:
        self.fails_at -= 1
        if self.fails_at <= 0:
            raise StoreError("the disk is full")
        return await super().compare_and_set(*arguments, **options)


@pytest.mark.parametrize("fails_at", range(1, 12))
async def test_apply_with_a_failing_store_shows_no_secret_and_is_continued(
    sandbox: Sandbox, arena: ArenaClient, fails_at: int
) -> None:
    members = sandbox.add_members(GROUP, 2)
    store = BrokenStore()
    plan_ = await plan(arena, [members[0], *addresses(3)], store)
    store.fails_at = fails_at
    with pytest.raises(StoreError, match="the disk is full") as caught:
        await plan_.apply(store=store, key=KEY)
    shown = shown_by(caught.value, within=RECONCILE)
    assert not [each for each in (KEY, "@example", "p1@") if each in shown]
    assert set(members) < set(sandbox.members(GROUP))
    store.fails_at = math.inf
    await plan_.apply(store=store, key=KEY)
    assert sorted(sent_emails(sandbox)) == addresses(3)
    assert members[1] not in sandbox.members(GROUP)


async def test_cancelled_anext_is_resumed_without_missing_a_result(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    run = (await plan(arena, addresses(5), MemoryStore())).apply()
    found: list[SyncResult] = []
    for delay in (0, 0.001, 0.004, 0.016):
        try:
            found.append(await asyncio.wait_for(anext(run), delay))
        except TimeoutError:
            continue
    found += [each async for each in run]
    assert outcomes(found) == ["invited"] * 5
    assert run.done == run.total == 5
    assert sent_emails(sandbox) == addresses(5)


async def test_aclose_leaves_nothing_behind_and_a_new_run_continues(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    plan_ = await plan(arena, addresses(5), MemoryStore())
    tasks = asyncio.all_tasks()
    with no_warning():
        async with plan_.apply() as run:
            await anext(run)
            waiting = asyncio.create_task(anext(run))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await asyncio.gather(run.aclose(), run.aclose())
            with pytest.raises(StopAsyncIteration):
                await waiting
            with pytest.raises(StopAsyncIteration):
                await anext(run)
        assert asyncio.all_tasks() == tasks
        dropped = plan_.apply()
        await anext(dropped)
        del dropped
    summary = await plan_.apply()
    assert summary.done == 5
    assert sorted(sent_emails(sandbox)) == addresses(5)


@pytest.mark.parametrize("is_closed_first", [False, True])
async def test_error_of_a_closed_run_is_not_logged_as_one_that_nobody_has_asked_for(
    arena: ArenaClient, caplog: pytest.LogCaptureFixture, *, is_closed_first: bool
) -> None:
    failing = asyncio.Event()

    class FailingStore(MemoryStore):
        async def read(self, namespace: str) -> dict[str, str]:
            with suppress(asyncio.CancelledError):
                await failing.wait()
            raise StoreError("broken")

    plan_ = await plan(arena, ["ada@example.org"], MemoryStore())
    run = plan_.apply(store=FailingStore())
    waiting = asyncio.create_task(anext(run))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    if not is_closed_first:
        failing.set()
        for _ in range(9):  # the run ends meanwhile
            await asyncio.sleep(0)
    await run.aclose()
    del run, waiting
    gc.collect()
    await asyncio.sleep(0)
    assert not [each for each in caplog.records if "never retrieved" in each.message]


@asynccontextmanager
async def two_clients(sandbox: Sandbox) -> AsyncGenerator[tuple[ArenaClient, ArenaClient]]:
    """Clients that do not wait for each other as long as in reality."""
    clock = FastClock()
    async with make_client(sandbox, clock=clock) as one, make_client(sandbox, clock=clock) as other:
        yield one, other


async def test_two_syncs_at_once_send_one_email_each(sandbox: Sandbox) -> None:
    desired = addresses(20)
    store = MemoryStore()
    async with two_clients(sandbox) as (one, other):
        plans = await asyncio.gather(*(plan(each, desired, store) for each in (one, other)))
        runs = [each.apply(on_drift="skip", concurrency=2) for each in plans]
        summaries = await asyncio.gather(*runs)
    assert [each.done for each in summaries] == [20, 20]
    assert sum(each.counts.get(SyncOutcome.INVITED, 0) for each in summaries) == 20
    assert sorted(sent_emails(sandbox)) == sorted(desired)


async def test_two_syncs_at_once_from_the_beginning_send_one_email_each(sandbox: Sandbox) -> None:
    desired = addresses(12)
    store = MemoryStore()
    async with two_clients(sandbox) as (one, other):

        async def run(arena: ArenaClient) -> None:
            await (await plan(arena, desired, store)).apply(on_drift="skip")

        await asyncio.gather(run(one), run(other), run(one))
    assert sorted(sent_emails(sandbox)) == sorted(desired)


async def test_sync_again_skips_who_declined_and_reinvites_on_request(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    assert await sync(arena, addresses(2), store) == "2 invited"
    for number in sandbox.pending_invitations(GROUP):
        sandbox.decline_invitation(number)
    again = await plan(arena, addresses(2), store)
    assert str(again.summary) == "keep 1, skip 2"
    named = await plan(arena, addresses(2), store, reinvite=addresses(1))
    assert str(await named.apply()) == "1 invited"
    assert str(await named.apply()) == "1 already invited"
    assert Counter(sent_emails(sandbox)) == {addresses(2)[0]: 2, addresses(2)[1]: 1}


async def test_summary_counts_for_whom_the_run_waits(sandbox: Sandbox) -> None:
    shown: list[str] = []

    class Clock(AutoAdvanceClock):
        async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
            shown.append(str(run.summary))
            await super().wait(event, seconds)

    store, clock = MemoryStore(), Clock()
    namespace = journal_namespace(sandbox, "sync/0")
    digest = find_sync_key(KEY).digest
    journal = InviteJournal(store, namespace, claim_timeout=60, clock=clock, digest=digest)
    assert await journal.claim(f"email:{addresses(1)[0]}", replacing=None)
    async with make_client(sandbox, clock=clock) as arena:
        run = (await plan(arena, addresses(1), store)).apply()
        assert str(await run) == "1 invited"
    assert set(shown) == {"nothing to do; waiting for the outcome of 1 more"}


async def test_link_resolves_who_is_held(sandbox: Sandbox, arena: ArenaClient) -> None:
    store = MemoryStore()
    await sync(arena, addresses(1), store)
    (invitation,) = sandbox.pending_invitations(GROUP)
    user = sandbox.accept_invitation(invitation)
    stranger = sandbox.add_members(GROUP, 1)[0]
    held = await plan(arena, addresses(1), store)
    assert str(held.summary) == "held 2, keep 1, unresolved 1"
    assert await link(addresses(1)[0], user, store=store, key=KEY) == user
    assert await sync(arena, addresses(1), store) == "1 removed"
    assert stranger not in sandbox.members(GROUP)
    assert user in sandbox.members(GROUP)
