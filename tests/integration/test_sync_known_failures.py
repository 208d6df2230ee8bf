"""Failures that other tools for lists of members are known for, one test each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve, frozen

from arena_groups import (
    ArenaClient,
    ArenaError,
    DriftError,
    ForbiddenError,
    MemoryStore,
    RemovalLimitError,
    ServerError,
    SyncError,
    SyncPlan,
    plan_sync,
)
from arena_groups.reconcile import ActionKind, DesiredPerson, SyncOutcome, SyncReason, link
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import (
    BodyFault,
    Disconnect,
    SerializedResponse,
    ServerFailure,
)
from tests.support.bulk import GROUP, INVITE, addresses, make_client, sent_emails
from tests.support.sync_group import REMOVE, REVOKE, WRITES, HiddenAddresses

KEY = b"a key of the tests that is long enough"
ANA, BEN, CAS = "ana@example.org", "ben@example.org", "cas@example.org"


@frozen
class Spring:
    """A group of the token's user without others, and the store of its runs."""

    sandbox: Sandbox
    arena: ArenaClient
    store: MemoryStore

    async def plan(self, desired: Any, **options: Any) -> SyncPlan:
        options = {"store": self.store, "key": KEY, "max_removals": 1.0, **options}
        return await plan_sync(self.arena, GROUP, desired, **options)

    async def sync(self, desired: Any, **options: Any) -> SyncPlan:
        """Make a plan and apply it, and return it."""
        plan = await self.plan(desired, **options)
        summary = await plan.apply()
        assert not summary.failed, str(summary)
        return plan

    def user(self, email: str, *, member: bool = False) -> int:
        name = email.partition("@")[0].title()
        user = self.sandbox.add_user(name, email=email)
        if member:
            self.sandbox.add_member(GROUP, user)
        return user

    @property
    def members(self) -> set[int]:
        """The members without the owner."""
        return set(self.sandbox.members(GROUP)[1:])

    @property
    def pending(self) -> list[int]:
        return self.sandbox.pending_invitations(GROUP)

    @property
    def emails(self) -> dict[str, int]:
        return dict(Counter(sent_emails(self.sandbox)))

    @property
    def writes(self) -> int:
        return sum(request.operation in WRITES for request in self.sandbox.requests)


@pytest.fixture
async def spring() -> AsyncIterator[Spring]:
    async with Sandbox() as sandbox:
        sandbox.add_group("Spring", slug=GROUP)
        async with make_client(sandbox, clock=AutoAdvanceClock()) as arena:
            yield Spring(sandbox, arena, MemoryStore())


def kinds(plan: SyncPlan) -> Counter[str]:
    return Counter(action.kind.value for action in plan.actions)


def the(plan: SyncPlan, kind: ActionKind) -> Any:
    (action,) = [each for each in plan.actions if each.kind is kind]
    return action


# Invitations


async def test_people_with_a_pending_invitation_are_not_invited_at_each_run(
    spring: Spring,
) -> None:
    ben = spring.user(BEN)
    for _ in range(3):
        await spring.sync([ANA, ben])
    plan = await spring.plan([ANA, ben])
    assert not plan.has_drift
    assert str(plan.summary) == "keep 3"
    assert spring.emails == {ANA: 1, BEN: 1}


async def test_people_whose_invitation_was_sent_by_somebody_else_are_not_invited(
    spring: Spring,
) -> None:
    member = spring.user(CAS, member=True)
    async with make_client(spring.sandbox, spring.sandbox.token_for(member)) as other:
        await other.groups.invite(GROUP, email=ANA)
    await spring.sync([ANA, CAS])
    assert spring.emails == {ANA: 1}


@pytest.mark.parametrize("by", ["address", "id"])
async def test_people_who_left_are_not_invited_for_ever(spring: Spring, by: str) -> None:
    ana = spring.user(ANA)
    name = ANA if by == "address" else ana
    await spring.sync([name, BEN])
    spring.sandbox.accept_invitation(spring.pending[1])
    await spring.sync([name, BEN])
    spring.sandbox.leave_group(GROUP, ana)
    for _ in range(2):
        await spring.sync([name, BEN])
    plan = await spring.sync([name, BEN])
    skipped = the(plan, ActionKind.SKIP)
    assert (skipped.reason, skipped.user_id) == (SyncReason.LEFT, ana)
    assert not plan.has_drift
    assert spring.emails[ANA] == 1


async def test_people_who_were_removed_by_hand_are_not_invited_again(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    await spring.sync([ANA, BEN])
    await spring.arena.groups.remove_member(GROUP, ana)
    plan = await spring.sync([ANA, BEN])
    assert the(plan, ActionKind.SKIP).reason is SyncReason.LEFT
    assert ANA not in spring.emails


@pytest.mark.parametrize("known", [True, False], ids=["account", "no account"])
@pytest.mark.parametrize("how", ["declined", "revoked"])
async def test_people_who_never_answered_are_not_invited_for_ever(
    spring: Spring, known: bool, how: str
) -> None:
    if known:
        spring.user(ANA)
    await spring.sync([ANA])
    (invitation,) = spring.pending
    if how == "declined":
        spring.sandbox.decline_invitation(invitation)
    else:
        await spring.arena.groups.revoke_invitation(GROUP, invitation)
    for _ in range(2):
        await spring.sync([ANA])
    plan = await spring.sync([ANA])
    assert the(plan, ActionKind.SKIP).reason is SyncReason.NOT_ACCEPTED
    assert spring.emails == {ANA: 1}


@pytest.mark.parametrize("who", ["all", [ANA]])
async def test_an_expired_invitation_is_sent_once_more_when_that_is_asked_for(
    spring: Spring, who: Any
) -> None:
    await spring.sync([ANA, BEN])
    for invitation in spring.pending:
        spring.sandbox.decline_invitation(invitation)
    await spring.sync([ANA, BEN], reinvite=who)
    await spring.sync([ANA, BEN], reinvite=who)
    assert spring.emails == {ANA: 2, BEN: 2 if who == "all" else 1}
    spring.sandbox.decline_invitation(spring.pending[-1])
    await spring.sync([ANA, BEN])
    assert spring.emails[ANA] == 2


async def test_an_invitation_is_sent_once_more_under_another_name(spring: Spring) -> None:
    ana = spring.user(ANA)
    for name, reinvite in [(ana, ()), (ana, "all"), (ANA, ()), (ANA, "all"), (ana, "all")]:
        await spring.sync([name], reinvite=reinvite)
        spring.sandbox.decline_invitation(spring.pending[0])
    assert spring.emails == {ANA: 5}


async def test_removing_somebody_from_the_list_revokes_their_invitation(spring: Spring) -> None:
    await spring.sync([ANA, BEN])
    plan = await spring.sync([BEN])
    assert the(plan, ActionKind.REVOKE).reason is SyncReason.NOT_DESIRED
    assert len(spring.pending) == 1
    assert not (await spring.plan([BEN])).has_drift


@pytest.mark.parametrize("answered", [False, True])
async def test_somebody_invited_by_address_is_known_by_a_link_to_the_user(
    spring: Spring, answered: bool
) -> None:
    await spring.sync([ANA])
    ana = spring.user(ANA)
    await link(ANA, ana, store=spring.store, key=KEY)
    if answered:
        spring.sandbox.decline_invitation(spring.pending[0])
    plan = await spring.sync([ana])
    assert kinds(plan) == Counter({"keep": 1, "skip": 1} if answered else {"keep": 2})
    await spring.sync([BEN], keep=[ana], add_only=answered)
    assert len(spring.pending) == (1 if answered else 2)
    assert spring.emails == {ANA: 1, BEN: 1}


async def test_removing_a_member_revokes_their_invitation_too(spring: Spring) -> None:
    ana = spring.user(ANA)
    await spring.arena.groups.invite(GROUP, email=ANA)
    spring.sandbox.add_member(GROUP, ana)
    await spring.sync([BEN], add_only=True)
    await spring.sync([BEN])
    assert spring.members == set()
    assert len(spring.pending) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_during_an_invitation_sends_no_second_email(
    spring: Spring, moment: str
) -> None:
    fault = Disconnect(after=moment == "after")
    with spring.sandbox.faults.add(fault, operation=INVITE):
        summary = await (await spring.plan([ANA, BEN])).apply()
    assert bool(summary.failed) is (moment == "before")
    for _ in range(2):
        await spring.sync([ANA, BEN])
    assert spring.emails == {ANA: 1, BEN: 1}


async def test_two_runs_at_once_send_one_email_each(spring: Spring) -> None:
    people = addresses(12)
    plans = [await spring.plan(people) for _ in range(2)]
    async with make_client(spring.sandbox, clock=AutoAdvanceClock()) as other:
        await asyncio.gather(plans[0].apply(), plans[1].apply(other, store=spring.store, key=KEY))
    assert spring.emails == dict.fromkeys(people, 1)


async def test_an_invitation_by_address_without_a_store_is_refused(spring: Spring) -> None:
    plan = await spring.plan([ANA], store=None, key=None)
    with pytest.raises(ValueError, match="store"):
        await plan.apply()
    assert spring.writes == 0


# Lists


@pytest.mark.parametrize("people", [[], (), iter([])], ids=["list", "tuple", "iterator"])
async def test_an_empty_list_is_an_error_and_removes_nobody(spring: Spring, people: Any) -> None:
    spring.user(ANA, member=True)
    with pytest.raises(ValueError, match="empty"):
        await spring.plan(people)
    assert len(spring.members) == 1


async def test_a_list_that_breaks_off_is_an_error_and_removes_nobody(spring: Spring) -> None:
    async def people() -> AsyncIterator[str]:
        yield ANA
        raise OSError("the database is gone")

    spring.user(BEN, member=True)
    with pytest.raises(OSError, match="database"):
        await spring.plan(people())
    assert spring.writes == 0


async def test_a_list_with_broken_rows_is_an_error_that_names_all_of_them(spring: Spring) -> None:
    spring.user(BEN, member=True)
    with pytest.raises(ValueError, match=r"1.*3") as caught:
        await spring.plan([BEN, "nobody", ANA, "", 1])
    assert ANA not in str(caught.value)
    assert spring.writes == 0


async def test_half_a_list_is_over_the_limit_and_removes_nobody(spring: Spring) -> None:
    people = [spring.user(email, member=True) for email in addresses(20)]
    plan = await spring.plan(people[:10], max_removals=0.25)
    assert plan.over_limit
    with pytest.raises(RemovalLimitError) as caught:
        await plan.apply()
    assert (caught.value.planned, caught.value.limit) == (10, 5)
    assert spring.members == set(people)
    assert spring.writes == 0


async def test_a_list_of_the_wrong_group_is_over_the_limit_though_all_are_held(
    spring: Spring,
) -> None:
    for email in addresses(8):
        spring.user(email, member=True)
    plan = await spring.plan(addresses(8, start=100), max_removals=0.25)
    assert plan.over_limit
    with pytest.raises(RemovalLimitError):
        await plan.apply()
    assert spring.writes == 0


async def test_members_who_are_more_than_the_people_they_may_be_are_over_the_limit(
    spring: Spring,
) -> None:
    await spring.sync([ANA])
    spring.sandbox.decline_invitation(spring.pending[0])
    spring.sandbox.add_members(GROUP, 15)
    plan = await spring.plan([ANA], max_removals=0.25)
    assert (plan.summary.held, plan.planned_removals, plan.removal_limit) == (15, 14, 4)
    with pytest.raises(RemovalLimitError):
        await plan.apply()


async def test_links_that_are_recorded_during_a_run_do_not_lift_its_limit(spring: Spring) -> None:
    people = addresses(8)
    await spring.sync(people)
    for invitation in spring.pending:
        spring.sandbox.decline_invitation(invitation)
    members = spring.sandbox.add_members(GROUP, 8)
    plan = await spring.plan([*people, ANA], max_removals=0.25)
    assert (plan.summary.held, plan.planned_removals) == (8, 0)
    run = plan.apply()
    assert (await anext(run)).outcome is SyncOutcome.INVITED
    for address in people:
        await link(address, members[0], store=spring.store, key=KEY)
    with pytest.raises(RemovalLimitError) as caught:
        await run
    assert (caught.value.planned, caught.value.limit) == (7, 2)
    assert spring.members == set(members)


async def test_members_from_before_the_first_run_are_learned_without_emails(
    spring: Spring,
) -> None:
    people = [spring.user(email, member=True) for email in addresses(8)]
    assert (await spring.plan(addresses(8), max_removals=0.25)).over_limit
    await spring.sync(addresses(8), add_only=True)
    assert spring.emails == {}
    await spring.sync(addresses(7), max_removals=0.25)
    assert spring.members == set(people[:7])


async def test_another_spelling_of_an_address_is_the_same_person(spring: Spring) -> None:
    await spring.sync(["Ana@Example.org"])
    plan = await spring.sync([" ana@EXAMPLE.ORG ", ANA])
    assert str(plan.summary) == "keep 2"
    assert spring.emails == {"Ana@Example.org": 1}
    assert len(spring.pending) == 1


async def test_one_person_under_five_names_is_one_person(spring: Spring) -> None:
    ana = spring.user(ANA)
    profile = await spring.arena.users.get(ana)
    people = [
        DesiredPerson(email=ANA, user=ana), ANA.upper(), ana, profile.url, profile,
        DesiredPerson(user=f" {profile.slug} "), DesiredPerson(user=f"{ana} "),
    ]  # fmt: skip
    plan = await spring.plan(people)
    assert the(plan, ActionKind.INVITE).positions == (0, 1, 2, 3, 4, 5, 6)
    await plan.apply()
    assert spring.emails == {ANA: 1}


async def test_one_person_by_address_and_by_id_has_one_email(spring: Spring) -> None:
    ana = spring.user(ANA)
    await spring.sync([ANA, ana])
    plan = await spring.plan([ANA, ana])
    assert the(plan, ActionKind.KEEP) if len(plan.actions) == 1 else kinds(plan)["keep"] == 2
    assert spring.emails == {ANA: 1}


# Members


async def test_a_member_who_accepted_under_an_address_is_not_removed(spring: Spring) -> None:
    await spring.sync([ANA])
    ana = spring.sandbox.accept_invitation(spring.pending[0])
    stranger = spring.user(CAS, member=True)
    for _ in range(2):
        plan = await spring.sync([ANA])
        unresolved = the(plan, ActionKind.UNRESOLVED)
        assert set(unresolved.candidates) == {ana, stranger}
        assert plan.summary.held == 2
    assert spring.members == {ana, stranger}
    await link(ANA, ana, store=spring.store, key=KEY)
    await spring.sync([ANA])
    assert spring.members == {ana}
    assert spring.emails == {ANA: 1}


async def test_a_cohort_that_accepted_is_no_drift_and_does_not_block_the_next_run(
    spring: Spring,
) -> None:
    people = addresses(150)
    await spring.sync(people)
    for invitation in spring.pending:
        spring.sandbox.accept_invitation(invitation)
    plan = await spring.plan(people, max_removals=0.25)
    assert (plan.summary.unresolved, plan.summary.held) == (150, 150)
    assert not plan.has_drift
    assert "and 147 more" in str(plan)
    await plan.apply()
    assert len(spring.members) == 150
    assert (await spring.plan(people[1:])).has_drift


async def test_a_member_who_may_be_kept_is_no_drift(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    plan = await spring.sync([spring.user(BEN, member=True)], keep=[ANA])
    assert the(plan, ActionKind.HELD).user_id == ana
    assert not plan.has_drift


async def test_a_row_that_names_the_user_is_remembered(spring: Spring) -> None:
    ana, ben = spring.user(ANA, member=True), spring.user(BEN)
    people = [DesiredPerson(email=ANA, user=ana), DesiredPerson(email="b2@example.org", user=ben)]
    await spring.plan([DesiredPerson(email=CAS, user=ana), BEN])  # not applied: it may be wrong
    await spring.sync(people)
    spring.sandbox.decline_invitation(spring.pending[0])
    plan = await spring.sync([ANA, "b2@example.org"])
    assert (plan.summary.keep, plan.summary.skip, plan.summary.invite) == (2, 1, 0)
    assert spring.emails == {BEN: 1}
    await spring.sync([CAS], max_removals=1)
    assert spring.members == set()


async def test_a_member_whose_account_the_invitation_named_is_known(spring: Spring) -> None:
    ana = spring.user(ANA)
    await spring.sync([ANA])
    spring.sandbox.accept_invitation(spring.pending[0])
    stranger = spring.user(CAS, member=True)
    plan = await spring.sync([ANA])
    assert (plan.summary.keep, plan.summary.remove) == (2, 1)
    assert spring.members == {ana}
    assert stranger not in spring.members


async def test_a_member_from_before_the_first_run_is_not_removed(spring: Spring) -> None:
    ana, stranger = spring.user(ANA, member=True), spring.user(CAS, member=True)
    plan = await spring.plan([ANA])
    assert kinds(plan)["held"] == 2
    results = [result async for result in plan.apply()]
    assert spring.members == {ana}
    outcomes = {result.action.user_id: result.outcome for result in results if result.action.held}
    assert outcomes == {ana: SyncOutcome.KEPT, stranger: SyncOutcome.REMOVED}
    assert spring.emails == {}


async def test_somebody_who_declined_and_joined_later_with_the_code_is_not_removed(
    spring: Spring,
) -> None:
    await spring.sync([ANA])
    spring.sandbox.decline_invitation(spring.pending[0])
    await spring.sync([ANA])
    ana = spring.user(ANA, member=True)
    for _ in range(2):
        await spring.sync([ANA])
    assert spring.members == {ana}
    assert spring.emails == {ANA: 1}


async def test_somebody_who_left_and_came_back_is_not_removed(spring: Spring) -> None:
    await spring.sync([ANA])
    ana = spring.sandbox.accept_invitation(spring.pending[0])
    await spring.sync([ANA])
    spring.sandbox.leave_group(GROUP, ana)
    await spring.sync([ANA])
    spring.sandbox.add_member(GROUP, ana)
    for _ in range(2):
        await spring.sync([ANA])
    assert spring.members == {ana}
    assert spring.emails == {ANA: 1}


async def test_a_failed_invitation_clears_nobody_for_removal(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    with spring.sandbox.faults.add(ServerFailure(500), operation=INVITE):
        summary = await (await spring.plan([ANA])).apply()
    assert summary.failed
    assert spring.members == {ana}


async def test_an_invitation_that_may_not_be_sent_clears_nobody_for_removal(
    spring: Spring,
) -> None:
    stranger = spring.user(CAS, member=True)
    spring.sandbox.allow_inviting_new_addresses(spring.sandbox.users.owner.id, allowed=False)
    with pytest.raises(ForbiddenError):
        await (await spring.plan([ANA])).apply()
    assert spring.members == {stranger}


async def test_an_invitation_whose_address_is_hidden_is_not_revoked(spring: Spring) -> None:
    await spring.arena.groups.invite(GROUP, email=ANA)
    await spring.arena.groups.invite(GROUP, email=BEN)
    ana = spring.pending[1]
    with spring.sandbox.faults.add(
        HiddenAddresses(set(spring.pending)), operation="getGroupInvitations"
    ):
        plan = await spring.plan([ANA])
        assert kinds(plan)["held"] == 2
        await plan.apply()
    assert spring.pending == [ana]
    assert spring.emails == {ANA: 1, BEN: 1}


async def test_a_store_of_another_server_removes_nobody(spring: Spring) -> None:
    """There, the ids of users belong to others."""
    spring.user(ANA, member=True)
    await spring.sync([ANA])
    async with Sandbox() as elsewhere:
        elsewhere.add_group("Spring", slug=GROUP)
        elsewhere.add_user("Ben", email=BEN)
        elsewhere.add_member(GROUP, ana := elsewhere.add_user("Ana", email=ANA))
        async with make_client(elsewhere, clock=AutoAdvanceClock()) as stranger:
            there = evolve(spring, sandbox=elsewhere, arena=stranger)
            with pytest.raises(SyncError, match="use another store"):
                await there.sync([ANA])
            assert there.members == {ana}


async def test_a_plan_for_another_server_does_nothing(spring: Spring) -> None:
    """Group and users with the same ids are others there."""
    spring.user(ANA, member=True)
    plan = SyncPlan.from_dict((await spring.plan([BEN])).to_dict())
    async with Sandbox() as elsewhere:
        elsewhere.add_group("Spring", slug=GROUP)
        async with make_client(elsewhere, clock=AutoAdvanceClock()) as stranger:
            with pytest.raises(SyncError, match="this client uses"):
                plan.apply(stranger, store=MemoryStore(), key=KEY)
            assert not elsewhere.requests


async def test_a_renamed_account_is_the_same_person(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    people = [DesiredPerson(user="ana"), BEN]
    await spring.sync(people)
    spring.sandbox.rename_user(ana, "Ana Maria", slug="ana-maria")
    plan = await spring.sync(people)
    assert not plan.has_drift
    assert spring.members == {ana}


async def test_a_slug_that_somebody_else_has_taken_is_refused(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    people = [BEN, DesiredPerson(user="ana")]
    await spring.sync(people)
    spring.sandbox.rename_user(ana, "Ana Maria", slug="ana-maria")
    other = spring.sandbox.add_user("Ana")
    assert (await spring.arena.users.get("ana")).id == other
    with pytest.raises(ValueError, match="1"):
        await spring.plan(people)
    assert spring.members == {ana}


async def test_an_unknown_user_is_an_error_and_removes_nobody(spring: Spring) -> None:
    spring.user(ANA, member=True)
    people = ["https://www.are.na/nobody-at-all", BEN, DesiredPerson(user="nor-this-one")]
    with pytest.raises(ValueError, match=r"0.*2"):
        await spring.plan(people)
    assert spring.writes == 0


async def test_the_owner_who_is_not_on_the_list_is_not_removed(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    plan = await spring.sync([ana])
    owner = next(each for each in plan.actions if each.user_id == spring.sandbox.users.owner.id)
    assert (owner.kind, owner.reason) == (ActionKind.KEEP, SyncReason.OWNER)
    assert spring.sandbox.members(GROUP) == [spring.sandbox.users.owner.id, ana]


@frozen
class MayManage(BodyFault):
    """The group says that the token's user may manage it, who is not its owner."""

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        """Return the group with all permissions."""
        changed = body.replace(b'"manage_members":false', b'"manage_members":true')
        assert changed != body
        return evolve(serialized, body=changed)


async def test_the_tokens_own_user_who_is_not_on_the_list_is_not_removed(spring: Spring) -> None:
    ana, ben = spring.user(ANA, member=True), spring.user(BEN, member=True)
    token = spring.sandbox.token_for(ana)
    async with make_client(spring.sandbox, token) as arena:
        with spring.sandbox.faults.add(MayManage(), operation="getGroup"):
            plan = await plan_sync(
                arena, GROUP, [CAS, ben], store=spring.store, key=KEY, max_removals=1.0
            )
    own = next(each for each in plan.actions if each.user_id == ana)
    assert (own.kind, own.reason) == (ActionKind.KEEP, SyncReason.OWN_USER)


async def test_people_to_keep_are_never_touched(spring: Spring) -> None:
    ana, ben = spring.user(ANA, member=True), spring.user(BEN, member=True)
    await spring.arena.groups.invite(GROUP, email=CAS)
    await spring.sync([ben], keep=[DesiredPerson(user="ana"), CAS])
    assert spring.members == {ana, ben}
    assert len(spring.pending) == 1


async def test_a_member_to_keep_by_an_address_is_not_removed(spring: Spring) -> None:
    ana, ben = spring.user(ANA, member=True), spring.user(BEN, member=True)
    await spring.sync([ben], keep=[ANA])
    assert spring.members == {ana, ben}


async def test_members_who_may_not_manage_are_refused(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    async with make_client(spring.sandbox, spring.sandbox.token_for(ana)) as arena:
        with pytest.raises(SyncError, match="manage"):
            await plan_sync(arena, GROUP, [ANA], store=spring.store, key=KEY)


async def test_a_list_of_members_that_breaks_off_removes_nobody(spring: Spring) -> None:
    for email in addresses(150):
        spring.user(email, member=True)
    fault = ServerFailure(500)
    with (
        spring.sandbox.faults.add(
            fault, operation="getGroupMembers", where=lambda r: r.query.get("page") == "2"
        ),
        pytest.raises(ServerError),
    ):
        await spring.plan([ANA])
    assert len(spring.members) == 150
    assert spring.writes == 0


async def test_a_member_who_is_gone_already_does_not_stop_the_others(spring: Spring) -> None:
    ana, ben = spring.user(ANA, member=True), spring.user(BEN, member=True)
    cas = spring.user(CAS, member=True)
    plan = await spring.plan([cas])
    assert kinds(plan)["remove"] == 2
    with spring.sandbox.faults.add(ServerFailure(500), operation=REMOVE, times=2):
        summary = await plan.apply()
    assert len(summary.failed) == 1
    assert len({ana, ben} & spring.members) == 1
    await spring.sync([cas])
    assert spring.members == {cas}


# Plans


async def test_a_plan_for_a_group_that_has_changed_is_refused(spring: Spring) -> None:
    ana, ben = spring.user(ANA, member=True), spring.user(BEN, member=True)
    plan = await spring.plan([spring.user(CAS), ben])
    spring.sandbox.leave_group(GROUP, ana)
    with pytest.raises(DriftError) as caught:
        await plan.apply()
    assert caught.value.changes
    assert "@" not in "".join(caught.value.changes)
    assert spring.writes == 0
    results = [result async for result in plan.apply(on_drift="skip")]
    outcomes = Counter(result.outcome.value for result in results)
    assert outcomes["invited"] == 1
    assert outcomes["drifted"] == 1
    assert spring.members == {ben}


async def test_a_saved_plan_does_not_remove_those_who_came_since(spring: Spring) -> None:
    ana = spring.user(ANA, member=True)
    plan = SyncPlan.from_dict((await spring.plan([ana, BEN])).to_dict())
    cas = spring.user(CAS, member=True)
    await plan.apply(spring.arena, store=spring.store, key=KEY, on_drift="skip")
    assert spring.members == {ana, cas}


async def test_a_plan_that_is_applied_twice_does_everything_once(spring: Spring) -> None:
    ben = spring.user(BEN, member=True)
    plan = await spring.plan([ANA])
    text = plan.to_dict()
    await plan.apply()
    await SyncPlan.from_dict(text).apply(spring.arena, store=spring.store, key=KEY)
    assert spring.emails == {ANA: 1}
    assert ben not in spring.members
    with pytest.raises((ArenaError, ValueError)):
        await SyncPlan.from_dict(text).apply(spring.arena, store=spring.store, key=b"another" * 6)


async def test_add_only_and_remove_only_do_nothing_else(spring: Spring) -> None:
    ben = spring.user(BEN, member=True)
    await spring.arena.groups.invite(GROUP, email=CAS)
    await spring.sync([ANA], add_only=True)
    assert spring.members == {ben}
    assert len(spring.pending) == 2
    await spring.sync([DesiredPerson(user=spring.user("dan@example.org"))], remove_only=True)
    assert spring.members == set()
    assert spring.pending == []
    assert spring.emails == {ANA: 1, CAS: 1}
    assert sum(request.operation == REVOKE for request in spring.sandbox.requests) == 2
