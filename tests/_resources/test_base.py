"""Arguments that the resources have in common: groups, users, paging."""

from collections.abc import Callable
from typing import Any

import pytest

from arena_groups import ArenaClient, Paginator
from tests.support.cases import run_call
from tests.support.documents import CODE, EMAIL
from tests.support.mock_api import MockAPI

Call = Callable[[ArenaClient], object]

INVALID_NAMES: tuple[tuple[Any, type[Exception]], ...] = (
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
    "users.get": lambda arena, name: arena.users.get(name),
    "users.groups": lambda arena, name: arena.users.groups(name),
    "users.followers": lambda arena, name: arena.users.followers(name),
    "users.following": lambda arena, name: arena.users.following(name),
}
LISTS: dict[str, Callable[..., Paginator[Any]]] = {
    "members": lambda arena, **given: arena.groups.members("x", **given),
    "invitations": lambda arena, **given: arena.groups.invitations("x", **given),
    "contents": lambda arena, **given: arena.groups.contents("x", **given),
    "followers": lambda arena, **given: arena.groups.followers("x", **given),
    "mine": lambda arena, **given: arena.groups.mine(**given),
    "users.groups": lambda arena, **given: arena.users.groups("x", **given),
    "users.followers": lambda arena, **given: arena.users.followers("x", **given),
    "users.following": lambda arena, **given: arena.users.following("x", **given),
}
INVALID_PAGING: tuple[tuple[str, Any, type[Exception], str], ...] = (
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
    ("concurrency", 0, ValueError, "concurrency must be 1 or more, not 0"),
    ("concurrency", -1, ValueError, "concurrency must be 1 or more, not -1"),
    ("concurrency", 2.0, TypeError, "concurrency must be an int 1 or more, not float"),
    ("concurrency", "4", TypeError, "concurrency must be an int 1 or more, not str"),
    ("concurrency", True, TypeError, "concurrency must be an int 1 or more, not bool"),
    ("confirm", 1, TypeError, "confirm must be a bool, not int"),
    ("confirm", None, TypeError, "confirm must be a bool, not NoneType"),
    (
        "on_decode_error",
        "ignore",
        ValueError,
        'on_decode_error must be "raise" or "skip", not \'ignore\'',
    ),
    ("on_decode_error", None, ValueError, 'on_decode_error must be "raise" or "skip", not None'),
    (
        "on_decode_error",
        ["skip"],
        ValueError,
        r'on_decode_error must be "raise" or "skip", not \[\'skip\'\]',
    ),
    ("concurrency", None, TypeError, "concurrency must be an int 1 or more, not NoneType"),
)


class TestArguments:
    @pytest.mark.parametrize(("name", "kind"), INVALID_NAMES)
    @pytest.mark.parametrize("operation", BY_NAME)
    async def test_invalid_group_or_user_raises_before_sending(
        self,
        arena: ArenaClient,
        mock_api: MockAPI,
        operation: str,
        name: Any,
        kind: type[Exception],
    ) -> None:
        what = "user" if operation.startswith("users.") else "group"
        with pytest.raises(kind, match=rf"^{what} "):
            await run_call(arena, lambda arena: BY_NAME[operation](arena, name))
        assert mock_api.requests == {}

    @pytest.mark.parametrize(("option", "value", "kind", "message"), INVALID_PAGING)
    @pytest.mark.parametrize("operation", LISTS)
    def test_invalid_paging_raises_at_once(
        self, operation: str, option: str, value: Any, kind: type[Exception], message: str
    ) -> None:
        with pytest.raises(kind, match=rf"^{message}$"):
            LISTS[operation](ArenaClient(), **{option: value})

    @pytest.mark.parametrize("operation", LISTS)
    async def test_list_sends_nothing_before_it_is_used(
        self, arena: ArenaClient, mock_api: MockAPI, operation: str
    ) -> None:
        paginator = LISTS[operation](arena, per=1, start_page=10**6, limit=0)
        aiter(paginator)
        paginator.pages()
        assert await paginator.collect() == []
        assert mock_api.requests == {}


class TestRepr:
    @pytest.mark.parametrize("operation", sorted(LISTS))
    def test_list_names_its_operation_and_options(self, operation: str) -> None:
        shown = repr(LISTS[operation](ArenaClient(), limit=5, concurrency=2, confirm=True))
        name = {"mine": "users.groups(me)"}.get(operation, f"{_full(operation)}('x')")
        assert shown == (
            f"<Paginator of {name}: start_page=1, limit=5, concurrency=2, confirm=True>"
        )

    @pytest.mark.parametrize(
        ("group", "name"),
        [
            ("research-studio", "'research-studio'"),
            (1001, "1001"),
            ("1001", "1001"),
            ("https://www.are.na/group/night-walks", "'night-walks'"),
            (f"https://www.are.na/group/night-walks/invite/{CODE}", "'night-walks'"),
        ],
    )
    def test_list_names_its_group(self, group: str | int, name: str) -> None:
        shown = repr(ArenaClient().groups.invitations(group))
        assert shown.startswith(f"<Paginator of groups.invitations({name}): ")
        assert CODE not in shown

    @pytest.mark.parametrize("secret", ["aB3_" * 8, "a1" * 32, "c0de_71BE", "Ada Osei"])
    def test_what_may_be_a_secret_in_the_place_of_a_slug_is_hidden(self, secret: str) -> None:
        for shown in (
            repr(ArenaClient().groups.members(secret)),
            repr(ArenaClient().users.followers(secret)),
        ):
            assert secret not in shown
            assert "(…)" in shown

    def test_list_of_any_endpoint_shows_the_route_without_values(self) -> None:
        shown = repr(
            ArenaClient().paginate("/v3/groups/{id}/x", path={"id": EMAIL}, query={"q": EMAIL})
        )
        assert shown.startswith("<Paginator of GET /v3/groups/{id}/x: start_page=1, ")
        assert EMAIL not in shown


def _full(operation: str) -> str:
    return operation if "." in operation else f"groups.{operation}"
