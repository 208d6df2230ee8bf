"""Pages: their numbers, their size, and what the meta says."""

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api

INVITATIONS = "/v3/groups/research-studio/invitations"
LISTS = (
    "/v3/users/ada-osei/groups",
    "/v3/groups/research-studio/members",
    INVITATIONS,
    "/v3/groups/research-studio/contents",
    "/v3/groups/research-studio/followers",
)


async def test_a_page_has_24_items_by_default(http: Api, tokens: Tokens) -> None:
    reply = await http.get(INVITATIONS, tokens.owner)
    assert len(reply.ids) == 24
    assert reply.meta == {
        "current_page": 1,
        "next_page": 2,
        "prev_page": None,
        "per_page": 24,
        "total_pages": 20,
        "total_count": 480,
        "has_more_pages": True,
    }


async def test_the_last_page(http: Api, tokens: Tokens) -> None:
    reply = await http.get(f"{INVITATIONS}?page=5&per=100", tokens.owner)
    assert len(reply.ids) == 80
    assert reply.meta["next_page"] is None
    assert reply.meta["prev_page"] == 4
    assert reply.meta["has_more_pages"] is False


@pytest.mark.parametrize("page", [6, 1000, 10**18, 10**300])
async def test_beyond_the_end_pages_are_empty(http: Api, tokens: Tokens, page: int) -> None:
    reply = await http.get(f"{INVITATIONS}?page={page}&per=100", tokens.owner)
    assert (reply.status, reply.ids) == (200, [])
    assert (reply.meta["current_page"], reply.meta["total_pages"]) == (page, 5)
    assert reply.meta["has_more_pages"] is False
    assert reply.meta["next_page"] is None


@pytest.mark.parametrize("part", ["invitations", "contents", "followers"])
async def test_an_empty_list(http: Api, tokens: Tokens, part: str) -> None:
    reply = await http.get(f"/v3/groups/blank-page/{part}", tokens.owner)
    assert (reply.status, reply.ids) == (200, [])
    assert (reply.meta["total_pages"], reply.meta["total_count"]) == (0, 0)
    assert reply.meta["has_more_pages"] is False
    assert reply.meta["next_page"] is reply.meta["prev_page"] is None


@pytest.mark.parametrize("per", [1, 7, 24, 99, 100])
async def test_all_page_sizes_show_the_same_list(
    http: Api, sandbox: Sandbox, tokens: Tokens, per: int
) -> None:
    group = sandbox.add_group("Long List", slug="long-list")
    ids = sandbox.add_invitations(group, 99)
    found = await http.every_page("/v3/groups/long-list/invitations", tokens.owner, per=per)
    assert [each["id"] for each in found] == ids[::-1]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=two",
        "page=1.0",
        "page=",
        "page=+1",
        "page=1e2",
        "page=%D9%A1",
        "page=" + "9" * 5000,
        "per=0",
        "per=101",
        "per=-5",
        "per=all",
        "per=24.5",
    ],
)
async def test_pages_that_cannot_be(http: Api, tokens: Tokens, path: str, query: str) -> None:
    reply = await http.get(f"{path}?{query}", tokens.owner)
    assert reply.status == 400
    assert query.partition("=")[0] in reply.body["details"]["errors"][0]


@pytest.mark.parametrize(
    "path",
    [
        "/v3/users/1/groups?sort=popular",
        "/v3/users/1/groups?sort=",
        "/v3/groups/1001/contents?sort=name_asc",
        "/v3/groups/1001/contents?type=Video",
        "/v3/groups/1001/contents?type=text",
        "/v3/groups/1001/followers?sort=updated_at_desc",
    ],
)
async def test_sorts_and_types_that_do_not_exist(http: Api, path: str) -> None:
    assert (await http.get(path)).status == 400


async def test_parameters_nobody_knows_are_ignored(http: Api) -> None:
    reply = await http.get("/v3/groups/1001/members?colour=red&%ff=%ff&page=2&per=5")
    assert (reply.status, reply.meta["current_page"]) == (200, 2)
