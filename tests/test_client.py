"""Client: its own operations, its resources, and its end."""

import inspect
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest

from arena_groups import (
    ArenaClient,
    GroupsResource,
    Me,
    NoPacer,
    Paginator,
    UsersResource,
    from_dict,
)
from arena_groups._api import OPERATIONS
from tests.support import documents
from tests.support.cases import Case, check_not_found, check_request_and_result
from tests.support.clients import single
from tests.support.documents import TOKEN
from tests.support.leaks import no_warning
from tests.support.mock_api import MockAPI

CASES = {
    "ping": Case(
        lambda a: a.ping(), "GET", "/v3/ping", 200, {"status": "ok"}, None
    ),
    "me": Case(
        lambda a: a.me(), "GET", "/v3/me", 200,
        documents.me(), from_dict(Me, documents.me()),
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
    assert set(CASES) == {operation.name for operation in OPERATIONS if "." not in operation.name}


class TestClient:
    def test_new_client_has_resources_and_no_rate_limit(self) -> None:
        arena = ArenaClient()
        assert isinstance(arena.groups, GroupsResource)
        assert isinstance(arena.users, UsersResource)
        assert arena.rate_limit is None
        assert arena.base_url == "https://api.are.na"
        assert arena.with_options(timeout=1).base_url == arena.base_url
        assert arena.closed is False

    async def test_error_within_the_block_closes_the_client(self) -> None:
        arena = ArenaClient()
        with pytest.raises(ZeroDivisionError):
            async with arena as same:
                assert same is arena
                raise ZeroDivisionError
        assert arena.closed

    async def test_example_of_the_readme_streams_invitations_and_reads_the_invite_code(
        self, mock_api: MockAPI, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        api = "https://api.are.na/v3/groups/research-studio"
        first = documents.page(
            *(documents.invitation(id=number) for number in range(150, 50, -1)),
            total_count=150, total_pages=2, has_more_pages=True, next_page=2,
        )  # fmt: skip
        second = documents.page(
            *(documents.invitation(id=number) for number in range(50, 0, -1)),
            total_count=150, total_pages=2, current_page=2,
        )  # fmt: skip
        mock_api.get(f"{api}/invitations?page=1&per=100", payload=first)
        mock_api.get(f"{api}/invitations?page=2&per=100", payload=second)
        mock_api.get(f"{api}/invite", payload=documents.invite())
        async with ArenaClient() as arena:
            found = [each.id async for each in arena.groups.invitations("research-studio")]
            invite = await arena.groups.invite_code("research-studio")
        assert found == list(range(150, 0, -1))
        assert invite.url == documents.CODE_URL

    def test_pacer_is_the_one_that_was_given_or_its_own(self) -> None:
        given = NoPacer()
        one, other, third = ArenaClient(pacer=given), ArenaClient(), ArenaClient()
        assert one.pacer is given
        assert one.with_options(timeout=1).pacer is given
        assert other.pacer is not third.pacer
        assert other.pacer.snapshot().used == 0

    async def test_two_clients_share_no_rate_limit(self, mock_api: MockAPI) -> None:
        url = "https://api.are.na/v3/ping"
        mock_api.get(url, payload={"status": "ok"}, headers={"X-RateLimit-Limit": "30"})
        async with ArenaClient() as one, ArenaClient() as other:
            await one.ping()
            assert one.rate_limit is not None
            assert other.rate_limit is None

    def test_unused_client_outside_of_a_loop_leaves_no_warning(self) -> None:
        with no_warning():
            single(TOKEN)


OPERATION_METHODS = [
    pytest.param(*operation.name.split("."), id=operation.name)
    for operation in OPERATIONS
    if "." in operation.name and not operation.name.startswith("oauth")
]


class TestAutospec:
    @pytest.fixture(params=["instance", "class", "instance of the class"])
    def mock(self, request: pytest.FixtureRequest) -> Any:
        """A mock of a client, of each kind."""
        if request.param == "instance":
            return create_autospec(ArenaClient, instance=True)
        mock = create_autospec(ArenaClient)
        return mock if request.param == "class" else mock("a-token")

    @pytest.mark.parametrize(("resource", "name"), OPERATION_METHODS)
    async def test_operation_is_async_and_has_its_signature(
        self, mock: Any, resource: str, name: str
    ) -> None:
        real = getattr(getattr(ArenaClient(), resource), name)
        method = getattr(getattr(mock, resource), name)
        assert isinstance(method, AsyncMock) == inspect.iscoroutinefunction(real)
        with pytest.raises(TypeError, match="argument"):
            method(surplus=1)

    async def test_operations_can_be_awaited(self) -> None:
        arena = create_autospec(ArenaClient, instance=True)
        arena.groups.get.return_value = "a group"
        assert await arena.groups.get("x") == "a group"
        arena.groups.get.assert_awaited_once_with("x")
        await arena.me()
        await arena.ping()
        with pytest.raises(AttributeError):
            arena.groups.gett  # noqa: B018

    async def test_list_yields_what_the_test_sets(self) -> None:
        arena = create_autospec(ArenaClient, instance=True)
        assert [each async for each in arena.users.groups("ada")] == []
        arena.users.groups.return_value.__aiter__.return_value = [1, 2]
        assert [each async for each in arena.users.groups("ada")] == [1, 2]
        arena.groups.members.return_value = create_autospec(Paginator, instance=True)
        arena.groups.members.return_value.collect.return_value = [3]
        assert await arena.groups.members("g").collect() == [3]

    async def test_block_of_an_instance_can_enter_the_instance(self) -> None:
        mock = create_autospec(ArenaClient)
        mock.return_value.__aenter__.return_value = mock.return_value
        async with mock("a-token") as arena:
            await arena.groups.delete("g")
        mock.return_value.groups.delete.assert_awaited_once_with("g")

    def test_resource_of_a_client_is_always_the_same_object(self) -> None:
        arena, other = ArenaClient(), ArenaClient()
        assert arena.groups is arena.groups
        assert arena.groups is not other.groups
        assert ArenaClient.groups is GroupsResource
        assert ArenaClient.users is UsersResource
