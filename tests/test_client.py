"""The client and its resources: arguments that are refused, and what a client is."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from arena_groups import ArenaClient, GroupsResource, Paginator, UsersResource
from tests.conftest import Answers
from tests.support import documents
from tests.support.clients import single
from tests.support.documents import CODE, EMAIL, TOKEN
from tests.support.leaks import no_warning

Call = Callable[[ArenaClient], object]

BAD_NAMES: tuple[tuple[Any, type[Exception]], ...] = (
    ("", ValueError),
    (" ", ValueError),
    ("a/b", ValueError),
    ("..", ValueError),
    ("a.b", ValueError),
    ("a\\b", ValueError),
    (0, ValueError),
    (-7, ValueError),
    (None, TypeError),
    (7.0, TypeError),
    (True, TypeError),
    (b"studio", TypeError),
)
BY_NAME: dict[str, Callable[[ArenaClient, Any], object]] = {
    "get": lambda arena, name: arena.groups.get(name),
    "update": lambda arena, name: arena.groups.update(name, name="x"),
    "delete": lambda arena, name: arena.groups.delete(name),
    "members": lambda arena, name: arena.groups.members(name),
    "join": lambda arena, name: arena.groups.join(name, invite_token=CODE),
    "leave": lambda arena, name: arena.groups.leave(name),
    "remove_member": lambda arena, name: arena.groups.remove_member(name, 7),
    "invitations": lambda arena, name: arena.groups.invitations(name),
    "invite": lambda arena, name: arena.groups.invite(name, email=EMAIL),
    "revoke_invitation": lambda arena, name: arena.groups.revoke_invitation(name, 7),
    "invite_code": lambda arena, name: arena.groups.invite_code(name),
    "create_invite_code": lambda arena, name: arena.groups.create_invite_code(name),
    "delete_invite_code": lambda arena, name: arena.groups.delete_invite_code(name),
    "contents": lambda arena, name: arena.groups.contents(name),
    "followers": lambda arena, name: arena.groups.followers(name),
    "users.groups": lambda arena, name: arena.users.groups(name),
}
LISTS: dict[str, Callable[..., Paginator[Any]]] = {
    "members": lambda arena, **given: arena.groups.members("x", **given),
    "invitations": lambda arena, **given: arena.groups.invitations("x", **given),
    "contents": lambda arena, **given: arena.groups.contents("x", **given),
    "followers": lambda arena, **given: arena.groups.followers("x", **given),
    "users.groups": lambda arena, **given: arena.users.groups("x", **given),
}
BAD_PAGING: tuple[tuple[str, Any, type[Exception], str], ...] = (
    ("per", 0, ValueError, "per must be from 1 to 100, not 0"),
    ("per", 101, ValueError, "per must be from 1 to 100, not 101"),
    ("per", -1, ValueError, "per must be from 1 to 100, not -1"),
    ("per", "24", TypeError, "per must be an int from 1 to 100, not str"),
    ("per", None, TypeError, "per must be an int from 1 to 100, not NoneType"),
    ("per", 24.0, TypeError, "per must be an int from 1 to 100, not float"),
    ("per", True, TypeError, "per must be an int from 1 to 100, not bool"),
    ("start_page", 0, ValueError, "start_page must be 1 or more, not 0"),
    ("start_page", "1", TypeError, "start_page must be an int 1 or more, not str"),
    ("limit", -1, ValueError, "limit must be 0 or more, not -1"),
    ("limit", 1.5, TypeError, "limit must be an int 0 or more, not float"),
)
BAD_CALLS: dict[str, tuple[Call, type[Exception], str]] = {
    "create without a name": (lambda a: a.groups.create(""), ValueError, "name must not be"),
    "create with a null name": (
        lambda a: a.groups.create(None),  # type: ignore[arg-type]
        TypeError,
        "name must be a str, not NoneType",
    ),
    "create with an empty url": (
        lambda a: a.groups.create("x", avatar_url=" "), ValueError, "avatar_url must not be empty",
    ),
    "update to no name": (lambda a: a.groups.update("x", name=""), ValueError, "name must not be"),
    "update to a null name": (
        lambda a: a.groups.update("x", name=None), TypeError, "name must be",  # type: ignore[arg-type]
    ),
    "update to a null url": (
        lambda a: a.groups.update("x", avatar_url=None),  # type: ignore[arg-type]
        TypeError,
        "avatar_url must be a str",
    ),
    "join without a code": (
        lambda a: a.groups.join("x", invite_token=""), ValueError, "invite_token is empty",
    ),
    "join with a line break": (
        lambda a: a.groups.join("x", invite_token=f"{CODE}\n"), ValueError, "invite_token holds",
    ),
    "remove nobody": (
        lambda a: a.groups.remove_member("x", 0), ValueError, "user_id must be 1 or more, not 0",
    ),
    "remove by slug": (
        lambda a: a.groups.remove_member("x", "ada"),  # type: ignore[arg-type]
        TypeError,
        "user_id must be an int 1 or more, not str",
    ),
    "revoke none": (
        lambda a: a.groups.revoke_invitation("x", -4), ValueError, "invitation_id must be 1 or",
    ),
    "revoke by bool": (
        lambda a: a.groups.revoke_invitation("x", True), TypeError, "invitation_id must be an int",
    ),
    "invite neither": (lambda a: a.groups.invite("x"), ValueError, "exactly one of email="),
    "invite both": (
        lambda a: a.groups.invite("x", email=EMAIL, user_id=7), ValueError, "exactly one of email=",
    ),
    "invite no address": (
        lambda a: a.groups.invite("x", email="ada"), ValueError, "email is not an email address",
    ),
    "invite an empty address": (
        lambda a: a.groups.invite("x", email=""), ValueError, "email is not an email address",
    ),
    "invite user 0": (
        lambda a: a.groups.invite("x", user_id=0), ValueError, "user_id must be 1 or more, not 0",
    ),
    "invite by slug": (
        lambda a: a.groups.invite("x", user_id="ada"),  # type: ignore[arg-type]
        TypeError,
        "user_id must be an int 1 or more, not str",
    ),
    "contents in no order": (
        lambda a: a.groups.contents("x", sort="random"),
        ValueError,
        "sort must be one of created_at_asc, created_at_desc, updated_at_asc, updated_at_desc",
    ),
    "contents of no kind": (
        lambda a: a.groups.contents("x", type="text"), ValueError, "type must be one of Text, ",
    ),
    "followers in no order": (
        lambda a: a.groups.followers("x", sort="name_asc"),
        ValueError,
        "sort must be one of created_at_desc, created_at_asc",
    ),
    "groups in no order": (
        lambda a: a.users.groups("x", sort=""), ValueError, "sort must be one of name_asc, ",
    ),
}  # fmt: skip


async def call(arena: ArenaClient, make: Call) -> None:
    """Make a call, and wait for it if there is something to wait for."""
    made = make(arena)
    if isinstance(made, Awaitable):
        await made


class TestRefusals:
    @pytest.mark.parametrize(("name", "kind"), BAD_NAMES)
    @pytest.mark.parametrize("operation", BY_NAME)
    async def test_a_bad_group_or_user_is_refused_unsent(
        self, arena: ArenaClient, answers: Answers, operation: str, name: Any, kind: type[Exception]
    ) -> None:
        what = "user" if operation == "users.groups" else "group"
        with pytest.raises(kind, match=rf"^{what} "):
            await call(arena, lambda arena: BY_NAME[operation](arena, name))
        assert answers.requests == {}

    @pytest.mark.parametrize(("option", "value", "kind", "message"), BAD_PAGING)
    @pytest.mark.parametrize("operation", LISTS)
    def test_bad_paging_is_refused_at_once(
        self, operation: str, option: str, value: Any, kind: type[Exception], message: str
    ) -> None:
        with pytest.raises(kind, match=rf"^{message}$"):
            LISTS[operation](ArenaClient(), **{option: value})

    @pytest.mark.parametrize("name", BAD_CALLS)
    async def test_a_bad_argument_is_refused_unsent(
        self, arena: ArenaClient, answers: Answers, name: str
    ) -> None:
        make, kind, message = BAD_CALLS[name]
        with pytest.raises(kind, match=rf"^(invite takes )?{message}") as caught:
            await call(arena, make)
        assert CODE not in str(caught.value)
        assert EMAIL not in str(caught.value)
        assert answers.requests == {}

    @pytest.mark.parametrize("operation", LISTS)
    async def test_a_list_sends_nothing_before_it_is_used(
        self, arena: ArenaClient, answers: Answers, operation: str
    ) -> None:
        paginator = LISTS[operation](arena, per=1, start_page=10**6, limit=0)
        aiter(paginator)
        paginator.pages()
        assert await paginator.collect() == []
        assert answers.requests == {}


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
