"""Seeded state of new sandboxes."""

import json
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from arena_groups.sandbox import DEFAULT_SEED, SEEDED_AT, Sandbox
from tests.sandbox.api import Api

STUDIO = "/v3/groups/research-studio"


async def everything(sandbox: Sandbox, session: aiohttp.ClientSession) -> list[Any]:
    """Return all that can be read, with links reduced to their paths."""
    http, token = Api(sandbox, session), sandbox.tokens.owner
    found: list[Any] = await http.every_page("/v3/users/1/groups", token)
    for slug in sandbox.groups:
        for part in ("members", "invitations", "contents", "followers"):
            found += await http.every_page(f"/v3/groups/{slug}/{part}", token)
        found.append((await http.get(f"/v3/groups/{slug}/invite", token)).body)
    text: str = json.dumps(found).replace(sandbox.url, "")
    return [text, sandbox.tokens, sandbox.groups]


async def test_same_seed_gives_same_state(session: aiohttp.ClientSession) -> None:
    async with (
        Sandbox(clock=lambda: 0) as first,
        Sandbox(seed=DEFAULT_SEED, clock=lambda: 2e9) as second,
    ):
        assert await everything(first, session) == await everything(second, session)


async def test_other_seed_gives_other_state(session: aiohttp.ClientSession) -> None:
    async with Sandbox(seed=1) as first, Sandbox(seed=2) as second:
        assert await everything(first, session) != await everything(second, session)
        assert first.users == second.users
        assert first.groups["research-studio"] == second.groups["research-studio"] == 1001
        assert first.tokens.owner != second.tokens.owner


async def test_seeded_times_precede_end_of_history(
    session: aiohttp.ClientSession,
) -> None:
    async with Sandbox() as sandbox:
        http = Api(sandbox, session)
        for part in ("invitations", "contents", "followers"):
            for each in await http.every_page(f"{STUDIO}/{part}", sandbox.tokens.owner):
                for field in ("created_at", "updated_at"):
                    assert datetime.fromisoformat(each[field]) <= SEEDED_AT


async def test_two_sandboxes_share_no_state(session: aiohttp.ClientSession) -> None:
    async with Sandbox() as first, Sandbox() as second:
        before = await everything(second, session)
        http, token = Api(first, session), first.tokens.owner
        await http.put(STUDIO, token, {"name": "Changed"})
        await http.post(f"{STUDIO}/invite", token)
        for invitation in first.pending_invitations(1001)[:5]:
            first.accept_invitation(invitation)
        first.follow(first.users.stranger.id, first.users.owner.id)
        await http.delete("/v3/groups/1001", token)
        second.clear_requests()
        assert await everything(second, session) == before
        assert len(first.requests) == 3


def test_sizes_are_those_of_the_largest_group() -> None:
    sandbox = Sandbox(people=2, invitations=0)
    assert sandbox.members("research-studio") == [sandbox.users.owner.id, sandbox.users.member.id]
    assert sandbox.pending_invitations("research-studio") == []
    large = Sandbox(people=5000, invitations=3000)
    assert (
        len(large.members("research-studio")),
        len(large.pending_invitations("research-studio")),
    ) == (5000, 3000)
    assert Sandbox(people=34, invitations=480).members("research-studio") == Sandbox().members(
        "research-studio"
    )


@pytest.mark.parametrize("sizes", [{"people": 1}, {"people": 1_000_001}, {"invitations": -1}])
def test_invalid_size_raises(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(sizes))} must be between"):
        Sandbox(**sizes)  # type: ignore[arg-type]


def test_namesakes_have_names_of_their_own() -> None:
    sandbox = Sandbox()
    users = [sandbox.add_user("Ona") for _ in range(2000)]
    sandbox.rename_user(users[1], "Ona", slug="other")
    assert len(set(users)) == 2000
    assert sandbox.add_user("Ona") not in users
