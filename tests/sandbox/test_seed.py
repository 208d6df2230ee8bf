"""Seeded state of new sandboxes."""

import gc
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from random import Random
from types import FunctionType, ModuleType
from typing import Any

import aiohttp
import attrs
import pytest

from arena_groups.sandbox import DEFAULT_SEED, SEEDED_AT, Sandbox, Tier
from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import UserRecord
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.seed import (
    LARGEST_KEPT,
    SeededRecords,
    SeedPlan,
    fill_backend,
    new_users,
)
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


class CountingBackend(Backend):
    """A backend that counts the users that are generated for it."""

    generated = 0

    def add_user(self, *args: Any, **options: Any) -> UserRecord:
        self.generated += 1
        return super().add_user(*args, **options)


def filled(plan: SeedPlan) -> SeededRecords:
    return fill_backend(CountingBackend(SandboxClock(), Random(plan.seed)), plan)


def generated(records: SeededRecords) -> int:
    assert isinstance(records.backend, CountingBackend)
    return records.backend.generated


def snapshot(value: object) -> object:
    """Return records and what they contain as plain data, randomness included."""
    if isinstance(value, Random):
        return value.getstate()
    if attrs.has(type(value)):
        return {each.name: snapshot(getattr(value, each.name)) for each in public_fields(value)}
    if isinstance(value, dict):
        return [(key, snapshot(part)) for key, part in value.items()]
    return [snapshot(each) for each in value] if isinstance(value, list) else value


def public_fields(record: Any) -> Iterator[Any]:
    without = {"clock", "oauth", "on_email"}
    fields = attrs.fields(type(record))
    return (each for each in fields if each.name[0] != "_" and each.name not in without)


def changeable_parts(root: object) -> dict[int, object]:
    """Return all that can be reached and changed, by its identity."""
    found: dict[int, object] = {}
    left = [root]
    while left:
        each = left.pop()
        if id(each) not in found and not isinstance(each, type | FunctionType | ModuleType):
            found[id(each)] = each
            left += gc.get_referents(each)
    return {
        number: each
        for number, each in found.items()
        if isinstance(each, dict | list | set | Random)
        or (attrs.has(type(each)) and type(each).__setattr__ is object.__setattr__)
    }


new_seeds = count(7_000_000)


@pytest.fixture(
    params=[
        SeedPlan(1),
        SeedPlan(1, tier="premium"),
        SeedPlan(1, people=2, invitations=0),
        SeedPlan(1, people=700, invitations=3),
    ],
    ids=str,
)
def plan(request: pytest.FixtureRequest) -> SeedPlan:
    """A plan that no sandbox has had yet."""
    found: SeedPlan = attrs.evolve(request.param, seed=next(new_seeds))
    return found


def test_copied_records_are_like_generated_ones(plan: SeedPlan) -> None:
    first, *later = (filled(plan) for _ in range(3))
    assert generated(first) > 0
    for records in later:
        assert generated(records) == 0
        assert snapshot(records.backend) == snapshot(first.backend)
        assert snapshot(records.known_users) == snapshot(first.known_users)
        users = records.backend.users
        assert users[records.known_users.member.id] is records.known_users.member


def test_copied_records_go_on_like_generated_ones(plan: SeedPlan) -> None:
    def grown() -> object:
        records = filled(plan)
        backend, group = records.backend, records.backend.groups[1001]
        new_users(records.user_factory, 700)
        records.user_factory.address()
        backend.accept(backend.add_invitation(group, records.known_users.owner, email="a@b.org"))
        backend.add_group("Ebb", records.known_users.owner)
        backend.add_user("Ona", email=None, tier="free")
        people = {each.invitee_id or 0 for each in group.pending.values()}
        invited = [each.email for each in group.pending.values() if each.email]
        return (
            [backend.free_address(*each.partition("@")[0].split(".")[:2]) for each in invited],
            [each.id for each in group.newest_pending(0, 700)],
            group.oldest_pending(people) and group.oldest_pending(people).id,  # type: ignore[union-attr]
            [(each.id, each.slug, each.email) for each in backend.users.values()],
            [(each.id, each.slug) for each in backend.groups.values()],
            backend.next_id("block"),
            backend.rng.random(),
        )

    assert grown() == grown() == grown()


def test_copies_share_nothing_that_changes(plan: SeedPlan) -> None:
    filled(plan)
    first, second = (changeable_parts(filled(plan).backend) for _ in range(2))
    assert len(first) > 100
    assert [second[each] for each in first.keys() & second.keys()] == []


def test_records_of_a_large_plan_are_not_kept() -> None:
    plan = SeedPlan(next(new_seeds), people=2, invitations=LARGEST_KEPT)
    assert all(generated(filled(plan)) > 0 for _ in range(3))


@pytest.mark.parametrize("tier", [None, "free"])
async def test_third_sandbox_of_a_seed_answers_like_the_first(
    session: aiohttp.ClientSession, tier: Tier | None
) -> None:
    seed = next(new_seeds)
    answers: list[list[Any]] = []
    for _ in range(3):
        async with Sandbox(seed=seed, tier=tier, limit=1000, clock=lambda: 2e9) as sandbox:
            sandbox.add_members("night-shift", 30)
            sandbox.add_invitations("night-shift", 30)
            answers.append(await everything(sandbox, session))
    assert answers[0] == answers[1] == answers[2]


async def test_reset_gives_new_records(session: aiohttp.ClientSession) -> None:
    async with Sandbox() as sandbox:
        before = await everything(sandbox, session)
        for _ in range(3):
            sandbox.accept_invitation(sandbox.pending_invitations(1001)[0])
            sandbox.rename_user(sandbox.users.member, "Changed")
            await Api(sandbox, session).delete("/v3/groups/1002", sandbox.tokens.owner)
            sandbox.reset()
            assert await everything(sandbox, session) == before


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
