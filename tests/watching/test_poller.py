"""Looks at a group that changes between two pages."""

from collections.abc import AsyncIterator, Callable

import pytest

from arena_groups import ArenaClient, NoPacer, PaginationError, RequestEvent
from arena_groups.sandbox import Sandbox
from arena_groups.watching import poller
from arena_groups.watching.poller import GroupPoller

GROUP = "relay"


class Between:
    """What happens after an answer; of one operation at a time."""

    def __init__(self) -> None:
        self.operation = ""
        self.changes: list[Callable[[], object]] = []

    def __call__(self, exchange: RequestEvent) -> None:
        if exchange.operation == self.operation and self.changes:
            self.changes.pop(0)()

    def after(self, operation: str, *changes: Callable[[], object]) -> None:
        self.operation, self.changes = operation, list(changes)


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    monkeypatch.setattr(poller, "PAGE_SIZE", 2)
    async with Sandbox() as made:
        made.add_group("Relay", slug=GROUP)
        made.add_invitations(GROUP, 5)
        made.add_members(GROUP, 6)
        yield made


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
async def taken(sandbox: Sandbox, between: Between) -> AsyncIterator[GroupPoller]:
    async with ArenaClient(
        sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer(), on_request=between
    ) as arena:
        yield GroupPoller(arena, await arena.groups.get(GROUP))


async def test_what_has_not_changed_takes_a_request_for_each_list(
    sandbox: Sandbox, taken: GroupPoller
) -> None:
    first = await taken.poll(full=True)
    assert first.invitations is not None
    assert list(first.invitations) == sandbox.pending_invitations(GROUP)[::-1]
    taken.commit()
    sandbox.clear_requests()
    again = await taken.poll(full=False)
    assert (again.invitations, again.members) == (None, None)
    assert len(sandbox.requests) == taken.requests == 3


async def test_a_look_that_was_not_kept_is_compared_with_by_none(taken: GroupPoller) -> None:
    await taken.poll(full=True)
    assert (await taken.poll(full=False)).invitations is not None


async def test_what_was_there_during_a_look_only_is_found_to_be_gone(
    sandbox: Sandbox, taken: GroupPoller, between: Between
) -> None:
    between.after(
        "groups.invitations",
        lambda: sandbox.add_invitations(GROUP, 4),
        lambda: [
            sandbox.decline_invitation(each) for each in sandbox.pending_invitations(GROUP)[:3]
        ],
    )
    first = await taken.poll(full=True)
    taken.commit()
    (passing,) = sandbox.pending_invitations(GROUP)[:1]
    assert first.invitations is not None
    assert passing in first.invitations
    sandbox.decline_invitation(passing)
    again = await taken.poll(full=False)
    assert again.invitations is not None
    assert passing not in again.invitations


async def test_nobody_is_missed_where_the_owner_changes_meanwhile(
    sandbox: Sandbox, taken: GroupPoller, between: Between
) -> None:
    new_owner = sandbox.members(GROUP)[4]
    between.after("groups.members", lambda: sandbox.transfer_ownership(GROUP, new_owner))
    snapshot = await taken.poll(full=True)
    assert snapshot.members is not None
    assert set(snapshot.members) == set(sandbox.members(GROUP))
    assert snapshot.members[new_owner].role == "owner"


async def test_an_owner_who_never_stays_fails_the_look(
    sandbox: Sandbox, taken: GroupPoller, between: Between
) -> None:
    def another() -> None:
        sandbox.transfer_ownership(GROUP, sandbox.members(GROUP)[-1])

    between.after("groups.members", *[another] * 50)
    with pytest.raises(PaginationError, match="the owner changed again and again"):
        await taken.poll(full=True)


async def test_a_role_on_a_later_page_shows_in_a_full_poll(
    sandbox: Sandbox, taken: GroupPoller
) -> None:
    await taken.poll(full=True)
    taken.commit()
    last = sandbox.members(GROUP)[-1]
    sandbox.rename_user(last, "Another Name")
    assert (await taken.poll(full=False)).members is None
    snapshot = await taken.poll(full=True)
    assert snapshot.members is not None
    assert snapshot.members[last].name == "Another Name"
