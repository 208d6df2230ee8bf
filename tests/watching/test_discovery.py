"""Watches of all groups of a user: groups that are joined, left, skipped, and failing lists."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import frozen

from arena_groups import (
    ArenaClient,
    AuthenticationError,
    InvitationSent,
    MemberJoined,
    MemoryStore,
    ServerError,
    Store,
    Watcher,
    watch,
)
from arena_groups.sandbox import Sandbox, faults
from arena_groups.watching import GroupsChange, PollFailure
from arena_groups.watching.lease import KEEPER_TASK
from tests.support.clients import single
from tests.support.faults import ReplaceText
from tests.support.virtual_time import LoopClock, in_virtual_time

INTERVAL = 60.0


@frozen
class World:
    """A sandbox, a client of a user who owns nothing but what a test adds, and the reports."""

    sandbox: Sandbox
    arena: ArenaClient
    ada: int
    changes: list[GroupsChange]
    failures: list[PollFailure]

    def watch(self, **options: Any) -> Watcher:
        options = {"interval": INTERVAL, **options}
        return watch(
            self.arena,
            all_groups=True,
            on_groups=self.changes.append,
            on_failure=self.failures.append,
            **options,
        )

    def own(self, *slugs: str) -> None:
        for slug in slugs:
            self.sandbox.add_group(slug, slug=slug, owner=self.ada)

    def deny_all(self) -> None:
        """Let the list say from now on that the user manages no group."""
        denied = ReplaceText(b'"manage_invitations":true', b'"manage_invitations":false')
        self.sandbox.faults.add(denied, operation="getUserGroups")
        self.own("another")  # or the list would not have changed

    @property
    def polled(self) -> set[str]:
        return {
            each.path.split("/")[3]
            for each in self.sandbox.requests
            if each.path.endswith("/invitations")
        }


@asynccontextmanager
async def world() -> AsyncGenerator[World]:
    async with Sandbox() as sandbox:
        ada = sandbox.add_user("Ada")
        token = sandbox.token_for(ada)
        async with single(token, base_url=sandbox.url, clock=LoopClock()) as arena:
            yield World(sandbox, arena, ada, [], [])


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds, checked every second of virtual time."""
    async with asyncio.timeout(24 * 3600):
        while not condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(1)


def request_event(watcher: Watcher) -> "asyncio.Task[Any]":
    return asyncio.ensure_future(anext(watcher))


async def finish(watcher: Watcher, request: "asyncio.Future[Any]") -> None:
    await watcher.aclose()
    await asyncio.gather(request, return_exceptions=True)


@pytest.mark.parametrize(
    ("groups", "options", "error"),
    [
        (("one",), {"all_groups": True}, ValueError),
        ((), {"all_groups": False}, ValueError),
        ((), {"all_groups": 1}, TypeError),
        ((), {"all_groups": True, "since": datetime(2026, 1, 1)}, ValueError),  # noqa: DTZ001
        ((), {"all_groups": True, "since": 3600}, TypeError),
        ((), {"all_groups": True, "since": datetime.now(UTC), "replay": True}, ValueError),
        ((), {"all_groups": True, "on_groups": 1}, TypeError),
    ],
)
async def test_bad_arguments_raise(
    groups: tuple[str, ...], options: dict[str, Any], error: type[Exception]
) -> None:
    async with single("token", base_url="http://127.0.0.1:9") as arena:
        with pytest.raises(error):
            watch(arena, *groups, **options)


@in_virtual_time
async def test_all_groups_of_the_user_are_watched_once() -> None:
    async with world() as here:
        here.own("one", "two")
        events = [event async for event in here.watch(once=True, replay=True)]
        assert {(each.kind, each.group.slug) for each in events} == {
            ("member-joined", "one"),
            ("member-joined", "two"),
        }
        (change,) = here.changes
        assert set(change.added) == {"one", "two"}
        assert (change.removed, change.skipped, change.watched) == ((), (), 2)


@in_virtual_time
async def test_user_without_groups_ends_a_watch_of_one_poll() -> None:
    async with world() as here:
        assert [event async for event in here.watch(once=True, replay=True)] == []
        assert here.changes == [GroupsChange(added=(), removed=(), skipped=(), watched=0)]


@in_virtual_time
async def test_joined_group_is_watched_within_ten_intervals() -> None:
    async with world() as here:
        loop = asyncio.get_running_loop()
        watcher = here.watch(replay=True)
        waiting = request_event(watcher)
        await until(lambda: bool(here.changes))  # without a group, it goes on
        for number in range(3):
            slug = f"group-{number}"
            joined = loop.time()
            here.own(slug)
            event = await waiting
            assert isinstance(event, MemberJoined)
            assert event.group.slug == slug
            assert loop.time() - joined <= 10 * INTERVAL + 1
            waiting = request_event(watcher)
            await asyncio.sleep(number * 100)
        await finish(watcher, waiting)
        assert [each.added for each in here.changes[1:]] == [
            ("group-0",),
            ("group-1",),
            ("group-2",),
        ]


@in_virtual_time
async def test_list_is_read_within_an_hour_if_polls_are_rare() -> None:
    async with world() as here:
        loop = asyncio.get_running_loop()
        watcher = here.watch(replay=True, interval=1800.0)
        waiting = request_event(watcher)
        await until(lambda: bool(here.changes))
        here.own("late")
        started = loop.time()
        await waiting
        assert loop.time() - started <= 3600 + 1
        await watcher.aclose()


@in_virtual_time
async def test_left_group_is_dropped_and_the_others_go_on() -> None:
    async with world() as here:
        here.own("mine")
        here.sandbox.add_group("Theirs", slug="theirs")
        here.sandbox.add_member("theirs", here.ada)
        watcher = here.watch()
        waiting = request_event(watcher)
        await until(lambda: len(here.polled) == 2)
        here.sandbox.leave_group("theirs", here.ada)
        await until(lambda: len(here.changes) == 2)
        assert here.changes[-1] == GroupsChange(
            added=(), removed=("theirs",), skipped=(), watched=1
        )
        here.sandbox.add_members("mine", 1)
        assert (await waiting).group.slug == "mine"
        here.sandbox.add_member("theirs", here.ada)
        waiting = request_event(watcher)
        await until(lambda: len(here.changes) == 3)
        assert here.changes[-1].added == ("theirs",)
        assert here.failures == []
        await finish(watcher, waiting)


@in_virtual_time
async def test_group_that_only_the_list_no_longer_shows_is_dropped() -> None:
    async with world() as here:
        here.own("one", "two")
        watcher = here.watch()
        waiting = request_event(watcher)
        await until(lambda: len(here.polled) == 2)
        here.deny_all()
        await until(lambda: len(here.changes) == 2)
        assert set(here.changes[-1].removed) == {"one", "two"}
        assert set(here.changes[-1].skipped) == {"one", "two", "another"}
        here.sandbox.clear_requests()
        await asyncio.sleep(30 * INTERVAL)
        assert here.polled == set()
        assert len(here.changes) == 2  # skipped groups are reported once
        assert not waiting.done()
        await finish(watcher, waiting)


@in_virtual_time
async def test_group_that_was_left_first_delivers_its_events() -> None:
    async with world() as here:
        here.own("one")
        watcher = here.watch(replay=True)
        here.sandbox.add_members("one", 3)
        first = await anext(watcher)
        here.deny_all()
        await asyncio.sleep(20 * INTERVAL)
        rest = [await anext(watcher) for _ in range(3)]
        assert [each.sequence for each in (first, *rest)] == [1, 2, 3, 4]
        waiting = request_event(watcher)
        await until(lambda: len(here.changes) == 2)
        assert here.changes[-1].removed == ("one",)
        await finish(watcher, waiting)


@in_virtual_time
async def test_failing_list_is_reported_and_repeated() -> None:
    async with world() as here:
        here.own("one")
        here.sandbox.faults.add(faults.ServerFailure(), operation="getUserGroups", times=2)
        async with here.watch(replay=True) as watcher:
            assert (await anext(watcher)).group.slug == "one"
        assert [(each.group, each.failures) for each in here.failures] == [
            ("all groups", 1),
            ("all groups", 2),
        ]


@in_virtual_time
async def test_failing_list_ends_a_watch_of_one_poll() -> None:
    async with world() as here:
        here.own("one")
        here.sandbox.faults.add(faults.ServerFailure(), operation="getUserGroups", times=1)
        watcher = here.watch(once=True)
        with pytest.raises(ServerError):
            await anext(watcher)
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_list_without_a_valid_token_ends_the_watch(
    token: str | None, sandbox: Sandbox
) -> None:
    async with single(token, base_url=sandbox.url) as arena:
        watcher = watch(arena, all_groups=True)
        with pytest.raises(AuthenticationError):
            await anext(watcher)
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)


@in_virtual_time
async def test_processes_share_the_groups_that_were_found_later() -> None:
    async with world() as here:
        here.own("one")
        store = MemoryStore()
        async with here.watch(shared=True, store=store, replay=True) as watcher:
            assert (await anext(watcher)).group.slug == "one"
            waiting = request_event(watcher)
            here.own("two")
            assert (await waiting).group.slug == "two"
            await watcher.ack()
            assert (
                len([each for each in asyncio.all_tasks() if each.get_name() == KEEPER_TASK]) == 2
            )
        assert (await store.read(namespace(here, "two"))).get("heartbeat") is None


@in_virtual_time
async def test_dropped_group_releases_its_lease() -> None:
    async with world() as here:
        here.own("one")
        store = MemoryStore()
        async with here.watch(shared=True, store=store) as watcher:
            waiting = request_event(watcher)
            await until(lambda: here.polled != set())
            assert "heartbeat" in await store.read(namespace(here, "one"))
            here.deny_all()
            await until(lambda: len(here.changes) == 2)
            await asyncio.sleep(1)
            assert "heartbeat" not in await store.read(namespace(here, "one"))
        await asyncio.gather(waiting, return_exceptions=True)


def namespace(here: World, slug: str) -> str:
    return f"watch/default/{here.sandbox.groups[slug]}"


class TestSince:
    @in_virtual_time
    async def test_newer_invitations_are_reported_by_the_first_poll(self) -> None:
        async with world() as here:
            here.own("one")
            here.sandbox.add_invitations("one", 2)
            here.sandbox.advance(3600)
            moment = here.sandbox.now
            here.sandbox.advance(60)
            newer = here.sandbox.add_invitations("one", 2)
            store = MemoryStore()
            events = [each async for each in here.watch(once=True, since=moment, store=store)]
            assert [each.invitation.id for each in events if isinstance(each, InvitationSent)] == (
                sorted(newer)
            )
            assert len(events) == 2

    @in_virtual_time
    async def test_progress_in_the_store_comes_first(self) -> None:
        async with world() as here:
            here.own("one")
            here.sandbox.add_invitations("one", 1)
            store, long_ago = MemoryStore(), here.sandbox.now - timedelta(days=9)
            assert [each async for each in here.watch(once=True, store=store)] == []
            here.sandbox.add_invitations("one", 1)
            events = [each async for each in here.watch(once=True, store=store, since=long_ago)]
            assert len(events) == 1


class TestSnapshot:
    @in_virtual_time
    async def test_polls_are_shown_with_their_age_and_delay(self) -> None:
        async with world() as here:
            here.own("one")
            watcher = here.watch(replay=True)
            assert watcher.snapshot() == ()
            await anext(watcher)
            (before,) = watcher.snapshot()
            assert (before.group, before.group_id) == ("one", here.sandbox.groups["one"])
            assert (before.watched_here, before.failures, before.late_by) == (True, 0, 0.0)
            assert before.poll_age == pytest.approx(0, abs=1)
            await asyncio.sleep(10 * INTERVAL)  # the consumer is slow
            (late,) = watcher.snapshot()
            assert late.poll_age == pytest.approx(10 * INTERVAL, abs=1)
            assert 8 * INTERVAL < late.late_by < 10 * INTERVAL
            await watcher.aclose()

    @in_virtual_time
    async def test_group_that_was_never_polled_is_late_from_the_beginning(self) -> None:
        async with world() as here:
            here.own("one")
            here.sandbox.faults.add(faults.ServerFailure(), operation="getGroupMembers")
            watcher = here.watch()
            waiting = request_event(watcher)
            await until(lambda: bool(here.failures))
            await asyncio.sleep(5 * INTERVAL)
            (group,) = watcher.snapshot()
            assert group.poll_age is None
            assert group.late_by >= 5 * INTERVAL
            assert group.failures == here.failures[-1].failures
            await finish(watcher, waiting)

    @in_virtual_time
    async def test_group_of_another_process_is_not_late_here(self) -> None:
        async with world() as here:
            here.own("one")
            store: Store = MemoryStore()
            async with here.watch(shared=True, store=store, replay=True) as owner:
                await anext(owner)
                other = here.watch(shared=True, store=store)
                waiting = request_event(other)
                await asyncio.sleep(10 * INTERVAL)
                (group,) = other.snapshot()
                assert (group.watched_here, group.late_by, group.poll_age) == (False, 0.0, None)
                await finish(other, waiting)
