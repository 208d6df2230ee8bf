"""Notifications: who added a member, where they say so, and never more than that."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from arena_groups import (
    ArenaClient,
    AuthenticationError,
    InvitationAccepted,
    MemberJoined,
    MemoryStore,
    Store,
    WatchEvent,
    to_dict,
    watch,
)
from arena_groups.sandbox import Sandbox, faults
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
    (event,) = name_adders([joined()], FeedPage(page), after=after)
    assert isinstance(event, MemberJoined)
    return None if event.added_by is None else event.added_by.id


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
    assert name_adders([accepted], FeedPage([notification(1, 5)]), after=0) == [accepted]


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
    sandbox.follow(fan, sandbox.users.member)
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
    assert adders(events) == {fan: sandbox.users.member, other: None}
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
        assert adders(await poll(arena, store)) == {fan: sandbox.users.member}


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
    assert adders([*first, *events]) == dict.fromkeys(fans, sandbox.users.member)


async def test_replayed_members_have_who_added_them(sandbox: Sandbox, arena: ArenaClient) -> None:
    fan = await add(sandbox)
    found = adders(await poll(arena, MemoryStore(), replay=True))
    assert found[fan] == sandbox.users.member
    assert found[sandbox.users.member] is None


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
    assert adders(await poll(arena, store)) == {fan: sandbox.users.member}


async def test_invalid_token_is_no_missing_notification(sandbox: Sandbox) -> None:
    async with single("wrong", base_url=sandbox.url) as client:
        with pytest.raises(AuthenticationError):
            await NotificationFeed(client).read()


def test_added_by_is_in_the_json_of_an_event_only_if_it_is_known() -> None:
    (event,) = name_adders([joined()], FeedPage([notification(1, 5)]), after=0)
    assert to_dict(event)["added_by"] == user(8)
    assert "added_by" not in to_dict(joined())


async def test_feed_that_is_no_bool_is_refused(arena: ArenaClient) -> None:
    with pytest.raises(TypeError, match="feed"):
        watch(arena, STUDIO, feed=1)  # type: ignore[arg-type]
