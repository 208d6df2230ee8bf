"""Operations of users: the request that each sends, and the result."""

import pytest

from arena_groups import (
    ArenaClient,
    Followable,
    FollowableType,
    Group,
    GroupSort,
    Me,
    User,
    from_dict,
)
from arena_groups._api import OPERATIONS
from tests.support import documents
from tests.support.cases import FIRST, Case, check_not_found, check_request_and_result, page
from tests.support.clients import connected
from tests.support.mock_api import MockAPI
from tests.support.servers import http

USER = from_dict(User, documents.user())
CASES = {
    "users.groups": Case(
        lambda a: a.users.groups("mara-lindqvist", sort="name_desc", per=7, start_page=3),
        "GET", "/v3/users/mara-lindqvist/groups", 200,
        query={"page": "3", "per": "7", "sort": "name_desc"},
        **page(Group, documents.group()),
    ),
    "users.get": Case(
        lambda a: a.users.get("mara-lindqvist"), "GET", "/v3/users/mara-lindqvist", 200,
        documents.user(), USER,
    ),
    "users.get of a model": Case(
        lambda a: a.users.get(from_dict(Me, documents.me(id=9))), "GET", "/v3/users/9", 200,
        documents.user(), USER,
    ),
    "users.get by URL": Case(
        lambda a: a.users.get("http://WWW.are.na/mara-lindqvist/?a=/b"),
        "GET", "/v3/users/mara-lindqvist", 200, documents.user(), USER,
    ),
    "users.followers": Case(
        lambda a: a.users.followers(USER, sort="created_at_asc", per=7),
        "GET", "/v3/users/7/followers", 200,
        query={"page": "1", "per": "7", "sort": "created_at_asc"},
        **page(User, documents.user()),
    ),
    "users.following": Case(
        lambda a: a.users.following("mara-lindqvist", sort="created_at_asc", type="Group"),
        "GET", "/v3/users/mara-lindqvist/following", 200,
        query={**FIRST, "sort": "created_at_asc", "type": "Group"},
        **page(Followable, documents.group()),
    ),
    "users.groups of an id": Case(
        lambda a: a.users.groups(7, sort=GroupSort("by_mood")),
        "GET", "/v3/users/7/groups", 200, query={**FIRST, "sort": "by_mood"},
        **page(Group, documents.group()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_operation_sends_its_request_and_returns_its_result(
    arena: ArenaClient, mock_api: MockAPI, name: str
) -> None:
    await check_request_and_result(arena, mock_api, CASES[name])


@pytest.mark.parametrize("name", CASES)
async def test_operation_with_404_raises_not_found(
    arena: ArenaClient, mock_api: MockAPI, name: str
) -> None:
    await check_not_found(arena, mock_api, CASES[name])


def test_every_operation_has_a_case() -> None:
    assert {name.partition(" ")[0] for name in CASES} == {
        operation.name for operation in OPERATIONS if operation.name.startswith("users.")
    }


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, {"User", "Channel", "Group", "Hologram"}),
        ("User", {"User"}),
        ("Channel", {"Channel"}),
        (FollowableType.GROUP, {"Group"}),
        (FollowableType("Hologram"), {"User", "Channel", "Group", "Hologram"}),
    ],
)
async def test_following_that_was_not_asked_for_is_left_out_with_one_warning(
    caplog: pytest.LogCaptureFixture, only: str | None, expected: set[str], concurrency: int
) -> None:
    items = [
        documents.user(), documents.channel(), documents.group(), documents.unknown_content(),
    ]  # fmt: skip
    response = http(documents.page(*items, total_count=len(items)))
    async with connected(response) as (arena, _):
        listed = arena.users.following(7, type=only, concurrency=concurrency)
        assert {item.type for item in await listed.collect()} == expected
        assert {item.type for item in (await listed).data} == expected
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    left_out = ["users.following: left out items that were not asked for"]
    assert warnings == (left_out if len(expected) < len(items) else [])
