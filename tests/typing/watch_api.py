"""Watching as type checkers see it. Checked, never run."""

from typing import assert_never, assert_type

import arena_groups
from arena_groups import (
    ArenaClient,
    EmbeddedGroup,
    GroupMember,
    GroupRole,
    GroupsChange,
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    MembershipInvitation,
    MemoryStore,
    PollFailure,
    RoleChanged,
    WatchedGroup,
    Watcher,
    WatchEvent,
)
from arena_groups.watching import MemberJoined as SameEvent
from arena_groups.watching import watch


def report(failure: PollFailure) -> None:
    """Receive a failure."""
    assert_type(failure.error, arena_groups.ArenaError)
    assert_type(failure.retry_in, float)


def note(change: GroupsChange) -> None:
    """Receive the groups that are watched."""
    assert_type(change.added, tuple[str, ...])


async def all_groups(arena: ArenaClient) -> None:
    """Watch all groups."""
    watcher = watch(arena, all_groups=True, on_groups=note)
    assert_type(watcher.snapshot(), tuple[WatchedGroup, ...])


async def events(arena: ArenaClient) -> None:
    """Iterate over events of known types."""
    watcher = watch(arena, "one", 2, store=MemoryStore(), on_failure=report)
    assert_type(watcher, Watcher)
    assert_type(arena_groups.watch(arena, "one"), Watcher)
    assert_type(await anext(watcher), WatchEvent)
    async with watcher as same:
        assert_type(same, Watcher)
        async for event in same:
            assert_type(event.key, str)
            assert_type(event.group, EmbeddedGroup)
            handle(event)
    await watcher.ack()


def handle(event: WatchEvent) -> None:
    """Match every type of event."""
    match event:
        case InvitationSent() | InvitationClosed():
            assert_type(event.invitation, MembershipInvitation)
        case InvitationAccepted():
            assert_type(event.member, GroupMember)
        case SameEvent() | MemberLeft():
            assert_type(event.member, GroupMember)
        case RoleChanged():
            assert_type(event.previous_role, GroupRole)
        case InviteCodeChanged():
            assert_type(event.exists, bool)
        case _:
            assert_never(event)


def joined_member(event: WatchEvent) -> GroupMember | None:
    """Narrow the type of an event by its kind."""
    if event.kind == "member-joined":
        assert_type(event, MemberJoined)
        return event.member
    return None
