"""Groups and people by every name that they have, over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve

from arena_groups import (
    ArenaClient,
    Group,
    InvitationSent,
    NoPacer,
    NotFoundError,
    Permit,
    Priority,
    invite_many,
    remove_many,
    revoke_many,
    watch,
)
from arena_groups._pacing.window import FOREVER
from arena_groups.sandbox import Sandbox
from tests.integration.test_secrets import raises_clean
from tests.support.clients import single
from tests.support.documents import CODE_URL, STUDIO
from tests.support.virtual_time import LoopClock, in_virtual_time

NAMES: dict[str, Callable[[Group], Any]] = {
    "slug": lambda group: group.slug,
    "id": lambda group: group.id,
    "id in digits": lambda group: str(group.id),
    "URL": lambda group: group.url,
    "URL without www, with a slash and a query": lambda group: (
        f"HTTP://Are.na/group/{group.slug}/?ref=mail#top"
    ),
    "URL of an invite": lambda group: f"{group.url}/invite/not-the-code",
    "group": lambda group: group,
    "group from before a rename": lambda group: evolve(group, slug="renamed-since"),
}
REFUSED_CALLS: dict[str, Callable[[ArenaClient, str], object]] = {
    "invite_many": lambda arena, group: invite_many(arena, group, [0]),
    "concurrency": lambda arena, group: invite_many(arena, group, [1], concurrency=0),
    "revoke_many": revoke_many,
    "remove_many": remove_many,
    "watch": lambda arena, group: watch(arena, group, interval=0),
}
by_every_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        yield arena


@by_every_name
async def test_operations_take_a_group_by_every_name(arena: ArenaClient, name: str) -> None:
    studio = await arena.groups.get(STUDIO)
    given = NAMES[name](studio)
    assert await arena.groups.get(given) == studio
    assert await arena.groups.update(given) == studio
    assert (await arena.groups.members(given).first()) is not None
    assert (await arena.groups.invitations(given).first()) is not None
    assert (await arena.groups.contents(given).first()) is not None
    assert (await arena.groups.followers(given).first()) is not None
    assert (await arena.groups.invite_code(given)).url.startswith(studio.url)


async def test_embedded_group_is_taken_as_a_group(arena: ArenaClient) -> None:
    invitation = await arena.groups.invitations(STUDIO).first()
    assert invitation is not None
    assert (await arena.groups.get(invitation.target)).is_same(invitation.target)


async def test_url_of_an_invite_is_enough_to_join(arena: ArenaClient, sandbox: Sandbox) -> None:
    invite = await arena.groups.invite_code(STUDIO)
    async with single(sandbox.tokens.stranger, base_url=sandbox.url) as stranger:
        member = await stranger.groups.join(invite.url)
        assert member.id == sandbox.users.stranger.id
        assert await stranger.groups.join(STUDIO, invite_token=invite.code) == member


@by_every_name
async def test_bulk_calls_take_a_group_by_every_name(
    arena: ArenaClient, sandbox: Sandbox, name: str
) -> None:
    group = await arena.groups.get("blank-page")
    given = NAMES[name](group)
    invited = await invite_many(
        arena, given, [sandbox.users.follower.id, sandbox.users.stranger.id]
    )
    assert invited.done == 2
    assert not invited.failed
    assert (await revoke_many(arena, given, where=lambda _: True)).done == 1
    assert (await remove_many(arena, given, where=lambda _: True)).done == 1


@by_every_name
async def test_watch_takes_a_group_by_every_name(
    arena: ArenaClient, sandbox: Sandbox, name: str
) -> None:
    group = await arena.groups.get("blank-page")
    given = NAMES[name](group)
    sandbox.add_invitations(group.id, 1)
    async with watch(arena, given, group, group.id, once=True, replay=True) as watcher:
        events = [event async for event in watcher]
    assert [type(event) for event in events if isinstance(event, InvitationSent)] == [
        InvitationSent
    ]
    assert "not-the-code" not in repr(watcher)


@pytest.mark.parametrize("url", [CODE_URL, CODE_URL.replace("are.na", "evil.example")])
@pytest.mark.parametrize("call", REFUSED_CALLS)
async def test_refused_bulk_call_shows_no_invite_code(
    arena: ArenaClient, call: str, url: str
) -> None:
    with raises_clean(ValueError):
        REFUSED_CALLS[call](arena, url)


@pytest.mark.parametrize("call", [invite_many, revoke_many, remove_many])
async def test_failed_bulk_call_shows_no_invite_code(arena: ArenaClient, call: Any) -> None:
    with raises_clean():
        await call(arena, CODE_URL.replace(STUDIO, "no-such-group"), [1, 2], on_error="stop")


async def test_invite_by_slug_url_and_model(arena: ArenaClient, sandbox: Sandbox) -> None:
    sandbox.clear_requests()
    result = await arena.groups.invite("blank-page", user="noor-halvorsen")
    assert result.outcome == "added"
    paths = [request.path for request in sandbox.requests]
    assert paths == ["/v3/users/noor-halvorsen", "/v3/groups/blank-page/invitations"]
    again = await arena.groups.invite("blank-page", user="https://are.na/noor-halvorsen")
    assert again.outcome == "already_member"
    sandbox.clear_requests()
    assert again.user is not None
    for user in (again.user, again.user.id, await arena.groups.members("blank-page").first()):
        assert (await arena.groups.invite("blank-page", user=user)).outcome == "already_member"
    assert len([each for each in sandbox.requests if "/users/" in each.path]) == 0


async def test_member_is_removed_by_slug_and_invitation_is_revoked_by_model(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    sandbox.add_member(STUDIO, sandbox.users.stranger.id)
    await arena.groups.remove_member(STUDIO, "https://www.are.na/tomasz-whetu")
    assert sandbox.users.stranger.id not in {
        member.id async for member in arena.groups.members(STUDIO)
    }
    invitation = await arena.groups.invitations(STUDIO).first()
    assert invitation is not None
    await arena.groups.revoke_invitation(invitation.target, invitation)
    assert sandbox.invitation_state(invitation.id) == "revoked"


class SlowPacer(NoPacer):
    """Pacer whose permits take a second each, and which records how long they may take."""

    def __init__(self) -> None:
        super().__init__()
        self.deadlines: list[float] = []

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        self.deadlines.append(deadline)
        await asyncio.sleep(1)
        return await super().acquire(write=write)


@in_virtual_time
async def test_lookup_and_call_share_one_deadline() -> None:
    pacer = SlowPacer()
    async with (
        Sandbox() as sandbox,
        single(sandbox.tokens.owner, base_url=sandbox.url, pacer=pacer, clock=LoopClock()) as arena,
    ):
        group, user = sandbox.add_group("Spring"), "tomasz-whetu"
        view = arena.with_options(deadline=2.5)
        for call in (
            view.groups.invite(group, user=user),
            view.groups.remove_member(group, user),
            view.groups.mine().first(),
        ):
            with suppress(NotFoundError):
                await call
        assert pacer.deadlines == pytest.approx([2.5, 1.5] * 3)
