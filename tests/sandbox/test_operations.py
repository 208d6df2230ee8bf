"""Operations of the sandbox, called without a server."""

from collections.abc import Callable
from random import Random

import pytest

from arena_groups.sandbox import operations
from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import UserRecord
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.operations import OperationCall
from arena_groups.sandbox.rendering import JSONRenderer
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.seed import SeedPlan, fill_backend, new_users


class CountedUsers(dict[int, UserRecord]):
    """Users by id, which count how often one is read."""

    reads = 0

    def __getitem__(self, number: int) -> UserRecord:
        self.reads += 1
        return super().__getitem__(number)


@pytest.mark.parametrize("page", [1, 20])
@pytest.mark.parametrize(
    "operation", [operations.list_members, operations.list_followers, operations.list_invitations]
)
def test_page_of_long_list_reads_only_its_own_users(
    operation: Callable[[OperationCall], SandboxResponse], page: int
) -> None:
    backend = Backend(SandboxClock(), Random(1))
    records = fill_backend(backend, SeedPlan(1, people=2000, invitations=2000))
    group = backend.groups[1001]
    for user in new_users(records.user_factory, 2000):
        backend.follow(user, group)
    users = backend.users = CountedUsers(backend.users)
    owner = records.known_users.owner
    response = operation(
        OperationCall(
            backend,
            JSONRenderer(backend, "http://localhost", owner),
            caller=owner,
            path={"id": "research-studio"},
            query={"page": str(page), "per": "100"},
            raw_query="",
            cookies={},
            content_type="",
            body=b"",
        )
    )
    assert response.body is not None
    assert len(response.body["data"]) == 100  # type: ignore[arg-type]
    assert users.reads <= 2 * 100
