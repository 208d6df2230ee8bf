"""Polls of a group that changes between two pages."""

from collections.abc import AsyncIterator, Callable

import pytest

from arena_groups import PaginationError, RequestEvent
from arena_groups.sandbox import Sandbox
from arena_groups.watching import poller
from arena_groups.watching.poller import GroupPoller
from tests.support.clients import single

GROUP = "relay"


class ChangesBetweenRequests:
    """Request hook that changes the group after each request of one operation."""

    def __init__(self) -> None:
        self.operation = ""
        self.changes: list[Callable[[], object]] = []

    def __call__(self, event: RequestEvent) -> None:
        if event.operation == self.operation and self.changes:
            self.changes.pop(0)()

    def after(self, operation: str, *changes: Callable[[], object]) -> None:
        self.operation, self.changes = operation, list(changes)


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    monkeypatch.setattr(poller, "PAGE_SIZE", 2)
    async with Sandbox() as running:
        running.add_group("Relay", slug=GROUP)
        running.add_invitations(GROUP, 5)
        running.add_members(GROUP, 6)
        yield running


@pytest.fixture
def between() -> ChangesBetweenRequests:
    return ChangesBetweenRequests()


@pytest.fixture
async def group_poller(
    sandbox: Sandbox, between: ChangesBetweenRequests
) -> AsyncIterator[GroupPoller]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url, on_request=between) as arena:
        yield GroupPoller(arena, await arena.groups.get(GROUP))


async def test_poll_of_an_unchanged_group_takes_one_request_per_list(
    sandbox: Sandbox, group_poller: GroupPoller
) -> None:
    first = await group_poller.poll(full=True)
    assert first.invitations is not None
    assert list(first.invitations) == sandbox.pending_invitations(GROUP)[::-1]
    group_poller.commit()
    sandbox.clear_requests()
    again = await group_poller.poll(full=False)
    assert (again.invitations, again.members) == (None, None)
    assert len(sandbox.requests) == group_poller.requests == 3


async def test_poll_after_an_uncommitted_one_returns_all_again(
    group_poller: GroupPoller,
) -> None:
    await group_poller.poll(full=True)
    assert (await group_poller.poll(full=False)).invitations is not None


async def test_poll_finds_the_end_of_an_invitation_that_was_sent_during_a_poll(
    sandbox: Sandbox, group_poller: GroupPoller, between: ChangesBetweenRequests
) -> None:
    between.after(
        "groups.invitations",
        lambda: sandbox.add_invitations(GROUP, 4),
        lambda: [
            sandbox.decline_invitation(each) for each in sandbox.pending_invitations(GROUP)[:3]
        ],
    )
    first = await group_poller.poll(full=True)
    group_poller.commit()
    (brief,) = sandbox.pending_invitations(GROUP)[:1]
    assert first.invitations is not None
    assert brief in first.invitations
    sandbox.decline_invitation(brief)
    again = await group_poller.poll(full=False)
    assert again.invitations is not None
    assert brief not in again.invitations


@pytest.mark.parametrize("position", [1, 4, 6])
async def test_poll_during_a_change_of_owner_misses_no_member(
    sandbox: Sandbox, group_poller: GroupPoller, between: ChangesBetweenRequests, position: int
) -> None:
    new_owner = sandbox.members(GROUP)[position]
    between.after("groups.members", lambda: sandbox.transfer_ownership(GROUP, new_owner))
    snapshot = await group_poller.poll(full=True)
    assert snapshot.members is not None
    assert set(snapshot.members) == set(sandbox.members(GROUP))
    owners = [id for id, member in snapshot.members.items() if member.role == "owner"]
    assert owners == [new_owner]


@pytest.mark.parametrize("operation", ["groups.invitations", "groups.members"])
async def test_poll_during_an_acceptance_finds_the_invitation_or_the_member(
    sandbox: Sandbox,
    group_poller: GroupPoller,
    between: ChangesBetweenRequests,
    operation: str,
) -> None:
    (invitation,) = sandbox.pending_invitations(GROUP)[:1]
    accepted: list[int] = []
    between.after(operation, lambda: accepted.append(sandbox.accept_invitation(invitation)))
    snapshot = await group_poller.poll(full=True)
    assert snapshot.invitations is not None
    assert snapshot.members is not None
    assert invitation in snapshot.invitations or accepted[0] in snapshot.members


async def test_poll_with_a_new_owner_at_each_reading_raises(
    sandbox: Sandbox, group_poller: GroupPoller, between: ChangesBetweenRequests
) -> None:
    def another() -> None:
        sandbox.transfer_ownership(GROUP, sandbox.members(GROUP)[-1])

    between.after("groups.members", *[another] * 50)
    with pytest.raises(PaginationError, match="the owner changed again and again"):
        await group_poller.poll(full=True)


async def test_full_poll_finds_a_change_on_a_later_page(
    sandbox: Sandbox, group_poller: GroupPoller
) -> None:
    await group_poller.poll(full=True)
    group_poller.commit()
    last = sandbox.members(GROUP)[-1]
    sandbox.rename_user(last, "Another Name")
    assert (await group_poller.poll(full=False)).members is None
    snapshot = await group_poller.poll(full=True)
    assert snapshot.members is not None
    assert snapshot.members[last].name == "Another Name"
