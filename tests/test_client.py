"""Client: its own operations, its resources, and its end."""

import pytest

from arena_groups import ArenaClient, GroupsResource, Me, UsersResource, from_dict
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
