from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("mcp")

from arena_groups import ArenaClient, MembershipInvitation
from arena_groups.mcp.filters import PendingFilter
from arena_groups.mcp.texts import Disclosure
from arena_groups.sandbox import Sandbox

GROUP = "spring"


async def read(arena: ArenaClient, sandbox: Sandbox) -> list[MembershipInvitation]:
    """Invite an address and, a day later, a user; return both invitations, newest first."""
    sandbox.add_group("Spring", slug=GROUP)
    await arena.groups.invite(GROUP, email="Anna.Zweig@example.org")
    sandbox.advance(timedelta(days=1))
    await arena.groups.invite(GROUP, user_id=sandbox.add_user("Ada Osei"))
    return [each async for each in arena.groups.invitations(GROUP)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "both"),
        ({"query": ""}, "both"),
        ({"kind": "email"}, "address"),
        ({"kind": "user"}, "user"),
        ({"query": "example.ORG"}, "address"),
        ({"query": "zweig"}, "none"),
        ({"query": "OSEI"}, "user"),
        ({"query": "ada-osei"}, "user"),
        ({"older_than_days": 0}, "address"),
        ({"older_than_days": 1}, "none"),
        ({"older_than_days": 10**30}, "none"),
        ({"invited_by": "nobody"}, "none"),
        ({"kind": "email", "query": "osei"}, "none"),
        ({"kind": "user", "older_than_days": 0}, "none"),
    ],
)
async def test_filter_matches_what_meets_all_conditions(
    sandbox: Sandbox, arena: ArenaClient, conditions: dict[str, Any], expected: str
) -> None:
    user, address = await read(arena, sandbox)
    wanted = {"both": [user, address], "user": [user], "address": [address], "none": []}
    chosen = PendingFilter(**conditions)
    found = [
        each for each in (user, address) if chosen.matches(each, Disclosure(), user.created_at)
    ]
    assert found == wanted[expected]
    assert chosen.is_empty is (expected == "both")


async def test_inviter_is_known_by_id_text_and_slug(sandbox: Sandbox, arena: ArenaClient) -> None:
    user, _ = await read(arena, sandbox)
    inviter = user.invited_by
    for name in (inviter.id, str(inviter.id), inviter.slug):
        assert PendingFilter(invited_by=name).matches(user, Disclosure(), user.created_at)


async def test_query_finds_the_whole_address_only_if_it_is_shown(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    _, address = await read(arena, sandbox)
    chosen = PendingFilter(query="anna.zweig@")
    assert not chosen.matches(address, Disclosure(), address.created_at)
    assert chosen.matches(address, Disclosure(personal_data=True), address.created_at)


def test_repr_hides_the_query() -> None:
    assert "anna" not in repr(PendingFilter(query="anna@example.org"))
