"""Facts of random histories, compared with the truth that the API does not show."""

from typing import Final

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from arena_groups import MembershipInvitation
from arena_groups.reconcile.facts import (
    GroupFacts,
    IntentState,
    InvitationFact,
    MemberFact,
    intend,
    learn,
    observe,
    pending_keys,
    user_key,
)
from tests.support.group_world import (
    ADDRESSES,
    OWNER,
    World,
    digest,
    invitation,
    invite_result,
    member,
    snapshot,
)

addresses = st.sampled_from(ADDRESSES)


def seen(facts: GroupFacts, *members: int, pending: list[MembershipInvitation]) -> GroupFacts:
    """Return the facts after a snapshot."""
    return facts.apply(observe(facts, snapshot(*members, pending=pending), digest))


class Histories(RuleBasedStateMachine):
    """Random histories of a group, with snapshots and invitations of ours in between."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.facts = GroupFacts()
        self.observed = set[int]()

    @rule(address=addresses)
    def sign_up(self, address: str) -> None:
        self.world.sign_up(address)

    # What is pending before the first snapshot belongs to nobody in the group: this is assumed.
    @precondition(lambda self: self.facts.epoch > 0)
    @rule(address=addresses)
    def join_with_code(self, address: str) -> None:
        self.world.members.add(self.world.sign_up(address))

    @rule()
    def stranger_joins(self) -> None:
        self.world.members.add(self.world.next_id())

    @rule(address=addresses)
    def accept(self, address: str) -> None:
        self.world.accept(address)

    @rule(address=addresses)
    def decline(self, address: str) -> None:
        self.world.decline(address)

    @rule(address=addresses)
    def leave(self, address: str) -> None:
        self.world.members.discard(self.world.accounts.get(address, 0))

    @rule(address=addresses, shows_address=st.booleans())
    def others_invite(self, address: str, shows_address: bool) -> None:
        self.world.invite(address, shows_address=shows_address)

    @precondition(lambda self: self.facts.epoch > 0)
    @rule(address=addresses, shows_address=st.booleans(), killed=st.booleans())
    def invite(self, address: str, shows_address: bool, killed: bool) -> None:
        known = self.facts.invited.get(digest(address))
        if known is not None and known.state is IntentState.INVITED and known.gone is None:
            return
        number = 0 if known is None else known.round + (known.state is IntentState.INVITED)
        self.facts = self.facts.apply(intend(self.facts, {digest(address): number}))
        result = self.world.invite(address, shows_address=shows_address)
        if not killed:
            epoch = self.facts.epoch
            self.facts = self.facts.apply(learn(self.facts, digest(address), result, epoch=epoch))

    @rule(meanwhile=st.none() | addresses)
    def take_snapshot(self, meanwhile: str | None) -> None:
        pending = [self.world.shown(number) for number in sorted(self.world.pending)]
        if meanwhile is not None:
            self.world.accept(meanwhile)  # after the first list was read, before the second
        self.observed = set(self.world.members)
        changes = observe(
            self.facts,
            evolve(
                snapshot(*self.observed, pending=pending),
                still_pending=frozenset(self.world.pending),
            ),
            digest,
        )
        self.facts = self.facts.apply(changes)

    @invariant()
    def true_members_are_linked_candidates_or_not_yet_invited(self) -> None:
        found = self.facts.candidates(map(digest, ADDRESSES))
        for address, user_id in self.world.accounts.items():
            if user_id in self.observed and digest(address) in self.facts.invited:
                known = self.facts.users_of(digest(address))
                assert user_id in known or user_id in found[digest(address)], address

    @invariant()
    def links_are_true(self) -> None:
        for address in ADDRESSES:
            assert set(self.facts.users_of(digest(address))) <= {self.world.accounts.get(address)}

    @invariant()
    def current_members_are_those_of_the_last_snapshot(self) -> None:
        current = {number for number, fact in self.facts.members.items() if fact.left is None}
        assert current == self.observed


def test_first_snapshot_with_invitation_that_stays_pending_suspects_no_member() -> None:
    pending = [invitation(5, email=ADDRESSES[0])]
    first = evolve(snapshot(OWNER, 2, pending=pending), still_pending=frozenset({5}))
    facts = GroupFacts().apply(observe(GroupFacts(), first, digest))
    assert facts.candidates([digest(ADDRESSES[0])]) == {digest(ADDRESSES[0]): ()}
    accepted = seen(facts, OWNER, 2, 3, pending=[])
    assert accepted.candidates([digest(ADDRESSES[0])]) == {digest(ADDRESSES[0]): (3,)}


def test_first_snapshot_with_invitation_that_is_gone_at_its_end_suspects_all_members() -> None:
    first = snapshot(OWNER, 2, pending=[invitation(5, email=ADDRESSES[0])])
    facts = GroupFacts().apply(observe(GroupFacts(), first, digest))
    assert facts.candidates([digest(ADDRESSES[0])]) == {digest(ADDRESSES[0]): (OWNER, 2)}


def test_own_address_is_linked_to_the_own_user() -> None:
    first = evolve(snapshot(OWNER), own_email="Owner@example.org")
    facts = GroupFacts().apply(observe(GroupFacts(), first, digest))
    assert facts.users_of(digest("owner@example.org")) == (OWNER,)


ADA: Final = digest(ADDRESSES[0])


def test_hidden_address_of_a_remembered_invitation_is_known_by_its_id() -> None:
    facts = seen(GroupFacts(), OWNER, pending=[])
    sent = invite_result("invited", pending=invitation(5, email=ADDRESSES[0]))
    facts = facts.apply(learn(facts, ADA, sent, epoch=1))
    hidden = [invitation(5), invitation(6), invitation(7, user_id=3)]
    assert pending_keys(facts, hidden, digest) == {5: (ADA,), 6: (), 7: (user_key(3),)}
    facts = seen(facts, OWNER, pending=hidden)
    assert facts.invited[ADA].gone is None
    assert seen(facts, OWNER, pending=hidden[1:]).invited[ADA].gone == 3


def test_sources_that_contradict_each_other_count_both() -> None:
    pending = [invitation(5, user_id=3, email=ADDRESSES[0])]
    facts = seen(GroupFacts(), OWNER, pending=pending)
    facts = facts.apply(learn(facts, ADA, invite_result("already_member", user_id=4), epoch=1))
    assert facts.users_of(ADA) == (3, 4)
    assert facts.with_links({ADA: [4, 9]}).users_of(ADA) == (3, 4, 9)
    assert seen(facts, OWNER, pending=pending).users_of(ADA) == (3, 4)


def test_members_who_are_known_by_an_address_are_no_candidates_for_another() -> None:
    facts = seen(GroupFacts(), OWNER, pending=[])
    facts = facts.apply(learn(facts, ADA, invite_result("invited"), epoch=1))
    facts = seen(facts, OWNER, 2, 3, pending=[])
    assert facts.candidates([ADA, "unknown"]) == {ADA: (2, 3)}
    assert facts.with_links({digest(ADDRESSES[1]): [2]}).candidates([ADA]) == {ADA: (3,)}


def test_member_who_comes_back_counts_as_new() -> None:
    facts = seen(GroupFacts(), OWNER, 2, pending=[])
    facts = facts.apply(learn(facts, ADA, invite_result("invited"), epoch=1))
    facts = seen(facts, OWNER, pending=[])
    assert facts.members[2] == MemberFact(since=1, left=2)
    assert facts.was_member(2)
    facts = seen(facts, OWNER, 2, pending=[])
    assert facts.members[2] == MemberFact(since=3)
    assert facts.candidates([ADA]) == {ADA: (2,)}


def test_renamed_users_are_known_by_earlier_slugs_and_a_slug_keeps_all_its_users() -> None:
    first = evolve(snapshot(OWNER), members=(member(OWNER), member(2, "ada")))
    later = evolve(first, members=(member(OWNER), member(2, "ada-osei"), member(3, "ada")))
    facts = GroupFacts().apply(observe(GroupFacts(), first, digest))
    facts = facts.apply(observe(facts, later, digest))
    assert (facts.slugs["ada"], facts.slugs["ada-osei"]) == ((2, 3), (2,))


def test_intent_shows_no_absence_until_its_invitation_is_seen() -> None:
    facts = seen(GroupFacts(), OWNER, 2, pending=[])
    facts = facts.apply(intend(facts, {ADA: 0, user_key(2): 0}))
    assert facts.candidates([ADA]) == {ADA: (OWNER, 2)}
    facts = seen(facts, OWNER, 2, pending=[])
    assert facts.invited[ADA] == InvitationFact(after=0, state=IntentState.INVITING)
    assert facts.invited[user_key(2)].state is IntentState.INVITED  # a member is not invited
    facts = seen(facts, OWNER, 2, pending=[invitation(5, email=ADDRESSES[0])])
    assert facts.invited[ADA] == InvitationFact(after=2, invitation_id=5)


def test_older_of_two_pending_invitations_shows_nothing_new() -> None:
    both = [invitation(5, email=ADDRESSES[0]), invitation(6, email=ADDRESSES[0])]
    facts = seen(GroupFacts(), OWNER, pending=[])
    facts = seen(facts, OWNER, pending=both)
    assert facts.invited[ADA] == InvitationFact(after=1, invitation_id=6)
    facts = seen(facts, OWNER, 2, pending=both[:1])
    assert facts.invited[ADA].after == 1
    assert facts.candidates([ADA]) == {ADA: (2,)}


def test_another_invitation_shows_that_the_person_was_absent_again() -> None:
    facts = seen(GroupFacts(), OWNER, pending=[])
    facts = seen(facts, OWNER, pending=[invitation(5, email=ADDRESSES[0])])
    facts = seen(facts, OWNER, 2, pending=[])
    facts = seen(facts, OWNER, 2, pending=[invitation(6, email=ADDRESSES[0])])
    assert facts.candidates([ADA]) == {ADA: ()}


Histories.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestHistories = Histories.TestCase
