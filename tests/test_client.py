"""The client and its resources: arguments that are refused, and what a client is."""

import pytest

from arena_groups import ArenaClient, GroupsResource, Me, UsersResource, from_dict
from arena_groups._api import OPERATIONS
from tests.conftest import Answers
from tests.support import documents
from tests.support.cases import Case, check_refusal, check_request_and_result
from tests.support.clients import single
from tests.support.documents import TOKEN
from tests.support.leaks import no_warning

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
async def test_the_request_and_the_result(arena: ArenaClient, answers: Answers, name: str) -> None:
    await check_request_and_result(arena, answers, CASES[name])


@pytest.mark.parametrize("name", CASES)
async def test_a_refusal_is_an_error_of_its_kind(
    arena: ArenaClient, answers: Answers, name: str
) -> None:
    await check_refusal(arena, answers, CASES[name])


def test_every_operation_has_a_case() -> None:
    assert set(CASES) == {operation.name for operation in OPERATIONS if "." not in operation.name}


class TestClient:
    def test_its_parts(self) -> None:
        arena = ArenaClient()
        assert isinstance(arena.groups, GroupsResource)
        assert isinstance(arena.users, UsersResource)
        assert arena.rate_limit is None
        assert arena.closed is False

    async def test_an_error_within_closes_it_too(self) -> None:
        arena = ArenaClient()
        with pytest.raises(ZeroDivisionError):
            async with arena as same:
                assert same is arena
                raise ZeroDivisionError
        assert arena.closed

    async def test_the_main_job_in_five_lines(
        self, answers: Answers, monkeypatch: pytest.MonkeyPatch
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
        answers.get(f"{api}/invitations?page=1&per=100", payload=first)
        answers.get(f"{api}/invitations?page=2&per=100", payload=second)
        answers.get(f"{api}/invite", payload=documents.invite())
        async with ArenaClient() as arena:
            found = [each.id async for each in arena.groups.invitations("research-studio")]
            invite = await arena.groups.invite_code("research-studio")
        assert found == list(range(150, 0, -1))
        assert invite.url == documents.CODE_URL

    async def test_two_clients_do_not_share(self, answers: Answers) -> None:
        url = "https://api.are.na/v3/ping"
        answers.get(url, payload={"status": "ok"}, headers={"X-RateLimit-Limit": "30"})
        async with ArenaClient() as one, ArenaClient() as other:
            await one.ping()
            assert one.rate_limit is not None
            assert other.rate_limit is None


class TestOwnership:
    def test_a_client_can_be_made_without_a_loop_and_thrown_away_unused(self) -> None:
        with no_warning():
            single(TOKEN)
