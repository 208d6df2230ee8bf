"""Who sees which contents, and what they may do with them: whatever is private included."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.entities import BlockRecord, ChannelRecord, GroupRecord, UserRecord
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.permissions import (
    can_see_content,
    channel_permissions,
    group_collaborates,
)
from arena_groups.sandbox.seed import SEEDED_AT, new_backend
from tests.sandbox.api import Api

STUDIO = "research-studio"
CONTENTS = f"/v3/groups/{STUDIO}/contents"


def callers(sandbox: Sandbox) -> Iterator[tuple[int | None, str | None]]:
    """Everybody in the studio, those outside, and a guest: an id and a token of theirs."""
    users = sandbox.users
    for user in {*sandbox.members(STUDIO), users.follower, users.stranger}:
        yield user, sandbox.token_for(user)
    yield None, None


async def test_no_list_has_a_private_block_of_somebody_else(http: Api, sandbox: Sandbox) -> None:
    seen: dict[int, set[int | None]] = {}
    for user, token in callers(sandbox):
        for content in await http.every_page(CONTENTS, token):
            if content["type"] != "Channel" and content["visibility"] == "private":
                assert content["user"]["id"] == user
                seen.setdefault(content["id"], set()).add(user)
    assert len(seen) >= 5
    assert {sandbox.users.owner, sandbox.users.member} <= {user for (user,) in seen.values()}


async def test_an_author_keeps_a_private_block_after_leaving(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    def private_blocks(contents: list[Any]) -> list[int]:
        blocks = [each for each in contents if each["type"] != "Channel"]
        return [each["id"] for each in blocks if each["visibility"] == "private"]

    before = private_blocks(await http.every_page(CONTENTS, tokens.member))
    sandbox.leave_group(STUDIO, sandbox.users.member)
    assert before
    assert private_blocks(await http.every_page(CONTENTS, tokens.member)) == before


async def test_blocks_are_managed_by_their_author_alone(http: Api, sandbox: Sandbox) -> None:
    managed = 0
    for user, token in callers(sandbox):
        for content in await http.every_page(CONTENTS, token):
            if content["type"] != "Channel" and "can" in content:
                assert content["can"]["manage"] == (content["user"]["id"] == user)
                assert content["can"]["comment"] == content["can"]["connect"] == (user is not None)
                managed += content["can"]["manage"]
    assert managed


async def test_owners_and_collaborators_keep_private_channels_after_leaving(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    everything = await http.every_page(f"{CONTENTS}?type=Channel", tokens.owner)
    private = [each for each in everything if each["visibility"] == "private"]
    assert {each["owner"]["type"] for each in private} == {"User", "Group"}
    kept = 0
    for user in sandbox.members(STUDIO)[1:]:
        sandbox.leave_group(STUDIO, user)
        shown = await http.every_page(f"{CONTENTS}?type=Channel", sandbox.token_for(user))
        ids = {each["id"] for each in shown}
        for channel in private:
            if "collaborators" in channel:
                people = [channel["owner"], *channel["collaborators"]]
                theirs = ("User", user) in [(each["type"], each["id"]) for each in people]
                assert (channel["id"] in ids) == theirs
                kept += theirs
    assert kept >= 2


def channel(owner_id: int | None, visibility: str, *collaborators: int) -> ChannelRecord:
    return ChannelRecord(
        id=1,
        slug="a",
        title="A",
        created_at=SEEDED_AT,
        updated_at=SEEDED_AT,
        blocks=0,
        channels=0,
        owner_id=owner_id,
        collaborator_ids=collaborators,
        visibility=visibility,
    )


@pytest.fixture
def users() -> dict[str, UserRecord]:
    _, known_users, _ = new_backend(1, SandboxClock(), None)
    return attrs.asdict(known_users, recurse=False)


@pytest.fixture
def group(users: dict[str, UserRecord]) -> GroupRecord:
    """A group of the owner's with one member."""
    group = GroupRecord(1, "Small", "small", users["owner"].id, SEEDED_AT, SEEDED_AT)
    group.members[users["member"].id] = None
    return group


# Who may do what: nothing, add to it, update it as well, or everything.
NOTHING, ADD, UPDATE, EVERYTHING = range(4)
PEOPLE = ("owner", "member", "follower", "stranger", None)


@pytest.mark.parametrize("visibility", ["public", "closed", "private"])
@pytest.mark.parametrize(
    ("owner", "collaborators", "expected"),
    [
        (None, (), (EVERYTHING, UPDATE, NOTHING, NOTHING)),
        (None, ("follower",), (EVERYTHING, UPDATE, ADD, NOTHING)),
        ("owner", (), (EVERYTHING, ADD, NOTHING, NOTHING)),
        ("member", ("follower",), (ADD, EVERYTHING, ADD, NOTHING)),
        # Whoever left the group, or was never in it:
        ("stranger", (), (ADD, ADD, NOTHING, EVERYTHING)),
        ("stranger", ("follower",), (ADD, ADD, ADD, EVERYTHING)),
    ],
)
def test_abilities_come_from_the_channels_owner_and_collaborators(
    users: dict[str, UserRecord],
    group: GroupRecord,
    visibility: str,
    owner: str | None,
    collaborators: tuple[str, ...],
    expected: tuple[int, ...],
) -> None:
    ids = {name: user.id for name, user in users.items()}
    one = channel(ids.get(owner or ""), visibility, *(ids[each] for each in collaborators))
    assert group_collaborates(one) == (owner is not None)
    for name, degree in zip(PEOPLE, (*expected, NOTHING), strict=True):
        user = users.get(name or "")
        can = channel_permissions(group, one, user)
        assert can.add_to == (degree >= ADD or (visibility == "public" and user is not None))
        assert can.update == (degree >= UPDATE)
        assert can.destroy == can.manage_collaborators == (degree == EVERYTHING)
        assert can_see_content(group, one, user) == (visibility != "private" or degree >= ADD)


@pytest.mark.parametrize("visibility", ["public", "orphan"])
def test_other_blocks_are_for_everybody(
    users: dict[str, UserRecord], group: GroupRecord, visibility: str
) -> None:
    block = BlockRecord(
        1, "Text", users["owner"].id, SEEDED_AT, SEEDED_AT, {}, visibility=visibility
    )
    assert can_see_content(group, block, None)
