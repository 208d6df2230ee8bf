"""What type checkers make of watching. Checked, never run."""

from typing import assert_never, assert_type

import arena_groups
from arena_groups import (
    ArenaClient,
    EmbeddedGroup,
    GroupMember,
    GroupRole,
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
    Watcher,
    WatchEvent,
)
from arena_groups.watching import MemberJoined as SameEvent
from arena_groups.watching import watch


def tell(failure: PollFailure) -> None:
    """Take a problem."""
    assert_type(failure.error, arena_groups.ArenaError)
    assert_type(failure.retry_in, float)


async def events(arena: ArenaClient) -> None:
    """An iterator of events, of which every kind is known."""
    watcher = watch(arena, "one", 2, store=MemoryStore(), on_failure=tell)
    assert_type(watcher, Watcher)
    assert_type(arena_groups.watch(arena, "one"), Watcher)
    assert_type(await anext(watcher), WatchEvent)
    async with watcher as same:
        assert_type(same, Watcher)
        async for event in same:
            assert_type(event.key, str)
            assert_type(event.group, EmbeddedGroup)
            told(event)
    await watcher.ack()


def told(event: WatchEvent) -> None:
    """Every kind of event."""
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


def kinds(event: WatchEvent) -> GroupMember | None:
    """The kind tells events apart, too."""
    if event.kind == "member-joined":
        assert_type(event, MemberJoined)
        return event.member
    return None
