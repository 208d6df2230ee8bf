"""People who are already in a group, as its lists have them."""

from arena_groups import ArenaClient, InviteTarget
from arena_groups.bulk.roster import load_known_people
from arena_groups.bulk.targets import normalize_invite_target
from arena_groups.sandbox import Sandbox


async def test_load_known_people_finds_every_member_and_pending_invitation(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    group = sandbox.groups["research-studio"]
    known = await load_known_people(arena, group)
    for user_id in sandbox.members(group):
        target = InviteTarget(user_id=user_id)
        assert (known.is_member(target), known.contains(target)) == (True, True)
    for invitation in await arena.groups.invitations(group).collect():
        target = normalize_invite_target(invitation)
        assert (known.is_pending(target), known.contains(target)) == (True, True)


async def test_known_people_does_not_contain_others(arena: ArenaClient, sandbox: Sandbox) -> None:
    known = await load_known_people(arena, sandbox.groups["research-studio"])
    for target in (
        InviteTarget(user_id=sandbox.users.stranger),
        InviteTarget(email="nobody@example.org"),
    ):
        assert not known.contains(target)


async def test_known_people_compares_addresses_without_case(
    arena: ArenaClient, sandbox: Sandbox
) -> None:
    await arena.groups.invite("spring", email="Ada@example.org")
    known = await load_known_people(arena, sandbox.groups["spring"])
    assert known.is_pending(InviteTarget(email="aDA@example.org"))
