"""Table of the operations."""

import re
from types import NoneType

import pytest

from arena_groups._api import (
    OPERATIONS,
    Operation,
    build_request,
    operations,
)


class TestOperations:
    def test_names_and_routes_are_unique(self) -> None:
        assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)
        assert len({(each.method, each.route) for each in OPERATIONS}) == len(OPERATIONS)

    def test_operations_of_the_module_are_all_listed(self) -> None:
        described = [each for each in vars(operations).values() if isinstance(each, Operation)]
        assert {id(each) for each in described} == {id(each) for each in OPERATIONS}

    def test_create_and_invite_alone_are_not_idempotent(self) -> None:
        unsafe = {each.name for each in OPERATIONS if not each.idempotent}
        assert unsafe == {"groups.create", "groups.invite"}

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    def test_writes_need_a_token(self, operation: Operation[object]) -> None:
        assert operation.writes == (operation.method != "GET")
        assert operation.needs_token or not operation.writes

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    def test_deletions_alone_return_nothing(self, operation: Operation[object]) -> None:
        assert (operation.returns is NoneType) == (operation.method == "DELETE")

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
    def test_route_without_a_path_parameter_raises(self, operation: Operation[object]) -> None:
        names = re.findall(r"{(\w+)}", operation.route)
        path = build_request(operation, dict.fromkeys(names, "1")).path
        assert re.fullmatch(r"/v3(/[a-z0-9_]+)+", path)
        for name in names:
            with pytest.raises(KeyError, match=name):
                build_request(operation, {other: "1" for other in names if other != name})
