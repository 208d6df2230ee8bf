"""Watches of a sandbox: their events, cost, failures, stores, and ends."""

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import arena_groups
from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    AuthenticationError,
    BlockedError,
    ClientStateError,
    ForbiddenError,
    InvitationAccepted,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    MemoryStore,
    NotFoundError,
    PollFailure,
    RoleChanged,
    ServerError,
    SQLiteStore,
    StoreError,
    Watcher,
    WatchEvent,
    to_dict,
    watch,
)
from arena_groups.sandbox import Sandbox, faults
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.watching import poller
from tests.support.clients import single
from tests.support.faults import EmptyList, ReplaceText
from tests.support.group_states import NOW
from tests.support.leaks import no_warning
from tests.support.stores import FaultyStore, ForgetfulStore
from tests.support.thorough import repetitions
from tests.support.waiting import HANG_TIMEOUT, run_other_tasks

HOUR = 3600.0
PAGE_SIZE = repetitions(10, thorough=100)


class OneHourClock(AutoAdvanceClock):
    """Clock that advances itself and the sandbox; ``over`` is set after an hour."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(self._advance)
        self.over = asyncio.Event()
        self._sandbox = sandbox

    def _advance(self, seconds: float) -> None:
        self._sandbox.advance(seconds)
        if self.now() >= HOUR:
            self.over.set()


@pytest.fixture
async def clock(sandbox: Sandbox) -> AutoAdvanceClock:
    return AutoAdvanceClock(sandbox.advance)


@pytest.fixture
async def arena(sandbox: Sandbox, clock: AutoAdvanceClock) -> AsyncIterator[ArenaClient]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url, clock=clock) as client:
        yield client


async def begin(arena: ArenaClient, *groups: str | int, **options: Any) -> Watcher:
    """Return a watch after the first poll of groups in which nothing happens."""
    store = options.setdefault("store", MemoryStore())
    async with aclosing(watch(arena, *groups, store=store, once=True)) as first:
        assert [event async for event in first] == []
    return watch(arena, *groups, **options)


async def take(watcher: Watcher, count: int) -> list[WatchEvent]:
    return [await anext(watcher) for _ in range(count)]


class TestArguments:
    def test_watch_is_a_function_and_not_a_module(self) -> None:
        assert inspect.isfunction(arena_groups.watch)
        with pytest.raises(ModuleNotFoundError):
            import_module("arena_groups.watch")

    @pytest.mark.parametrize(
        ("groups", "options", "message"),
        [
            ((), {}, "at least one"),
            (("a/b",), {}, "no slash"),
            (("a",), {"interval": 0}, "more than 0"),
            (("a",), {"interval": float("nan")}, "more than 0"),
            (("a",), {"name": "a/b"}, "without slashes"),
            (("a",), {"shared": True}, "needs a store"),
            (
                ("a",),
                {"shared": True, "once": True, "store": MemoryStore()},
                "polls once",
            ),
        ],
    )
    async def test_watch_with_a_bad_argument_raises(
        self, arena: ArenaClient, groups: Any, options: Any, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            watch(arena, *groups, **options)


class TestEvents:
    async def test_membership_from_invitation_to_leaving_is_reported(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        group = sandbox.groups["one"]
        watcher = await begin(arena, "one")
        ada = sandbox.add_user("Ada")
        await arena.groups.invite("one", user_id=ada)
        (sent,) = await take(watcher, 1)
        (invitation,) = sandbox.pending_invitations("one")
        assert isinstance(sent, InvitationSent)
        assert sent.key.startswith(f"{group}/invitation-sent/{invitation}/")
        assert sent.group.slug == "one"

        sandbox.accept_invitation(invitation)
        joined, accepted = await take(watcher, 2)
        assert isinstance(joined, MemberJoined)
        assert isinstance(accepted, InvitationAccepted)
        assert accepted.invitation == sent.invitation
        assert accepted.member == joined.member

        sandbox.transfer_ownership("one", ada)
        was_owner, is_owner = await take(watcher, 2)
        assert isinstance(was_owner, RoleChanged)
        assert isinstance(is_owner, RoleChanged)
        assert (is_owner.member.id, is_owner.previous_role, is_owner.member.role) == (
            ada,
            "member",
            "owner",
        )
        sandbox.transfer_ownership("one", sandbox.users.owner.id)
        await take(watcher, 2)
        sandbox.leave_group("one", ada)
        (left,) = await take(watcher, 1)
        assert isinstance(left, MemberLeft)
        sandbox.add_member("one", ada)
        (again,) = await take(watcher, 1)
        assert again.key != joined.key

        await arena.groups.create_invite_code("one")
        (changed,) = await take(watcher, 1)
        assert isinstance(changed, InviteCodeChanged)
        assert changed.exists

    async def test_renamed_group_is_still_watched(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one")
        sandbox.add_members("one", 1)
        await take(watcher, 1)
        group = await arena.groups.update("one", name="Uno")
        sandbox.add_members(group.slug, 1)
        assert isinstance(await anext(watcher), MemberJoined)

    async def test_group_given_by_slug_and_id_is_watched_once(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = watch(arena, "one", sandbox.groups["one"], once=True, replay=True)
        assert [event.kind async for event in watcher] == ["member-joined"]

    async def test_token_without_access_to_the_code_reports_the_other_events(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        sandbox.add_member("one", sandbox.users.member.id)
        async with single(sandbox.tokens.member, base_url=sandbox.url, clock=clock) as arena:
            watcher = await begin(arena, "one")
            sandbox.clear_requests()
            for _ in range(3):
                sandbox.add_members("one", 1)
                await take(watcher, 1)
            refused = [each for each in sandbox.requests if each.status == 403]
            assert len(refused) == 1

    async def test_changed_name_is_in_later_events(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        (user,) = sandbox.add_members("one", 1)
        watcher = await begin(arena, "one")
        sandbox.rename_user(user, "Another Name")
        sandbox.add_members("one", 1)
        await take(watcher, 1)
        sandbox.leave_group("one", user)
        (left,) = await take(watcher, 1)
        assert isinstance(left, MemberLeft)
        assert left.member.name == "Another Name"


async def test_hour_with_twenty_groups_on_a_free_account_transfers_no_page_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller, "PAGE_SIZE", PAGE_SIZE)
    async with Sandbox(tier="free") as sandbox:
        groups = [sandbox.add_group(f"Group {number}") for number in range(20)]
        async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
            for group in groups:
                sandbox.add_invitations(group, 10 * PAGE_SIZE - 5)
                sandbox.add_members(group, PAGE_SIZE + 2)
                await arena.groups.create_invite_code(group)
        sandbox.advance(60)  # into a window in which nothing was sent
        sandbox.clear_requests()
        clock = OneHourClock(sandbox)
        async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, clock=clock) as arena:
            watcher = watch(arena, *groups)
            task = asyncio.ensure_future(anext(watcher))
            await clock.over.wait()
            await watcher.aclose()
            with pytest.raises(StopAsyncIteration):
                await task
        statuses = Counter(
            (each.path, each.query.get("page"), each.status) for each in sandbox.requests
        )
    assert {status for *_, status in statuses} == {200, 304}
    # Invite codes are secrets, so the client does not cache those responses.
    cached = {key: count for key, count in statuses.items() if not key[0].endswith("/invite")}
    assert [key for key, count in cached.items() if key[-1] == 200 and count > 1] == []
    assert sum(statuses.values()) > 20 * 3 * 20  # each group was polled every three minutes
    last_pages = [key for key in statuses if key[1] == "10" and key[-1] == 304]
    assert len(last_pages) == 20


class TestFailures:
    async def test_failed_poll_is_reported_and_retried(
        self,
        sandbox: Sandbox,
        arena: ArenaClient,
        clock: AutoAdvanceClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        failures: list[PollFailure] = []
        watcher = await begin(arena, "one", on_failure=failures.append)
        sandbox.faults.add(faults.ServerFailure(), times=1)
        sandbox.faults.add(faults.Reset(), times=1)
        sandbox.add_members("one", 1)
        with caplog.at_level(logging.INFO, "arena_groups"):
            (joined,) = await take(watcher, 1)
        assert isinstance(joined, MemberJoined)
        assert [type(each.error) for each in failures] == [ServerError, ArenaConnectionError]
        assert [each.failures for each in failures] == [1, 2]
        assert clock.waits[-2:] == pytest.approx([each.retry_in for each in failures])
        assert sum("polling group one failed" in line for line in caplog.messages) == 2

    async def test_poll_that_fails_halfway_loses_no_event(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one")
        sandbox.faults.add(faults.ServerFailure(), operation="getGroupMembers", times=1)
        sandbox.add_invitations("one", 1)
        sandbox.add_members("one", 1)
        assert [each.kind for each in await take(watcher, 2)] == [
            "invitation-sent",
            "member-joined",
        ]

    async def test_exception_of_the_callback_ends_the_iteration(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        def stop(_: PollFailure) -> None:
            raise ZeroDivisionError

        watcher = await begin(arena, "one", on_failure=stop)
        sandbox.faults.add(faults.ServerFailure(), times=1)
        with pytest.raises(ZeroDivisionError):
            await anext(watcher)

    async def test_unreadable_invite_code_delays_no_other_event(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        failures: list[PollFailure] = []
        watcher = await begin(arena, "one", on_failure=failures.append)
        broken = sandbox.faults.add(faults.ServerFailure(), operation="getGroupInvite")
        for count in (1, 2):
            sandbox.add_members("one", 1)
            await take(watcher, 1)
            assert [failure.failures for failure in failures] == list(range(1, count + 1))
        assert isinstance(failures[0].error, ServerError)
        assert 0 < failures[0].retry_in <= 66
        broken.remove()
        await arena.groups.create_invite_code("one")
        (changed,) = await take(watcher, 1)
        assert isinstance(changed, InviteCodeChanged)
        assert len(failures) == 2

    async def test_once_with_an_unreadable_invite_code_raises_after_the_events(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        sandbox.faults.add(faults.ServerFailure(), operation="getGroupInvite")
        watcher = watch(arena, "one", once=True, replay=True)
        assert isinstance(await anext(watcher), MemberJoined)
        with pytest.raises(ServerError, match="/invite"):
            await anext(watcher)
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)

    async def test_deleted_group_is_named_and_the_others_are_watched_on(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one", "two")
        await arena.groups.delete("one")
        with pytest.raises(NotFoundError, match="group one is no longer watched"):
            await anext(watcher)
        assert repr(watcher) == "<Watcher of two>"
        sandbox.add_members("two", 1)
        (joined,) = await take(watcher, 1)
        assert joined.group.slug == "two"
        await arena.groups.delete("two")
        with pytest.raises(NotFoundError, match="group two is no longer watched"):
            await anext(watcher)
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)

    async def test_group_without_permission_raises_its_name(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        async with single(sandbox.tokens.stranger, base_url=sandbox.url, clock=clock) as arena:
            with pytest.raises(ForbiddenError, match="group one is no longer watched"):
                await anext(watch(arena, "one"))

    @pytest.mark.parametrize("form", ["text", "challenge"])
    async def test_block_by_the_edge_ends_no_watch(
        self, sandbox: Sandbox, arena: ArenaClient, form: str
    ) -> None:
        failures: list[PollFailure] = []
        watcher = await begin(arena, "one", on_failure=failures.append)
        sandbox.faults.add(faults.Blocked(form), times=2)
        sandbox.add_members("one", 1)
        (joined,) = await take(watcher, 1)
        assert isinstance(joined, MemberJoined)
        assert [type(each.error) for each in failures] == [BlockedError, BlockedError]
        assert all(each.retry_in >= 60 for each in failures)

    async def test_block_with_once_raises_without_blaming_the_group(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        sandbox.faults.add(faults.Blocked())
        with pytest.raises(BlockedError) as caught:
            await anext(watch(arena, "one", once=True))
        assert "no longer watched" not in str(caught.value)

    async def test_blocked_invite_code_is_no_missing_permission(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        failures: list[PollFailure] = []
        watcher = await begin(arena, "one", on_failure=failures.append)
        with sandbox.faults.add(faults.Blocked(), operation="getGroupInvite", times=1):
            sandbox.add_members("one", 1)
            await take(watcher, 1)
        assert [type(each.error) for each in failures] == [BlockedError]
        await arena.groups.create_invite_code("one")
        (changed,) = await take(watcher, 1)
        assert isinstance(changed, InviteCodeChanged)

    async def test_invalid_token_ends_the_watch(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        async with ArenaClient("nobody", base_url=sandbox.url, clock=clock) as arena:
            watcher = watch(arena, "one", "two")
            with pytest.raises(AuthenticationError):
                await anext(watcher)
            with pytest.raises(StopAsyncIteration):
                await anext(watcher)

    async def test_closed_client_raises(self, sandbox: Sandbox, clock: AutoAdvanceClock) -> None:
        async with single(sandbox.tokens.owner, base_url=sandbox.url, clock=clock) as arena:
            watcher = await begin(arena, "one")
        with pytest.raises(ClientStateError):
            await anext(watcher)

    async def test_once_raises_the_first_failure(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        sandbox.faults.add(faults.ServerFailure(), times=1)
        with pytest.raises(ServerError):
            await anext(watch(arena, "one", once=True))


class TestStores:
    async def test_restart_delivers_the_pending_event_again_and_all_later_ones(
        self, sandbox: Sandbox, arena: ArenaClient, tmp_path: Path
    ) -> None:
        async with SQLiteStore(tmp_path / "state.db") as store:
            watcher = await begin(arena, "one", store=store)
            sandbox.add_members("one", 3)
            first, pending = await take(watcher, 2)
        sandbox.leave_group("one", pending.member.id)  # type: ignore[union-attr]
        async with SQLiteStore(tmp_path / "state.db") as store:
            again, third, left = await take(watch(arena, "one", store=store), 3)
        assert again == pending
        assert third.kind == "member-joined"
        assert third.key not in {first.key, pending.key}
        assert isinstance(left, MemberLeft)
        assert left.member.id == pending.member.id  # type: ignore[union-attr]

    async def test_event_has_the_time_of_the_poll_that_found_it_also_when_repeated(
        self, sandbox: Sandbox, arena: ArenaClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = MemoryStore()
        await (await begin(arena, "one", store=store)).aclose()
        times = iter([NOW, NOW + timedelta(minutes=1)])
        monkeypatch.setattr(poller, "utc_now", lambda: next(times))
        sandbox.add_member("one", sandbox.add_user("Ada"))
        sandbox.add_member("one", sandbox.add_user("Ono"))
        async with watch(arena, "one", store=store, once=True) as first:
            (ada,) = await take(first, 1)
        async with watch(arena, "one", store=store, once=True) as second:
            again, ono = await take(second, 2)
        assert again == ada
        assert ada.observed_at == NOW
        assert ono.observed_at == NOW + timedelta(minutes=1)
        assert to_dict(ada)["observed_at"] == "2026-03-09T22:02:26Z"

    async def test_names_that_utf8_cannot_encode_are_saved(
        self, sandbox: Sandbox, arena: ArenaClient, tmp_path: Path
    ) -> None:
        sandbox.add_member("one", sandbox.add_user("Ada Lovelace"))
        sandbox.faults.add(ReplaceText(b"Ada Lovelace", rb"Ada \ud800\u0000"))
        path = tmp_path / "state.db"
        first: list[WatchEvent] = []
        for _ in range(2):
            async with (
                SQLiteStore(path) as store,
                watch(arena, "one", store=store, name="a\udfff\0", replay=True) as watcher,
            ):
                first += await take(watcher, 1)
        assert first[0] == first[1]
        async with SQLiteStore(path) as store:
            watcher = watch(arena, "one", store=store, name="a\udfff\0", once=True)
            members = [each.member async for each in watcher if isinstance(each, MemberJoined)]
        assert "Ada \ud800\0" in {each.name for each in members}

    async def test_events_after_the_store_went_back_have_new_keys(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store = ForgetfulStore()
        (ada,) = sandbox.add_members("one", 1)
        watcher = await begin(arena, "one", store=store)
        sandbox.leave_group("one", ada)
        (left,) = await take(watcher, 1)
        store.undo(1)
        sandbox.add_member("one", ada)
        assert [each async for each in watch(arena, "one", store=store, once=True)] == []
        sandbox.leave_group("one", ada)
        (left_again,) = await take(watch(arena, "one", store=store), 1)
        assert isinstance(left, MemberLeft)
        assert isinstance(left_again, MemberLeft)
        assert left.sequence == left_again.sequence
        assert left.key != left_again.key

    async def test_lists_of_a_stale_replica_give_every_event_a_key_of_its_own(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one")
        sandbox.add_invitations("one", 1)
        (sent,) = await take(watcher, 1)
        stale = sandbox.faults.add(EmptyList(), operation="getGroupInvitations")
        (closed,) = await take(watcher, 1)
        stale.remove()
        (sent_again,) = await take(watcher, 1)
        sandbox.faults.add(EmptyList(), operation="getGroupInvitations")
        (closed_again,) = await take(watcher, 1)
        events = [sent, closed, sent_again, closed_again]
        assert [each.kind for each in events] == ["invitation-sent", "invitation-closed"] * 2
        assert len({each.key for each in events}) == 4

    async def test_acknowledged_event_is_not_delivered_again(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store = MemoryStore()
        watcher = await begin(arena, "one", store=store)
        sandbox.add_members("one", 2)
        (first,) = await take(watcher, 1)
        await watcher.ack()
        await watcher.ack()
        await watcher.aclose()
        rest = [event async for event in watch(arena, "one", store=store, once=True)]
        assert [event.key == first.key for event in rest] == [False]

    async def test_later_watch_of_the_same_name_fences_out_the_earlier(
        self, sandbox: Sandbox, arena: ArenaClient, tmp_path: Path
    ) -> None:
        path = tmp_path / "state.db"
        async with SQLiteStore(path) as mine, SQLiteStore(path) as theirs:
            earlier = await begin(arena, "one", store=mine)
            sandbox.add_members("one", 1)
            (event,) = await take(earlier, 1)
            later = watch(arena, "one", store=theirs)
            assert await take(later, 1) == [event]
            before = await mine.read(f"watch/default/{sandbox.groups['one']}")
            with pytest.raises(StoreError, match="another watch has taken over"):
                await anext(earlier)
            with pytest.raises(StopAsyncIteration):
                await anext(earlier)
            assert await mine.read(f"watch/default/{sandbox.groups['one']}") == before
            sandbox.add_members("one", 1)
            assert len(await take(later, 1)) == 1

    async def test_watches_of_different_names_are_independent(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store = MemoryStore()
        for name in ("digest", "audit"):
            watcher = watch(arena, "one", store=store, name=name, replay=True, once=True)
            assert [event.kind async for event in watcher] == ["member-joined"]

    async def test_event_that_could_not_be_saved_is_delivered_later(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store = FaultyStore()
        watcher = await begin(arena, "one", store=store)
        sandbox.add_members("one", 2)
        (first,) = await take(watcher, 1)
        store.failing = True
        for _ in range(2):
            with pytest.raises(StoreError, match="is failing"):
                await anext(watcher)
        store.failing = False
        (second,) = await take(watcher, 1)
        assert (first.sequence, second.sequence) == (1, 2)


class TestEnds:
    async def test_cancelled_call_can_be_repeated(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one")
        sandbox.add_members("one", 3)
        keys: list[str] = []
        attempt = 0
        while len(keys) < 3:
            attempt += 1
            task = asyncio.ensure_future(anext(watcher))
            await run_other_tasks(attempt)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                keys.append(task.result().key)
        assert len(set(keys)) == 3

    async def test_close_ends_a_waiting_call(self, arena: ArenaClient) -> None:
        with no_warning():
            watcher = await begin(arena, "one")
            task = asyncio.ensure_future(anext(watcher))
            await run_other_tasks(20)
            with pytest.raises(RuntimeError, match="one consumer"):
                await anext(watcher)
            await watcher.aclose()
            await watcher.aclose()
            with pytest.raises(StopAsyncIteration):
                await task
            with pytest.raises(StopAsyncIteration):
                await anext(watcher)
            await watcher.ack()
            assert repr(watcher) == "<Watcher closed>"
            del watcher, task

    @pytest.mark.parametrize("closing", [False, True])
    async def test_store_that_suppresses_cancellation_does_not_block(
        self, sandbox: Sandbox, arena: ArenaClient, closing: bool
    ) -> None:
        store = FaultyStore()
        watcher = await begin(arena, "one", store=store)
        sandbox.add_members("one", 1)
        await take(watcher, 1)
        store.deaf = True
        store.writing.clear()
        waiting = asyncio.ensure_future(anext(watcher))
        await store.writing.wait()
        if closing:
            await watcher.aclose()
        else:
            waiting.cancel()
        (ended,), _ = await asyncio.wait([waiting], timeout=HANG_TIMEOUT)
        assert ended.cancelled() or isinstance(ended.exception(), StopAsyncIteration)
        assert ended.cancelled() is not closing

    async def test_break_leaves_no_task_behind(self, sandbox: Sandbox, arena: ArenaClient) -> None:
        with no_warning():
            async with watch(arena, "one", replay=True) as watcher:
                async for event in watcher:
                    assert event.kind == "member-joined"
                    break
            async for _ in watch(arena, "one", replay=True):
                break
            running = [repr(task.get_coro()) for task in asyncio.all_tasks()]
            assert not [each for each in running if "Watcher" in each]
