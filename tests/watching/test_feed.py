"""Notifications: who added a member, where they say so, and never more than that."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arena_groups import (
    ArenaClient,
    AuthenticationError,
    InvitationAccepted,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    MemoryStore,
    Store,
    WatchEvent,
    to_dict,
    watch,
)
from arena_groups.sandbox import Sandbox, faults
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.watching.feed import FeedPage, Notification, NotificationFeed, name_adders
from tests.support.clients import single
from tests.support.group_states import GROUP, NOW, invitation, member

FEED = "getMyNotifications"
STUDIO = "research-studio"


def user(user_id: int) -> dict[str, object]:
    return {**to_dict(invitation(1, user_id).invitee), "name": f"User {user_id}"}


def notification(number: int, item: Any, actor: Any = 8, **facts: Any) -> Notification:
    values: dict[str, Any] = {
        "kind": "added_user_to_group",
        "actor": user(actor) if isinstance(actor, int) else actor,
        "item": user(item) if isinstance(item, int) else item,
        "target": to_dict(GROUP),
        **facts,
    }
    return Notification(id=number, **values)


def joined(user_id: int = 5) -> MemberJoined:
    return MemberJoined(key="k", sequence=1, group=GROUP, observed_at=NOW, member=member(user_id))


def adder(page: list[Notification], after: int = 0) -> int | None:
    (event,), used = name_adders([joined()], FeedPage(page), after=after)
    assert isinstance(event, MemberJoined)
    if event.added_by is None:
        return None
    assert used == {event.key: max(each.id for each in page if each.item == user(5))}
    return event.added_by.id


def test_newest_notification_about_the_member_and_the_group_names_who_added_them() -> None:
    page = [notification(11, 6, actor=1), notification(10, 5, actor=2), notification(9, 5, actor=3)]
    assert adder(page) == 2
    assert FeedPage(page).newest == 11
    assert FeedPage([]).newest == 0


@pytest.mark.parametrize(
    "page",
    [
        [],
        [notification(10, 6)],
        [notification(10, 5, kind="followed_user")],
        [notification(10, 5, target={**to_dict(GROUP), "id": 8})],
        [notification(10, 5, target={**to_dict(GROUP), "type": "Channel"})],
        [notification(10, 5, target=None)],
        [notification(10, {**to_dict(GROUP), "id": 5})],
        [notification(10, [1])],
        [notification(10, 5, actor=to_dict(GROUP))],
        [notification(10, 5, actor={"type": "User", "id": 8})],
        [notification(10, 5, actor=5)],
        [notification(3, 5)],
    ],
)
def test_any_other_notification_names_nobody(page: list[Notification]) -> None:
    assert adder(page, after=3) is None


def test_other_events_stay_as_they_are() -> None:
    accepted = InvitationAccepted(
        key="k",
        sequence=1,
        group=GROUP,
        observed_at=NOW,
        invitation=invitation(1, 5),
        member=member(5),
    )
    assert name_adders([accepted], FeedPage([notification(1, 5)]), after=0) == ([accepted], {})


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as client:
        yield client


async def poll(arena: ArenaClient, store: Store, **options: Any) -> list[WatchEvent]:
    """Poll the group once, as a job does."""
    options.setdefault("feed", True)
    async with watch(arena, STUDIO, store=store, once=True, **options) as watcher:
        return [event async for event in watcher]


async def add(sandbox: Sandbox, name: str = "Fan") -> int:
    """Let the member add a follower to the group."""
    fan = sandbox.add_user(name)
    await add_again(sandbox, fan)
    return fan


async def add_again(sandbox: Sandbox, fan: int) -> None:
    sandbox.follow(fan, sandbox.users.member.id)
    async with single(sandbox.tokens.member, base_url=sandbox.url) as other:
        assert (await other.groups.invite(STUDIO, user_id=fan)).outcome == "added"


def adders(events: list[WatchEvent]) -> dict[int, int | None]:
    return {
        event.member.id: None if event.added_by is None else event.added_by.id
        for event in events
        if isinstance(event, MemberJoined)
    }


async def test_watch_names_who_added_a_member_and_only_then_reads_notifications(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    await poll(arena, store)
    sandbox.clear_requests()
    assert await poll(arena, store) == []
    assert FEED not in {request.operation for request in sandbox.requests}
    fan, other = await add(sandbox), sandbox.add_user("Other")
    sandbox.add_member(STUDIO, other)
    sandbox.clear_requests()
    events = await poll(arena, store)
    assert adders(events) == {fan: sandbox.users.member.id, other: None}
    assert len(events) == 2
    assert sum(request.operation == FEED for request in sandbox.requests) == 1


async def test_watch_without_feed_never_reads_notifications(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    await poll(arena, store, feed=False)
    fan = await add(sandbox)
    assert adders(await poll(arena, store, feed=False)) == {fan: None}
    assert FEED not in {request.operation for request in sandbox.requests}


async def test_addition_of_an_earlier_membership_names_nobody(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    fan = await add(sandbox)
    await poll(arena, store)  # this addition is known
    for _ in range(2):
        sandbox.leave_group(STUDIO, fan)
        await poll(arena, store)
        sandbox.add_member(STUDIO, fan)
        assert adders(await poll(arena, store)) == {fan: None}
        sandbox.leave_group(STUDIO, fan)
        await poll(arena, store)
        await add_again(sandbox, fan)
        assert adders(await poll(arena, store)) == {fan: sandbox.users.member.id}


async def test_event_that_is_repeated_after_a_crash_and_those_behind_it_keep_who_added_them(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    store = MemoryStore()
    await poll(arena, store)
    fans = [await add(sandbox, name) for name in ("One", "Two", "Three")]
    async with watch(arena, STUDIO, store=store, feed=True) as watcher:
        first = [await anext(watcher), await anext(watcher)]
    events = await poll(arena, store)
    assert events[0] == first[1]
    assert adders([*first, *events]) == dict.fromkeys(fans, sandbox.users.member.id)


async def test_watch_that_goes_on_uses_each_notification_once(
    sandbox: Sandbox, clock: AutoAdvanceClock
) -> None:
    store = MemoryStore()
    async with (
        single(sandbox.tokens.owner, base_url=sandbox.url, clock=clock) as arena,
        watch(arena, STUDIO, store=store, replay=True, feed=True) as watcher,
    ):
        while not isinstance(event := await anext(watcher), InviteCodeChanged):
            pass  # what the replay begins with
        fan = await add(sandbox)
        event = await anext(watcher)
        assert adders([event]) == {fan: sandbox.users.member.id}
        sandbox.leave_group(STUDIO, fan)
        assert isinstance(await anext(watcher), MemberLeft)
    # Its position is in the store.
    sandbox.add_member(STUDIO, fan)
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        assert adders(await poll(arena, store)) == {fan: None}


async def test_replayed_members_have_who_added_them(sandbox: Sandbox, arena: ArenaClient) -> None:
    fan = await add(sandbox)
    found = adders(await poll(arena, MemoryStore(), replay=True))
    assert found[fan] == sandbox.users.member.id
    assert found[sandbox.users.member.id] is None


async def test_notifications_that_fail_are_a_warning_and_delay_no_event(
    sandbox: Sandbox, arena: ArenaClient, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    await poll(arena, store)
    fan = await add(sandbox)
    for fault in (faults.ServerFailure(500), faults.PlainText(), faults.Blocked()):
        with sandbox.faults.add(fault, operation=FEED), caplog.at_level(logging.WARNING):
            assert adders(await poll(arena, store)) == {fan: None}
        assert "who added members is not known" in caplog.text
        caplog.clear()
        sandbox.leave_group(STUDIO, fan)
        await poll(arena, store)
        await add_again(sandbox, fan)
    assert adders(await poll(arena, store)) == {fan: sandbox.users.member.id}


async def test_invalid_token_is_no_missing_notification(sandbox: Sandbox) -> None:
    async with single("wrong", base_url=sandbox.url) as client:
        with pytest.raises(AuthenticationError):
            await NotificationFeed(client).read()


def test_added_by_is_in_the_json_of_an_event_only_if_it_is_known() -> None:
    (event,), _ = name_adders([joined()], FeedPage([notification(1, 5)]), after=0)
    assert to_dict(event)["added_by"] == user(8)
    assert "added_by" not in to_dict(joined())


async def test_feed_that_is_no_bool_is_refused(arena: ArenaClient) -> None:
    with pytest.raises(TypeError, match="feed"):
        watch(arena, STUDIO, feed=1)  # type: ignore[arg-type]


changes = st.lists(
    st.tuples(st.sampled_from(["add", "join", "leave"]), st.integers(0, 2)), max_size=3
)


@settings(max_examples=20)
@example([([("add", 0)], 0), ([("leave", 0)], None), ([("join", 0)], None)])
@example([([("add", 0), ("add", 1)], 1), ([("leave", 1)], None), ([("join", 1)], None)])
@given(st.lists(st.tuples(changes, st.none() | st.integers(0, 3)), min_size=1, max_size=6))
def test_each_membership_names_who_added_it_whatever_crashes(
    rounds: list[tuple[list[tuple[str, int]], int | None]],
) -> None:
    asyncio.run(check_rounds(rounds))


async def check_rounds(rounds: list[tuple[list[tuple[str, int]], int | None]]) -> None:
    """Change members, poll, and crash after some events; compare with what happened.

    Between two complete polls each person changes once at most, so that every membership is seen.
    """
    async with Sandbox(invitations=3) as sandbox:
        people = [sandbox.add_user(f"Person {number}") for number in range(3)]
        for person in people:
            sandbox.follow(person, sandbox.users.member.id)
        expected: dict[int, int | None] = {}
        store = MemoryStore()
        async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
            await poll(arena, store)
            for batch, crash_after in rounds:
                for number, kind in {number: kind for kind, number in batch}.items():
                    await change(sandbox, people[number], kind, expected)
                events: list[WatchEvent] = []
                if crash_after is not None:
                    async with watch(arena, STUDIO, store=store, feed=True, once=True) as watcher:
                        async for event in watcher:
                            events.append(event)
                            if len(events) > crash_after:
                                break
                events += await poll(arena, store)
                for user_id, added_by in adders(events).items():
                    assert added_by == expected[user_id]


async def change(sandbox: Sandbox, person: int, kind: str, expected: dict[int, int | None]) -> None:
    is_member = person in sandbox.members(STUDIO)
    match kind:
        case "add" if not is_member:
            await add_again(sandbox, person)
            expected[person] = sandbox.users.member.id
        case "join" if not is_member:
            sandbox.add_member(STUDIO, person)
            expected[person] = None
        case "leave" if is_member:
            sandbox.leave_group(STUDIO, person)
        case _:
            pass
