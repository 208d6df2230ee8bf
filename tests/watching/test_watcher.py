"""A watch of a sandbox: what it costs, what can go wrong, and how it ends."""

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import arena_groups
from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    AuthenticationError,
    ClientStateError,
    ForbiddenError,
    InvitationAccepted,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    MemoryStore,
    NoPacer,
    NotFoundError,
    PollFailure,
    RetryPolicy,
    RoleChanged,
    ServerError,
    SQLiteStore,
    StoreError,
    WatchEvent,
    watch,
)
from arena_groups.sandbox import Sandbox, faults
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.leaks import no_warning

ONCE = RetryPolicy(attempts=1)
HOUR = 3600.0


class Hour(AutoAdvanceClock):
    """A clock whose hour strikes."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(self._pass)
        self.struck = asyncio.Event()
        self._sandbox = sandbox

    def _pass(self, seconds: float) -> None:
        self._sandbox.advance(seconds)
        if self.now() >= HOUR:
            self.struck.set()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        made.add_group("One", slug="one")
        made.add_group("Two", slug="two")
        yield made


@pytest.fixture
async def clock(sandbox: Sandbox) -> AutoAdvanceClock:
    return AutoAdvanceClock(sandbox.advance)


@pytest.fixture
async def arena(sandbox: Sandbox, clock: AutoAdvanceClock) -> AsyncIterator[ArenaClient]:
    async with client(sandbox, clock) as made:
        yield made


def client(sandbox: Sandbox, clock: AutoAdvanceClock, person: str = "owner") -> ArenaClient:
    token: str = getattr(sandbox.tokens, person)
    return ArenaClient(token, base_url=sandbox.url, clock=clock, retry=ONCE, pacer=NoPacer())


async def begin(arena: ArenaClient, *groups: str | int, **options: Any) -> arena_groups.Watcher:
    """A watch that has had its first look at groups in which nothing happens."""
    store = options.setdefault("store", MemoryStore())
    async with aclosing(watch(arena, *groups, store=store, once=True)) as first:
        assert [event async for event in first] == []
    return watch(arena, *groups, **options)


async def take(watcher: arena_groups.Watcher, count: int) -> list[WatchEvent]:
    return [await anext(watcher) for _ in range(count)]


class TestNames:
    def test_watch_is_a_function_and_no_module_has_its_name(self) -> None:
        assert inspect.isfunction(arena_groups.watch)
        with pytest.raises(ModuleNotFoundError):
            import_module("arena_groups.watch")

    @pytest.mark.parametrize(
        ("groups", "options", "problem"),
        [
            ((), {}, "at least one"),
            (("a/b",), {}, "no slash"),
            (("a",), {"interval": 0}, "more than 0"),
            (("a",), {"interval": float("nan")}, "more than 0"),
            (("a",), {"name": "a/b"}, "without slashes"),
        ],
    )
    async def test_bad_arguments(
        self, arena: ArenaClient, groups: Any, options: Any, problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            watch(arena, *groups, **options)


class TestEvents:
    async def test_a_membership_from_beginning_to_end(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        group = sandbox.groups["one"]
        watcher = await begin(arena, "one")
        ada = sandbox.add_user("Ada")
        await arena.groups.invite("one", user_id=ada)
        (sent,) = await take(watcher, 1)
        (invitation,) = sandbox.pending_invitations("one")
        assert isinstance(sent, InvitationSent)
        assert (sent.key, sent.group.slug) == (f"{group}/invitation-sent/{invitation}", "one")

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
        sandbox.transfer_ownership("one", sandbox.users.owner)
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

    async def test_a_renamed_group_is_still_watched(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one")
        sandbox.add_members("one", 1)
        await take(watcher, 1)
        group = await arena.groups.update("one", name="Uno")
        sandbox.add_members(group.slug, 1)
        assert isinstance(await anext(watcher), MemberJoined)

    async def test_a_group_named_twice_is_watched_once(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = watch(arena, "one", sandbox.groups["one"], once=True, replay=True)
        assert [event.kind async for event in watcher] == ["member-joined"]

    async def test_a_member_who_may_not_see_the_code_watches_the_rest(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        sandbox.add_member("one", sandbox.users.member)
        async with client(sandbox, clock, "member") as arena:
            watcher = await begin(arena, "one")
            sandbox.clear_requests()
            for _ in range(3):
                sandbox.add_members("one", 1)
                await take(watcher, 1)
            refused = [each for each in sandbox.requests if each.status == 403]
            assert len(refused) == 1

    async def test_a_name_that_changes_is_no_event_but_is_known_later(
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


async def test_twenty_groups_of_ten_pages_for_an_hour_on_a_free_account() -> None:
    async with Sandbox(tier="free") as sandbox:
        groups = [sandbox.add_group(f"Group {number}") for number in range(20)]
        async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url) as arena:
            for group in groups:
                sandbox.add_invitations(group, 950)
                sandbox.add_members(group, 120)
                await arena.groups.create_invite_code(group)
        sandbox.advance(60)  # into a window in which nothing was sent
        sandbox.clear_requests()
        clock = Hour(sandbox)
        async with ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, clock=clock) as arena:
            watcher = watch(arena, *groups)
            task = asyncio.ensure_future(anext(watcher))
            await clock.struck.wait()
            await watcher.aclose()
            with pytest.raises(StopAsyncIteration):
                await task
        statuses = Counter(
            (each.path, each.query.get("page"), each.status) for each in sandbox.requests
        )
    assert {status for *_, status in statuses} == {200, 304}
    # Invite codes are secrets, which the client never keeps: those answers come whole.
    kept = {asked: count for asked, count in statuses.items() if not asked[0].endswith("/invite")}
    assert [asked for asked, count in kept.items() if asked[-1] == 200 and count > 1] == []
    assert sum(statuses.values()) > 20 * 3 * 20  # each was looked at every three minutes or more
    deep = [asked for asked in statuses if asked[1] == "10" and asked[-1] == 304]
    assert len(deep) == 20


class TestFailures:
    async def test_a_failed_look_is_reported_and_tried_again(
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

    async def test_a_look_that_fails_half_way_loses_nothing(
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

    async def test_what_the_callback_raises_ends_the_iteration(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        def stop(_: PollFailure) -> None:
            raise ZeroDivisionError

        watcher = await begin(arena, "one", on_failure=stop)
        sandbox.faults.add(faults.ServerFailure(), times=1)
        with pytest.raises(ZeroDivisionError):
            await anext(watcher)

    async def test_an_invite_code_that_cannot_be_read_holds_nothing_else_up(
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

    async def test_once_raises_it_after_the_events(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        sandbox.faults.add(faults.ServerFailure(), operation="getGroupInvite")
        watcher = watch(arena, "one", once=True, replay=True)
        assert isinstance(await anext(watcher), MemberJoined)
        with pytest.raises(ServerError, match="/invite"):
            await anext(watcher)
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)

    async def test_a_deleted_group_is_named_and_the_others_go_on(
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

    async def test_a_group_that_may_not_be_managed(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        async with client(sandbox, clock, "stranger") as arena:
            with pytest.raises(ForbiddenError, match="group one is no longer watched"):
                await anext(watch(arena, "one"))

    async def test_without_a_valid_token_all_ends(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        async with ArenaClient("nobody", base_url=sandbox.url, clock=clock) as arena:
            watcher = watch(arena, "one", "two")
            with pytest.raises(AuthenticationError):
                await anext(watcher)
            with pytest.raises(StopAsyncIteration):
                await anext(watcher)

    async def test_a_closed_client_is_no_passing_failure(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        async with client(sandbox, clock) as arena:
            watcher = await begin(arena, "one")
        with pytest.raises(ClientStateError):
            await anext(watcher)

    async def test_once_raises_at_the_first_failure(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        sandbox.faults.add(faults.ServerFailure(), times=1)
        with pytest.raises(ServerError):
            await anext(watch(arena, "one", once=True))


class TestStores:
    async def test_nothing_is_missing_after_a_restart(
        self, sandbox: Sandbox, arena: ArenaClient, tmp_path: Path
    ) -> None:
        async with SQLiteStore(tmp_path / "state.db") as store:
            watcher = await begin(arena, "one", store=store)
            sandbox.add_members("one", 3)
            first, in_hand = await take(watcher, 2)
        sandbox.leave_group("one", in_hand.member.id)  # type: ignore[union-attr]
        async with SQLiteStore(tmp_path / "state.db") as store:
            again, third, left = await take(watch(arena, "one", store=store), 3)
        assert again == in_hand
        assert third.kind == "member-joined"
        assert third.key not in {first.key, in_hand.key}
        assert isinstance(left, MemberLeft)
        assert left.member.id == in_hand.member.id  # type: ignore[union-attr]

    async def test_what_was_handled_last_does_not_come_again(
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

    async def test_the_last_to_start_takes_over(
        self, sandbox: Sandbox, arena: ArenaClient, tmp_path: Path
    ) -> None:
        path = tmp_path / "state.db"
        async with SQLiteStore(path) as mine, SQLiteStore(path) as theirs:
            earlier = await begin(arena, "one", store=mine)
            sandbox.add_members("one", 1)
            (told,) = await take(earlier, 1)
            later = watch(arena, "one", store=theirs)
            assert await take(later, 1) == [told]
            before = await mine.read(f"watch/default/{sandbox.groups['one']}")
            with pytest.raises(StoreError, match="another watch has taken over"):
                await anext(earlier)
            with pytest.raises(StopAsyncIteration):
                await anext(earlier)
            assert await mine.read(f"watch/default/{sandbox.groups['one']}") == before
            sandbox.add_members("one", 1)
            assert len(await take(later, 1)) == 1

    async def test_watches_of_other_names_keep_out_of_each_others_way(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store = MemoryStore()
        for name in ("digest", "audit"):
            watcher = watch(arena, "one", store=store, name=name, replay=True, once=True)
            assert [event.kind async for event in watcher] == ["member-joined"]

    async def test_an_event_that_could_not_be_saved_is_still_there(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        class Full(MemoryStore):
            full = False

            async def compare_and_set(self, *args: Any, **options: Any) -> bool:
                if self.full:
                    raise StoreError("no room")
                return await super().compare_and_set(*args, **options)

        store = Full()
        watcher = await begin(arena, "one", store=store)
        sandbox.add_members("one", 2)
        (first,) = await take(watcher, 1)
        store.full = True
        for _ in range(2):
            with pytest.raises(StoreError, match="no room"):
                await anext(watcher)
        store.full = False
        (second,) = await take(watcher, 1)
        assert (first.sequence, second.sequence) == (1, 2)


class TestEnds:
    async def test_a_cancelled_call_can_be_repeated(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        watcher = await begin(arena, "one")
        sandbox.add_members("one", 3)
        heard: list[str] = []
        turns = 0
        while len(heard) < 3:
            turns += 1
            task = asyncio.ensure_future(anext(watcher))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                heard.append(task.result().key)
        assert len(set(heard)) == 3

    async def test_closing_ends_a_call_that_waits(self, arena: ArenaClient) -> None:
        with no_warning():
            watcher = await begin(arena, "one")
            task = asyncio.ensure_future(anext(watcher))
            for _ in range(20):
                await asyncio.sleep(0)
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
    async def test_a_store_that_loses_a_cancellation_holds_nobody_up(
        self, sandbox: Sandbox, arena: ArenaClient, closing: bool
    ) -> None:
        class Deaf(MemoryStore):
            asked = asyncio.Event()

            async def compare_and_set(self, *args: Any, **options: Any) -> bool:
                self.asked.set()
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
                return await super().compare_and_set(*args, **options)

        store = Deaf()
        watcher = await begin(arena, "one", store=store)
        sandbox.add_members("one", 1)
        await take(watcher, 1)
        store.asked.clear()
        waiting = asyncio.ensure_future(anext(watcher))
        await store.asked.wait()
        if closing:
            await watcher.aclose()
        else:
            waiting.cancel()
        (ended,), _ = await asyncio.wait([waiting], timeout=30)
        assert ended.cancelled() or isinstance(ended.exception(), StopAsyncIteration)
        assert ended.cancelled() is not closing

    async def test_leaving_the_loop_leaves_nothing_behind(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        with no_warning():
            async with watch(arena, "one", replay=True) as watcher:
                async for event in watcher:
                    assert event.kind == "member-joined"
                    break
            async for _ in watch(arena, "one", replay=True):
                break
            running = [repr(task.get_coro()) for task in asyncio.all_tasks()]
            assert not [each for each in running if "Watcher" in each]
