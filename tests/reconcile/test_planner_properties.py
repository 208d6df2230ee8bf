"""Plans of random histories, compared with the truth that the planner does not know."""

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, evolve
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from arena_groups import Group, MembershipInvitation, from_dict
from arena_groups.reconcile import ActionKind, Person, PlanSettings, SyncAction, SyncReason
from arena_groups.reconcile.desired import DesiredRow, merge_rows
from arena_groups.reconcile.facts import GroupFacts, intend, learn, observe, pending_keys, user_key
from arena_groups.reconcile.limit import planned_removals, surplus
from arena_groups.reconcile.planner import make_plan
from tests.support import documents
from tests.support.group_world import ADDRESSES, OWNER, World, digest, snapshot

MANAGER: Final = 2  # the token's user
DESIRED_KINDS: Final = {
    ActionKind.INVITE,
    ActionKind.KEEP,
    ActionKind.SKIP,
    ActionKind.UNRESOLVED,
}

addresses = st.sampled_from(ADDRESSES)


@define
class Truth:
    """Who is desired or protected in truth: addresses, and the users who have them."""

    emails: set[str]
    ids: set[int]

    @classmethod
    def of(cls, people: Iterable[Person], world: World) -> "Truth":
        emails = {email.lower() for person in people for email in person.emails}
        ids = {number for person in people for number in person.user_ids}
        ids |= {world.accounts[email] for email in emails if email in world.accounts}
        return cls(emails, ids)


@st.composite
def lists(draw: st.DrawFn, world: World, *, smallest: int) -> list[Person]:
    """Rows that name people in any way that is true."""
    known = sorted(world.members | set(world.accounts.values()) | {OWNER, MANAGER})
    rows: list[DesiredRow] = []
    for position in range(draw(st.integers(smallest, 5))):
        email: str | None = draw(addresses)
        number: int | None = None
        form = draw(st.sampled_from(["address", "upper case", "user", "both", "anybody"]))
        account = world.accounts.get(email or "")
        if form == "upper case":
            email = (email or "").upper()
        elif form == "anybody":
            email, number = None, draw(st.sampled_from(known))
        elif form != "address" and account is not None:
            email, number = (email if form == "both" else None), account
        rows.append(DesiredRow(position=position, email=email, user_id=number))
    people = merge_rows(rows, {}, "desired")
    assert isinstance(people, list)
    return people


class Plans(RuleBasedStateMachine):
    """Random histories of a group, with plans that are applied, killed, or not applied."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(members={OWNER, MANAGER})
        self.owner = OWNER
        self.facts = GroupFacts()
        self.emails: list[tuple[str, int]] = []

    # What people do

    @rule(address=addresses)
    def sign_up(self, address: str) -> None:
        self.world.sign_up(address)

    @rule(address=addresses)
    def join_with_code(self, address: str) -> None:
        if self.facts.epoch > 0:  # see the histories of the facts
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
        if (account := self.world.accounts.get(address)) != self.owner:
            self.world.members.discard(account or 0)

    @rule(data=st.data())
    def change_owner(self, data: st.DataObject) -> None:
        self.owner = data.draw(st.sampled_from(sorted(self.world.members)))

    @rule(address=addresses, shows_address=st.booleans())
    def others_invite(self, address: str, shows_address: bool) -> None:
        self.world.invite(address, shows_address=shows_address)

    # What runs do

    @rule(
        data=st.data(),
        meanwhile=st.none() | addresses,
        options=st.sampled_from([{}, {}, {}, {"add_only": True}, {"remove_only": True}]),
        reinvites_all=st.booleans(),
        is_applied=st.booleans(),
    )
    def plan(
        self,
        data: st.DataObject,
        meanwhile: str | None,
        options: dict[str, Any],
        reinvites_all: bool,
        is_applied: bool,
    ) -> None:
        self.take_snapshot(meanwhile)
        people = data.draw(lists(self.world, smallest=1), label="desired")
        keep = data.draw(st.just([]) | lists(self.world, smallest=0), label="keep")
        chosen = PlanSettings(**options, keep=tuple(keep), reinvite="all" if reinvites_all else ())
        actions = make_plan(people, self.snapshot, self.facts, chosen, digest)
        self.check(actions, people, chosen)
        shuffled = data.draw(st.permutations(people))
        assert make_plan(shuffled, self.snapshot, self.facts, chosen, digest) == actions
        for kind in {action.kind for action in actions}:
            event(kind.value)
        if is_applied:
            kill_after = data.draw(st.none() | st.integers(0, 3), label="killed")
            self.apply(actions, people, chosen, kill_after=kill_after)

    def take_snapshot(self, meanwhile: str | None) -> None:
        pending = [self.world.shown(number) for number in sorted(self.world.pending)]
        if meanwhile is not None:
            self.world.accept(meanwhile)
        owner = documents.embedded_user(id=self.owner, slug=f"user-{self.owner}")
        self.snapshot = evolve(
            snapshot(*sorted(self.world.members), pending=pending),
            own_id=MANAGER,
            group=from_dict(Group, documents.group(user=owner)),
            still_pending=frozenset(self.world.pending),
        )
        self.facts = self.facts.apply(observe(self.facts, self.snapshot, digest))

    def check(
        self, actions: tuple[SyncAction, ...], people: list[Person], chosen: PlanSettings
    ) -> None:
        """Check a plan by what is true."""
        desired, kept = Truth.of(people, self.world), Truth.of(chosen.keep, self.world)
        safe = desired.ids | kept.ids | {self.owner, MANAGER}
        named = [action for action in actions if action.positions]
        others = [action for action in actions if not action.positions]
        positions = [position for action in named for position in action.positions]
        assert sorted(positions) == sorted(each for one in people for each in one.positions)
        assert {action.kind for action in named} <= DESIRED_KINDS
        assert {action.kind for action in others} <= set(ActionKind) - {
            ActionKind.INVITE,
            ActionKind.SKIP,
            ActionKind.UNRESOLVED,
        }
        for action in actions:
            self.check_action(action, safe, desired, kept)
        kinds = {action.kind for action in actions}
        removing = {ActionKind.REMOVE, ActionKind.REVOKE, ActionKind.HELD}
        reasons = {action.reason for action in actions}
        assert chosen.reinvite == "all" or SyncReason.REINVITE not in reasons
        assert not (chosen.add_only and kinds & removing)
        assert not (chosen.remove_only and ActionKind.INVITE in kinds)
        members = [
            action.user_id
            for action in actions
            if action.user_id in self.world.members
            and (action.kind is ActionKind.KEEP or "remove" in {action.kind.value, action.held})
        ]
        assert {each.id for each in self.snapshot.members} <= set(members)
        assert planned_removals(actions) <= len(self.snapshot.members) + len(
            self.snapshot.invitations
        )
        waiting = [each for each in actions if each.reason is SyncReason.WAITS_FOR_LINK]
        removals = [each for each in waiting if each.held == "remove"]
        undesired = sum(each.user_id not in safe for each in removals)
        # Those who are invited now may be members, too, but no link is needed to know it.
        asked = sum(each.kind is ActionKind.INVITE for each in actions)
        assert surplus(removals) <= undesired + asked

    def check_action(self, action: SyncAction, safe: set[int], desired: Truth, kept: Truth) -> None:
        match action.kind:
            case ActionKind.REMOVE:
                assert action.user_id not in safe
            case ActionKind.HELD if action.held == "remove":
                assert action.user_id not in {self.owner, MANAGER}
            case ActionKind.REVOKE:
                # Revoking the invitation of somebody who is a member already harms nobody.
                address = self.world_address(action.invitation_id)
                is_member = self.world.accounts.get(address or "") in self.world.members
                assert is_member or address not in desired.emails | kept.emails
            case ActionKind.INVITE:
                assert action.user_id not in {each.id for each in self.snapshot.members}
                keys = self.keys(action)
                assert keys.isdisjoint(
                    key
                    for found in pending_keys(
                        self.facts, self.snapshot.invitations, digest
                    ).values()
                    for key in found
                )
                if action.reason is SyncReason.NOT_IN_GROUP:
                    assert not keys & set(self.facts.invited)
                    assert action.user_id not in self.facts.members
            case ActionKind.UNRESOLVED if action.reason is SyncReason.POSSIBLY_ACCEPTED:
                assert action.candidates
                account = self.world.accounts.get((action.email or "").lower())
                assert account not in self.snapshot_ids or account in action.candidates
            case ActionKind.SKIP:
                account = self.world.accounts.get((action.email or "").lower())
                assert account not in self.snapshot_ids
            case _:
                pass

    @property
    def snapshot_ids(self) -> set[int]:
        return {each.id for each in self.snapshot.members}

    def world_address(self, invitation_id: int | None) -> str | None:
        found = self.world.pending.get(invitation_id or 0)
        return None if found is None else found[0]

    @staticmethod
    def keys(action: SyncAction) -> set[str]:
        keys = set[str]() if action.email is None else {digest(action.email.lower())}
        return keys if action.user_id is None else {*keys, user_key(action.user_id)}

    def apply(
        self,
        actions: tuple[SyncAction, ...],
        people: list[Person],
        chosen: PlanSettings,
        *,
        kill_after: int | None,
    ) -> None:
        """Do what a run does, up to the request in which it is killed."""
        epoch = self.facts.epoch
        invites = [action for action in actions if action.kind is ActionKind.INVITE]
        keys = [
            digest((each.email or "").lower()) if each.user_id is None else user_key(each.user_id)
            for each in invites
        ]
        rounds = {key: each.round for key, each in zip(keys, invites, strict=True)}
        self.facts = self.facts.apply(intend(self.facts, rounds))
        sent = dict[int, MembershipInvitation]()
        for number, (action, key) in enumerate(zip(invites, keys, strict=True)):
            result = self.invite(action)
            if number == kill_after:
                return
            if result is None:
                continue
            self.facts = self.facts.apply(learn(self.facts, key, result, epoch=epoch))
            if result.invitation is not None:
                sent[result.invitation.id] = result.invitation
        sent |= {each.id: each for each in self.snapshot.invitations}
        snapshot = evolve(self.snapshot, invitations=tuple(sent.values()))
        again = make_plan(people, snapshot, self.facts, chosen, digest)
        planned = {(each.user_id, each.invitation_id) for each in actions}
        desired = Truth.of(people, self.world)
        for action in again:
            is_planned = (action.user_id, action.invitation_id) in planned
            if is_planned and action.kind in {ActionKind.REMOVE, ActionKind.REVOKE}:
                self.carry_out(action, desired, {each.user_id for each in invites})

    def carry_out(self, action: SyncAction, desired: Truth, invited: set[int | None]) -> None:
        """Remove or revoke, and check that nobody suffers who is desired in truth."""
        if action.kind is ActionKind.REMOVE:
            assert action.user_id not in desired.ids
            self.world.members.discard(action.user_id or 0)
            return
        address = self.world_address(action.invitation_id)
        account = self.world.accounts.get(address or "")
        if account not in self.world.members:
            assert address not in desired.emails
            # An address that is not in the list may belong to a user who signed up later and is
            # skipped, as nothing is asked about them. It may be hidden now, and remembered.
            remembered = self.facts.invited.get(digest(address or ""))
            is_known = action.email is not None or remembered is not None
            is_skipped = is_known and account not in invited
            assert is_skipped or account not in desired.ids
        self.world.pending.pop(action.invitation_id or 0, None)

    def invite(self, action: SyncAction) -> Any:
        if action.user_id is None:
            address = (action.email or "").lower()
        else:
            by_id = {number: address for address, number in self.world.accounts.items()}
            if action.user_id not in by_id:
                return None  # a stranger's id, whom nobody knows by an address
            address = by_id[action.user_id]
        return self.world.invite(address, shows_address=action.user_id is None)


Plans.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestPlans = Plans.TestCase
