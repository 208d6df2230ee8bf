"""Operations, requests, secrets, and what good answers bring."""

import copy
import json
import pickle
import re
from types import NoneType

import pytest

from arena_groups import DecodeError, Group
from arena_groups._api import (
    OPERATIONS,
    Credentials,
    Operation,
    RawResponse,
    Secret,
    TokenOrigin,
    build_request,
    checked_token,
    operations,
    parse_response,
)
from tests.support import documents
from tests.support.documents import CODE, TOKEN


class TestOperations:
    def test_there_are_nineteen_and_each_has_its_own_name_and_place(self) -> None:
        assert len(OPERATIONS) == 19
        assert len({each.name for each in OPERATIONS}) == 19
        assert len({(each.method, each.route) for each in OPERATIONS}) == 19

    def test_all_that_are_described_are_listed(self) -> None:
        described = [each for each in vars(operations).values() if isinstance(each, Operation)]
        assert {id(each) for each in described} == {id(each) for each in OPERATIONS}

    def test_only_creating_and_inviting_are_not_repeat_safe(self) -> None:
        unsafe = {each.name for each in OPERATIONS if not each.idempotent}
        assert unsafe == {"groups.create", "groups.invite"}

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    def test_what_writes_needs_a_token(self, operation: Operation[object]) -> None:
        assert operation.writes == (operation.method != "GET")
        assert operation.needs_token or not operation.writes

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    def test_only_deleting_brings_nothing(self, operation: Operation[object]) -> None:
        assert (operation.returns is NoneType) == (operation.method == "DELETE")

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    def test_a_route_without_its_places_cannot_be_built(self, operation: Operation[object]) -> None:
        names = re.findall(r"{(\w+)}", operation.route)
        path = build_request(operation, dict.fromkeys(names, "1")).path
        assert re.fullmatch(r"/v3(/[a-z0-9_]+)+", path)
        for name in names:
            with pytest.raises(KeyError, match=name):
                build_request(operation, {other: "1" for other in names if other != name})


class TestRequests:
    def test_path_and_query_are_one_target(self) -> None:
        query: dict[str, str | int] = {"page": 2, "per": 24, "sort": "a&b=c d"}
        made = build_request(operations.CONTENTS, {"id": "a%20b"}, query=query)
        assert made.target == "/v3/groups/a%20b/contents?page=2&per=24&sort=a%26b%3Dc+d"
        assert build_request(operations.ME).target == "/v3/me"

    def test_without_a_body_there_is_no_payload(self) -> None:
        assert build_request(operations.ME).payload() is None
        assert build_request(operations.UPDATE_GROUP, {"id": "1"}, body={}).payload() == {}

    def test_secrets_are_in_the_payload_and_nowhere_else(self) -> None:
        body = {"invite_token": Secret(CODE), "other": 7, "none": None}
        made = build_request(operations.JOIN, {"id": "1"}, body=body)
        assert made.payload() == {"invite_token": CODE, "other": 7, "none": None}
        assert made.secrets == (CODE,)
        assert CODE not in f"{made} {made!r} {made.body!r}"

    def test_a_body_does_not_show(self) -> None:
        made = build_request(operations.CREATE_GROUP, body={"name": "Hidden Studio"})
        assert "Hidden" not in repr(made)


class TestSecret:
    def test_it_shows_nowhere(self) -> None:
        secret = Secret(TOKEN)
        for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret!s:>40}"):
            assert TOKEN not in shown
        assert secret.reveal() == TOKEN
        assert not hasattr(secret, "__dict__")

    def test_it_does_not_travel(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="a secret cannot be pickled"):
                pickle.dumps(Secret(TOKEN), protocol)
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            copy.deepcopy(Secret(TOKEN))

    def test_it_goes_into_no_json(self) -> None:
        with pytest.raises(TypeError):
            json.dumps({"token": Secret(TOKEN)})

    def test_credentials_do_not_show_it(self) -> None:
        made = Credentials(Secret(TOKEN), TokenOrigin.ARGUMENT)
        assert TOKEN not in repr(made)
        assert made.secrets == (TOKEN,)
        assert Credentials().secrets == ()

    @pytest.mark.parametrize("origin", TokenOrigin)
    def test_a_good_token_passes(self, origin: TokenOrigin) -> None:
        secret = Secret(TOKEN)
        assert checked_token(secret, origin) is secret

    @pytest.mark.parametrize(
        ("text", "kind", "problem"),
        [
            ("", ValueError, "is empty"),
            (f"{TOKEN}\n", ValueError, "holds a space, a line break or another character"),
            (f"Bearer {TOKEN}", ValueError, "holds a space"),
            (f"{TOKEN}\r\nX-Evil: 1", ValueError, "holds a space"),
            (f"{TOKEN}é", ValueError, "holds a space"),
            (f"{TOKEN}\0", ValueError, "holds a space"),
            (None, TypeError, "is not a string"),
            (TOKEN.encode(), TypeError, "is not a string"),
            (7, TypeError, "is not a string"),
        ],
    )
    @pytest.mark.parametrize("origin", TokenOrigin)
    def test_a_bad_one_is_refused_unseen(
        self, text: str, kind: type[Exception], problem: str, origin: TokenOrigin
    ) -> None:
        with pytest.raises(kind, match=f"^the token from {re.escape(origin)} {problem}") as caught:
            checked_token(Secret(text), origin)
        assert TOKEN not in str(caught.value)


class TestAnswers:
    GET = build_request(operations.GET_GROUP, {"id": "1"})

    @pytest.mark.parametrize("status", [200, 201, 203, 206, 299])
    def test_any_good_status_brings_the_model(self, status: int) -> None:
        answer = RawResponse(status=status, body=json.dumps(documents.group()).encode())
        made = parse_response(self.GET, answer, Credentials())
        assert isinstance(made, Group)
        assert made.slug == "research-studio"

    @pytest.mark.parametrize("body", [b"", b"{}", b'"ok"', b"null"])
    def test_where_nothing_is_promised_any_json_will_do(self, body: bytes) -> None:
        request = build_request(operations.LEAVE, {"id": "1"})
        parse_response(request, RawResponse(status=200, body=body), Credentials())

    @pytest.mark.parametrize("body", [b"<html>", b"\xff", b"It works!"])
    def test_a_proxys_page_is_no_success(self, body: bytes) -> None:
        request = build_request(operations.LEAVE, {"id": "1"})
        with pytest.raises(DecodeError, match=r"groups\.leave") as caught:
            parse_response(request, RawResponse(status=200, body=body), Credentials())
        assert caught.value.invalid_json

    @pytest.mark.parametrize(
        ("status", "body", "problem"),
        [
            (204, b"", "the body: is empty"),
            (200, b"<html>", "the body: is HTML or XML, not JSON"),
            (200, b"{}", "id: is missing"),
        ],
    )
    def test_where_a_model_is_promised_anything_else_is_an_error(
        self, status: int, body: bytes, problem: str
    ) -> None:
        with pytest.raises(DecodeError, match=f"^cannot decode groups.get: {problem}"):
            parse_response(self.GET, RawResponse(status=status, body=body), Credentials())

    def test_an_answer_shows_its_status_only(self) -> None:
        answer = RawResponse(status=200, reason=CODE, headers={"x": CODE}, body=CODE.encode())
        assert repr(answer) == "RawResponse(status=200)"
