"""Rules of the planner, one by one."""

from typing import Any, Final

import pytest
from attrs import evolve

from arena_groups import Group, MembershipInvitation, from_dict
from arena_groups.reconcile import ActionKind, Person, PlanSettings, SyncAction, SyncReason
from arena_groups.reconcile.facts import (
    GroupFacts,
    IntentState,
    InvitationFact,
    observe,
)
from arena_groups.reconcile.planner import make_plan
from tests.support import documents
from tests.support.group_world import OWNER, digest, invitation, snapshot

ADA: Final = "ada@example.org"
BOB: Final = "bob@example.org"
ME: Final = 2


class Story:
    """Snapshots of a group, one after the other, and plans for the last."""

    def __init__(self) -> None:
        self.facts = GroupFacts()
        self.snapshot = snapshot(OWNER, ME)

    def see(self, *members: int, pending: list[MembershipInvitation] | None = None) -> None:
        """Take a snapshot with the owner, the token's user, and others."""
        seen = snapshot(OWNER, ME, *members, pending=pending)
        owner = documents.embedded_user(id=OWNER, slug="owner")
        ids = frozenset(each.id for each in seen.invitations)
        group = from_dict(Group, documents.group(user=owner))
        self.snapshot = evolve(seen, own_id=ME, group=group, still_pending=ids)
        self.facts = self.facts.apply(observe(self.facts, self.snapshot, digest))

    def remember(self, key: str, **fields: Any) -> None:
        """Add a fact about an invitation."""
        values: dict[str, Any] = {"after": self.facts.epoch, **fields}
        fact = InvitationFact(**values)
        self.facts = evolve(self.facts, invited={**self.facts.invited, key: fact})

    def link(self, email: str, *user_ids: int) -> None:
        self.facts = self.facts.with_links({digest(email): user_ids})

    def plan(self, *names: str | int | tuple[str, int], **options: Any) -> "Plan":
        return Plan(
            make_plan(people(*names), self.snapshot, self.facts, PlanSettings(**options), digest)
        )


class Plan:
    """Actions of a plan by whom they are about."""

    def __init__(self, actions: tuple[SyncAction, ...]) -> None:
        self.actions = actions

    def of_input(self, position: int) -> SyncAction:
        [found] = [each for each in self.actions if position in each.positions]
        return found

    def of_member(self, user_id: int) -> SyncAction:
        [found] = [
            each
            for each in self.actions
            if each.user_id == user_id and not each.positions and each.invitation_id is None
        ]
        return found

    def of_invitation(self, number: int) -> SyncAction:
        [found] = [each for each in self.actions if each.invitation_id == number]
        return found

    def about(self, action: SyncAction) -> tuple[str, str]:
        return action.kind.value, action.reason.value

    def inputs(self) -> list[tuple[str, str]]:
        return [self.about(each) for each in self.actions if each.positions]

    def member(self, user_id: int) -> tuple[str, str]:
        return self.about(self.of_member(user_id))

    def invitation(self, number: int) -> tuple[str, str]:
        return self.about(self.of_invitation(number))


def people(*names: str | int | tuple[str, int]) -> tuple[Person, ...]:
    found: list[Person] = []
    for position, name in enumerate(names):
        email, number = name if isinstance(name, tuple) else (name, name)
        found.append(
            Person(
                emails=(email,) if isinstance(email, str) else (),
                user_ids=(number,) if isinstance(number, int) else (),
                positions=(position,),
            )
        )
    return tuple(found)


@pytest.fixture
def story() -> Story:
    return Story()


# Known failures of other tools


def test_pending_person_is_not_invited_again(story: Story) -> None:
    pending = [invitation(50, email=ADA), invitation(51, user_id=9), invitation(52)]
    story.remember(digest(BOB), invitation_id=52)
    story.see(pending=pending)
    plan = story.plan(ADA.upper(), 9, BOB)
    assert plan.inputs() == [("keep", "pending")] * 3


@pytest.mark.parametrize("name", [ADA, 9])
def test_person_who_did_not_accept_is_not_invited_again(story: Story, name: str | int) -> None:
    shown = invitation(50, email=ADA) if name == ADA else invitation(50, user_id=9)
    story.see(pending=[shown])
    story.see()
    assert story.plan(name).inputs() == [("skip", "not_accepted")]


def test_person_who_left_or_was_removed_is_not_invited_again(story: Story) -> None:
    story.see(9)
    story.see()
    assert story.plan(9).inputs() == [("skip", "left")]
    story.link(ADA, 9)
    assert story.plan(ADA).inputs() == [("skip", "left")]


def test_undesired_person_who_is_member_and_pending_gets_both_actions(story: Story) -> None:
    story.see(9, pending=[invitation(50, user_id=9)])
    plan = story.plan(OWNER)
    assert plan.member(9) == ("remove", "not_desired")
    assert plan.invitation(50) == ("revoke", "not_desired")
    assert story.plan(9).inputs() == [("keep", "member")]


def test_member_who_may_have_a_desired_address_is_not_removed(story: Story) -> None:
    story.see(9)
    plan = story.plan(ADA)
    assert plan.inputs() == [("invite", "not_in_group")]
    assert plan.member(9) == ("held", "waits_for_invitations")
    assert plan.of_member(9).waits_for == (0,)


def test_accepted_address_is_unresolved_and_new_members_are_held(story: Story) -> None:
    story.see(8, pending=[invitation(50, email=ADA)])
    story.see(8, 9)
    plan = story.plan(ADA)
    assert plan.inputs() == [("unresolved", "possibly_accepted")]
    assert plan.of_input(0).candidates == (9,)
    assert plan.member(9) == ("held", "waits_for_link")
    assert plan.member(8) == ("remove", "not_desired")  # was there before


def test_member_who_joined_while_a_desired_address_is_pending_is_held(story: Story) -> None:
    pending = [invitation(50, email=ADA)]
    story.see(8, pending=pending)
    story.see(8, 9, pending=pending)
    plan = story.plan(ADA)
    assert plan.inputs() == [("keep", "pending")]
    assert plan.member(9) == ("held", "waits_for_link")
    assert plan.member(8) == ("remove", "not_desired")


def test_link_resolves_an_accepted_address(story: Story) -> None:
    story.see(pending=[invitation(50, email=ADA)])
    story.see(9, 10)
    story.link(ADA, 9)
    plan = story.plan(ADA)
    assert plan.inputs() == [("keep", "member")]
    assert plan.member(10) == ("remove", "not_desired")
    row = story.plan((ADA, 9))
    assert row.actions == plan.actions


def test_member_with_another_address_is_removed_while_invitations_are_open(story: Story) -> None:
    story.see(9)
    story.link(BOB, 9)
    assert story.plan(ADA).member(9) == ("remove", "not_desired")


# Pending invitations


def test_pending_invitation_with_another_address_is_revoked(story: Story) -> None:
    story.see(pending=[invitation(50, email=BOB), invitation(51, email="c@example.org", user_id=9)])
    plan = story.plan(ADA)
    assert plan.invitation(50) == ("revoke", "not_desired")
    assert plan.invitation(51) == ("revoke", "not_desired")


@pytest.mark.parametrize("user_id", [None, 9])
def test_pending_invitation_without_an_address_is_held(story: Story, user_id: int | None) -> None:
    story.see(pending=[invitation(50, user_id=user_id)])
    plan = story.plan(ADA)
    assert plan.invitation(50) == ("held", "waits_for_invitations")
    assert plan.of_invitation(50).held == "revoke"
    story.link(BOB, 9)
    assert story.plan(OWNER).invitation(50) == ("revoke", "not_desired")
    if user_id is not None:
        assert story.plan(ADA).invitation(50) == ("revoke", "not_desired")


def test_pending_invitation_of_a_user_that_is_older_than_a_closed_one_is_revoked(
    story: Story,
) -> None:
    for _ in range(2):
        story.see(pending=[invitation(50, email=ADA), invitation(51, user_id=9)])
    story.see(pending=[invitation(51, user_id=9)])
    assert story.plan(ADA).invitation(51) == ("revoke", "not_desired")
    story.see(pending=[invitation(51, user_id=9), invitation(52, user_id=10)])
    plan = story.plan(ADA)
    assert plan.invitation(52) == ("held", "waits_for_link")  # perhaps Ada was invited again


# Guards


def test_owner_and_own_user_are_kept_and_not_invited(story: Story) -> None:
    story.see(9)
    plan = story.plan(9)
    assert plan.member(OWNER) == ("keep", "owner")
    assert plan.member(ME) == ("keep", "own_user")
    assert story.plan(OWNER, ME).inputs() == [("keep", "owner"), ("keep", "own_user")]


def test_own_address_is_the_own_user(story: Story) -> None:
    story.see()
    story.facts = story.facts.apply(
        observe(story.facts, evolve(story.snapshot, own_email=ADA), digest)
    )
    assert story.plan(ADA).inputs() == [("keep", "own_user")]


def test_former_owner_is_a_member_like_others(story: Story) -> None:
    story.see(9)
    new_owner = documents.embedded_user(id=9, slug="nine")
    group = from_dict(Group, documents.group(user=new_owner))
    members = [
        evolve(each, role="owner" if each.id == 9 else "member") for each in story.snapshot.members
    ]
    story.snapshot = evolve(story.snapshot, group=group, members=tuple(members))
    plan = story.plan(ME)
    assert plan.member(9) == ("keep", "owner")
    assert plan.member(OWNER) == ("remove", "not_desired")


def test_keep_protects_members_and_invitations_and_invites_nobody(story: Story) -> None:
    story.see(9, pending=[invitation(50, email=ADA), invitation(51, user_id=11)])
    plan = story.plan(OWNER, keep=people(9, ADA, 11))
    assert plan.member(9) == ("keep", "protected")
    assert plan.invitation(50) == ("keep", "protected")
    assert plan.invitation(51) == ("keep", "protected")
    assert {each.kind for each in plan.actions} == {ActionKind.KEEP}


def test_unknown_address_in_keep_holds_removals_that_no_invitation_resolves(story: Story) -> None:
    story.see(9)
    plan = story.plan(OWNER, keep=people(ADA))
    assert plan.member(9) == ("held", "waits_for_link")
    assert plan.of_member(9).waits_for == ()
    story.link(BOB, 9)
    assert story.plan(OWNER, keep=people(ADA)).member(9) == ("remove", "not_desired")


def test_address_in_both_lists_is_invited(story: Story) -> None:
    story.see(9)
    plan = story.plan(ADA, keep=people(ADA))
    assert plan.inputs() == [("invite", "not_in_group")]
    assert plan.member(9) == ("held", "waits_for_invitations")


def test_add_only_touches_nobody(story: Story) -> None:
    story.see(9, pending=[invitation(50, email=BOB)])
    plan = story.plan(ADA, add_only=True)
    assert plan.inputs() == [("invite", "not_in_group")]
    assert plan.member(9) == ("keep", "add_only")
    assert plan.invitation(50) == ("keep", "add_only")


def test_remove_only_invites_nobody_and_holds_who_may_be_desired(story: Story) -> None:
    story.see(9)
    plan = story.plan(ADA, 12, remove_only=True)
    assert plan.inputs() == [("unresolved", "remove_only"), ("skip", "remove_only")]
    assert plan.member(9) == ("held", "waits_for_link")
    assert story.plan(12, remove_only=True).member(9) == ("remove", "not_desired")


# Invitations that are sent again


@pytest.mark.parametrize("reinvite", ["all", people(ADA.upper())])
def test_reinvite_sends_the_next_round(story: Story, reinvite: Any) -> None:
    story.see(pending=[invitation(50, email=ADA)])
    story.see()
    plan = story.plan(ADA, reinvite=reinvite)
    assert plan.inputs() == [("invite", "reinvite")]
    assert plan.of_input(0).round == 1
    assert story.plan(ADA, reinvite=people(BOB)).inputs() == [("skip", "not_accepted")]


def test_reinvite_of_unresolved_address_asks_who_it_is(story: Story) -> None:
    story.see(pending=[invitation(50, email=ADA)])
    story.see(9)
    plan = story.plan(ADA, reinvite="all")
    assert plan.inputs() == [("invite", "reinvite")]
    assert plan.member(9) == ("held", "waits_for_invitations")


def test_reinvite_does_not_touch_members_and_pending_people(story: Story) -> None:
    story.see(9, pending=[invitation(50, email=ADA)])
    assert story.plan(9, ADA, reinvite="all").inputs() == [("keep", "member"), ("keep", "pending")]


@pytest.mark.parametrize("is_linked", [False, True])
def test_interrupted_invitation_is_continued_in_its_round_by_the_same_name(
    story: Story, is_linked: bool
) -> None:
    story.see()
    story.remember(digest(ADA), state=IntentState.INVITING, after=0, round=2)
    if is_linked:
        story.link(ADA, 9)
    action = story.plan(ADA, reinvite="all").of_input(0)
    assert (action.kind, action.reason) == (ActionKind.INVITE, SyncReason.INTERRUPTED)
    assert (action.email, action.user_id, action.round) == (ADA, None, 2)


def test_intent_of_somebody_who_was_seen_since_is_not_continued(story: Story) -> None:
    story.see(9)
    story.see()
    story.remember(digest(ADA), state=IntentState.INVITING, after=0)
    story.link(ADA, 9)
    assert story.plan(ADA).inputs() == [("skip", "left")]


# One person under several names


def test_addresses_and_user_that_are_linked_are_one_person(story: Story) -> None:
    story.see(9)
    story.link(ADA, 9)
    story.link(BOB, 9)
    plan = story.plan(BOB, 9, ADA)
    assert plan.inputs() == [("keep", "member")]
    assert plan.of_input(1).positions == (0, 1, 2)


def test_different_users_of_the_list_stay_different_people(story: Story) -> None:
    story.see(9)
    story.link(ADA, 9)
    plan = story.plan((ADA, 8), 9)
    assert plan.inputs() == [("invite", "not_in_group"), ("keep", "member")]
    assert plan.of_input(0).user_id == 8


def test_user_whom_memory_links_to_a_desired_address_is_kept_against_the_list(
    story: Story,
) -> None:
    story.see(9)
    story.link(ADA, 9)
    plan = story.plan((ADA, 8))
    assert plan.member(9) == ("keep", "member")


def test_contradicting_links_protect_all(story: Story) -> None:
    story.see(8, 9)
    story.link(ADA, 8, 9)
    plan = story.plan(ADA)
    assert plan.inputs() == [("keep", "member")]
    assert plan.member(9) == ("keep", "member")


# Size


def test_plan_of_thousands_lists_a_hundred_people_and_counts_the_others(story: Story) -> None:
    count = 3000
    pending = [invitation(number, email=f"p{number}@example.org") for number in range(1, count)]
    story.see(*range(count, 2 * count), pending=pending)
    names = [f"p{number}@example.org" for number in range(1, count, 2)]
    names += [f"new{number}@example.org" for number in range(count)]
    plan = story.plan(*names)
    assert len(plan.inputs()) == len(names)
    story.see(*range(2 * count, 3 * count))
    unresolved = story.plan(*names).of_input(0)
    assert unresolved.kind is ActionKind.UNRESOLVED
    assert (len(unresolved.candidates), unresolved.candidate_count) == (100, count)
    assert f"one of {count} members" in unresolved.text
    held = plan.of_member(count)
    assert held.kind is ActionKind.HELD
    assert (len(held.waits_for), held.waits_for_count) == (100, count)
