"""Looks at a group that changes between two pages."""

from collections.abc import AsyncIterator, Callable

import pytest

from arena_groups import ArenaClient, Exchange, NoPacer, PaginationError
from arena_groups.sandbox import Sandbox
from arena_groups.watching import poller
from arena_groups.watching.poller import Look

GROUP = "relay"


class Between:
    """What happens after an answer; of one operation at a time."""

    def __init__(self) -> None:
        self.operation = ""
        self.changes: list[Callable[[], object]] = []

    def __call__(self, exchange: Exchange) -> None:
        if exchange.operation == self.operation and self.changes:
            self.changes.pop(0)()

    def after(self, operation: str, *changes: Callable[[], object]) -> None:
        self.operation, self.changes = operation, list(changes)


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    monkeypatch.setattr(poller, "PER", 2)
    async with Sandbox() as made:
        made.add_group("Relay", slug=GROUP)
        made.add_invitations(GROUP, 5)
        made.add_members(GROUP, 6)
        yield made


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
async def taken(sandbox: Sandbox, between: Between) -> AsyncIterator[Look]:
    async with ArenaClient(
        sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer(), on_exchange=between
    ) as arena:
        yield Look(arena, await arena.groups.get(GROUP))


async def test_what_has_not_changed_takes_a_request_for_each_list(
    sandbox: Sandbox, taken: Look
) -> None:
    first = await taken.take(deep=True)
    assert first.invitations is not None
    assert list(first.invitations) == sandbox.pending_invitations(GROUP)[::-1]
    taken.keep()
    sandbox.clear_requests()
    again = await taken.take(deep=False)
    assert (again.invitations, again.members) == (None, None)
    assert len(sandbox.requests) == taken.requests == 3


async def test_a_look_that_was_not_kept_is_compared_with_by_none(taken: Look) -> None:
    await taken.take(deep=True)
    assert (await taken.take(deep=False)).invitations is not None


async def test_what_was_there_during_a_look_only_is_found_to_be_gone(
    sandbox: Sandbox, taken: Look, between: Between
) -> None:
    between.after(
        "groups.invitations",
        lambda: sandbox.add_invitations(GROUP, 4),
        lambda: [
            sandbox.decline_invitation(each) for each in sandbox.pending_invitations(GROUP)[:3]
        ],
    )
    first = await taken.take(deep=True)
    taken.keep()
    (passing,) = sandbox.pending_invitations(GROUP)[:1]
    assert first.invitations is not None
    assert passing in first.invitations
    sandbox.decline_invitation(passing)
    again = await taken.take(deep=False)
    assert again.invitations is not None
    assert passing not in again.invitations


async def test_nobody_is_missed_where_the_owner_changes_meanwhile(
    sandbox: Sandbox, taken: Look, between: Between
) -> None:
    new_owner = sandbox.members(GROUP)[4]
    between.after("groups.members", lambda: sandbox.transfer_ownership(GROUP, new_owner))
    snapshot = await taken.take(deep=True)
    assert snapshot.members is not None
    assert set(snapshot.members) == set(sandbox.members(GROUP))
    assert snapshot.members[new_owner].role == "owner"


async def test_an_owner_who_never_stays_fails_the_look(
    sandbox: Sandbox, taken: Look, between: Between
) -> None:
    def another() -> None:
        sandbox.transfer_ownership(GROUP, sandbox.members(GROUP)[-1])

    between.after("groups.members", *[another] * 50)
    with pytest.raises(PaginationError, match="the owner changed again and again"):
        await taken.take(deep=True)


async def test_a_role_on_a_later_page_shows_in_a_deep_look(sandbox: Sandbox, taken: Look) -> None:
    await taken.take(deep=True)
    taken.keep()
    last = sandbox.members(GROUP)[-1]
    sandbox._backend.users[last].name = "Another Name"
    assert (await taken.take(deep=False)).members is None
    snapshot = await taken.take(deep=True)
    assert snapshot.members is not None
    assert snapshot.members[last].name == "Another Name"
