"""Planner of a sync: decides, without I/O, what happens to each person.

A desired address whose user is not known is *open*: its owner may be a member already, as
members show no address. While an address is open, nobody who may be its owner is removed.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from attrs import evolve, frozen

from arena_groups._api import mailbox
from arena_groups.models import GroupMember, GroupRole, MembershipInvitation
from arena_groups.reconcile.actions import ActionKind, SyncAction, SyncReason
from arena_groups.reconcile.desired import Person, embedded_user
from arena_groups.reconcile.facts import (
    Digest,
    GroupFacts,
    IntentState,
    InvitationFact,
    SyncSnapshot,
    pending_keys,
    user_key,
)
from arena_groups.reconcile.identities import (
    Identity,
    digests_by_user,
    identify,
    merge_identities,
)

__all__ = [
    "PlanSettings",
    "make_plan",
]

NOT_IN_LIST: Final = -1
MAX_LISTED: Final = 100
"""Largest number of inputs or members that one action lists."""


@frozen(kw_only=True)
class PlanSettings:
    """Settings of a plan, with the people in them resolved.

    Args:
        add_only: Remove and revoke nothing.
        remove_only: Invite nobody.
        max_removals: The largest number of removals, or their largest fraction.
        keep: People who are not removed and whose invitations are not revoked.
        reinvite: People who are invited although they were before, or ``"all"``.
    """

    add_only: bool = False
    remove_only: bool = False
    max_removals: int | float = 0.25
    keep: tuple[Person, ...] = ()
    reinvite: tuple[Person, ...] | Literal["all"] = ()


@frozen(kw_only=True)
class _Open:
    """A desired person, or one to keep, whom it is not certain to recognize.

    Attributes:
        after: The last epoch whose members are certainly not this person.
        has_user: Whether the user is known, so that only an invitation without a user may be
            this person's.
        position: The first position of the person in the list, or ``NOT_IN_LIST``.
        is_asked: Whether an invitation in this plan will show who it is.
        is_pending: Whether the person has a pending invitation that shows the address.
        gone: The epoch of the first snapshot without the last invitation, if there was one.
    """

    after: int
    has_user: bool
    position: int
    is_asked: bool
    is_pending: bool = False
    gone: int | None = None


def make_plan(
    people: Sequence[Person],
    snapshot: SyncSnapshot,
    facts: GroupFacts,
    settings: PlanSettings,
    digest: Digest,
) -> tuple[SyncAction, ...]:
    """Return what happens to each desired person, and to everybody else in the group.

    Args:
        people: The desired people, without duplicates.
        snapshot: The group as it is.
        facts: The facts, with those of the snapshot.
        settings: The settings.
        digest: Function that returns the digest of a mailbox.

    Returns:
        The actions: those of the desired people in the order of the list, then those of members,
        then those of pending invitations.
    """
    known = facts.with_links(
        {
            digest(mailbox(email)): person.user_ids
            for person in (*people, *settings.keep)
            if person.user_ids
            for email in person.emails
        }
    )
    return _Planner(people, snapshot, known, settings, digest).plan()


class _Planner:
    """One run of ``make_plan``."""

    def __init__(
        self,
        people: Sequence[Person],
        snapshot: SyncSnapshot,
        facts: GroupFacts,
        settings: PlanSettings,
        digest: Digest,
    ) -> None:
        self._facts = facts
        self._settings = settings
        self._own_id = snapshot.own_id
        self._members = {each.id: each for each in snapshot.members}
        self._invitations = snapshot.invitations
        self._keys_of = pending_keys(facts, snapshot.invitations, digest)
        self._pending = {
            key: each for each in snapshot.invitations for key in self._keys_of[each.id]
        }
        linked = digests_by_user(facts)
        desired = [identify(person, facts, digest, linked) for person in people]
        self._desired = sorted(merge_identities(desired), key=lambda each: each.position)
        self._kept = [identify(person, facts, digest, linked) for person in settings.keep]
        self._desired_keys = {key for each in self._desired for key in each.protected_keys}
        self._kept_keys = {key for each in self._kept for key in each.protected_keys}
        self._owner_ids = {snapshot.group.user.id} | {
            each.id for each in snapshot.members if each.role == GroupRole.OWNER
        }
        self._linked_ids = {user_id for ids in facts.links.values() for user_id in ids}
        self._unlinked = [
            (self._since(each), each.id)
            for each in snapshot.members
            if each.id not in self._linked_ids
        ]
        self._members_after: dict[int, tuple[int, ...]] = {}
        self._reinvited = set[str]()
        if settings.reinvite != "all":
            named = [identify(person, facts, digest, linked) for person in settings.reinvite]
            self._reinvited = {key for each in named for key in each.keys}

    def plan(self) -> tuple[SyncAction, ...]:
        """Return all actions."""
        desired = [self._for_desired(each) for each in self._desired]
        suspects = _Suspects([*self._open_desired(desired), *self._open_kept()])
        matched = {action.user_id for action in desired if action.kind is ActionKind.KEEP}
        members = [each for each in self._members.values() if each.id not in matched]
        return (
            *desired,
            *(self._for_member(each, suspects) for each in members),
            *(
                self._for_invitation(each, suspects)
                for each in self._invitations
                if self._desired_keys.isdisjoint(self._keys_of[each.id])
            ),
        )

    def _for_desired(self, identity: Identity) -> SyncAction:
        person = identity.person
        pending = next((self._pending[key] for key in identity.keys if key in self._pending), None)
        member = next(
            (self._members[each] for each in identity.user_ids if each in self._members), None
        )
        user = member or person.user or (pending.invitee if pending else None)
        action = SyncAction(
            kind=ActionKind.KEEP,
            reason=SyncReason.PENDING,
            email=person.emails[0] if person.emails else None,
            user=None if user is None else embedded_user(user),
            user_id=member.id if member else next(iter(identity.user_ids), None),
            invitation_id=pending.id if pending else None,
            positions=person.positions,
            note=person.note,
        )
        if member is not None:
            return evolve(action, reason=self._guard(member.id) or SyncReason.MEMBER)
        if self._own_id in identity.user_ids:
            return evolve(action, reason=SyncReason.OWN_USER)
        return action if pending is not None else self._for_absent(identity, action)

    def _for_absent(self, identity: Identity, action: SyncAction) -> SyncAction:
        """Return the action for somebody who is neither a known member nor pending."""
        facts = [self._facts.invited[key] for key in identity.keys if key in self._facts.invited]
        was_member = any(map(self._facts.was_member, identity.user_ids))
        intent_key = self._intent_key(identity, was_member=was_member)
        rounds = max((fact.round for fact in facts), default=-1)
        if intent_key is not None:
            if intent_key in identity.digests:
                # By the address again: the journal knows the invitation by it.
                action = evolve(action, user=None, user_id=None)
            intent = self._facts.invited[intent_key]
            return self._invite(action, identity, SyncReason.INTERRUPTED, intent.round)
        if not facts and not was_member:
            return self._invite(action, identity, SyncReason.NOT_IN_GROUP, 0)
        if self._settings.reinvite == "all" or not self._reinvited.isdisjoint(identity.keys):
            return self._invite(action, identity, SyncReason.REINVITE, rounds + 1)
        if candidates := self._candidates(identity):
            return evolve(
                action,
                kind=ActionKind.UNRESOLVED,
                reason=SyncReason.POSSIBLY_ACCEPTED,
                candidates=candidates[:MAX_LISTED],
                candidate_count=len(candidates),
            )
        reason = SyncReason.LEFT if was_member else SyncReason.NOT_ACCEPTED
        return evolve(action, kind=ActionKind.SKIP, reason=reason)

    def _invite(
        self, action: SyncAction, identity: Identity, reason: SyncReason, number: int
    ) -> SyncAction:
        if not self._settings.remove_only:
            return evolve(action, kind=ActionKind.INVITE, reason=reason, round=number)
        kind = ActionKind.UNRESOLVED if identity.is_open else ActionKind.SKIP
        return evolve(action, kind=kind, reason=SyncReason.REMOVE_ONLY)

    def _intent_key(self, identity: Identity, *, was_member: bool) -> str | None:
        """Return the key of an invitation of a run that ended before it knew the outcome."""
        states = {
            key: self._facts.invited[key].state
            for key in identity.keys
            if key in self._facts.invited
        }
        intents = [key for key, state in states.items() if state is IntentState.INVITING]
        if was_member or IntentState.INVITED in states.values():
            # An intent by address is out of date if the user was seen since.
            addresses = {*identity.digests, *identity.linked_digests}
            intents = [key for key in intents if key not in addresses]
        return next(iter(intents), None)

    def _candidates(self, identity: Identity) -> tuple[int, ...]:
        if not identity.is_open:
            return ()
        after = self._after(identity)
        if after not in self._members_after:
            ids = sorted(user_id for since, user_id in self._unlinked if since > after)
            self._members_after[after] = tuple(ids)
        return self._members_after[after]

    def _open_desired(self, actions: Iterable[SyncAction]) -> list[_Open]:
        return [
            self._open(identity, is_asked=action.kind is ActionKind.INVITE)
            for identity, action in zip(self._desired, actions, strict=True)
            if identity.is_open or action.kind is not ActionKind.KEEP
        ]

    def _open_kept(self) -> list[_Open]:
        return [
            evolve(self._open(identity, is_asked=False), position=NOT_IN_LIST)
            for identity in self._kept
            if self._desired_keys.isdisjoint(identity.keys)
            and (identity.is_open or self._members.keys().isdisjoint(identity.user_ids))
        ]

    def _open(self, identity: Identity, *, is_asked: bool) -> _Open:
        return _Open(
            after=self._after(identity),
            has_user=not identity.is_open,
            position=identity.position,
            is_asked=is_asked,
            is_pending=any(key in self._pending for key in identity.keys),
            gone=next((fact.gone for fact in self._sent_to_addresses(identity)), None),
        )

    def _after(self, identity: Identity) -> int:
        """Return the last epoch whose members are certainly not an open person."""
        return max((fact.after for fact in self._sent_to_addresses(identity)), default=0)

    def _sent_to_addresses(self, identity: Identity) -> list[InvitationFact]:
        invited = self._facts.invited
        return [invited[key] for key in identity.digests if key in invited]

    def _since(self, member: GroupMember) -> int:
        fact = self._facts.members.get(member.id)
        return self._facts.epoch if fact is None else fact.since

    def _first_seen(self, invitation: MembershipInvitation) -> int | None:
        """Return the epoch at which a pending invitation was seen at the latest."""
        user = invitation.invitee
        fact = None if user is None else self._facts.invited.get(user_key(user.id))
        is_same = fact is not None and fact.invitation_id == invitation.id and fact.after > 0
        return fact.after + 1 if fact is not None and is_same else None

    def _guard(self, user_id: int) -> SyncReason | None:
        """Return why a user is never removed."""
        if user_id in self._owner_ids:
            return SyncReason.OWNER
        return SyncReason.OWN_USER if user_id == self._own_id else None

    def _for_member(self, member: GroupMember, suspects: "_Suspects") -> SyncAction:
        action = SyncAction(
            kind=ActionKind.KEEP,
            reason=SyncReason.MEMBER,
            user=embedded_user(member),
            user_id=member.id,
        )
        key = user_key(member.id)
        if guard := self._guard(member.id):
            return evolve(action, reason=guard)
        if key in self._kept_keys:
            return evolve(action, reason=SyncReason.PROTECTED)
        if key in self._desired_keys:
            return action
        if self._settings.add_only:
            return evolve(action, reason=SyncReason.ADD_ONLY)
        if member.id not in self._linked_ids:
            suspicion = suspects.of_member(self._since(member))
            if suspicion is not None:
                return _held(action, "remove", suspicion)
        return evolve(action, kind=ActionKind.REMOVE, reason=SyncReason.NOT_DESIRED)

    def _for_invitation(
        self, invitation: MembershipInvitation, suspects: "_Suspects"
    ) -> SyncAction:
        user, keys = invitation.invitee, self._keys_of[invitation.id]
        action = SyncAction(
            kind=ActionKind.KEEP,
            reason=SyncReason.PROTECTED,
            email=invitation.invitee_email,
            user=user,
            user_id=user.id if user else None,
            invitation_id=invitation.id,
        )
        if user is not None and (guard := self._guard(user.id)):
            return evolve(action, reason=guard)
        if not self._kept_keys.isdisjoint(keys):
            return action
        if self._settings.add_only:
            return evolve(action, reason=SyncReason.ADD_ONLY)
        has_address = any(key != user_key(user.id) if user else True for key in keys)
        if not has_address and (user is None or user.id not in self._linked_ids):
            seen = self._first_seen(invitation)
            suspicion = suspects.of_invitation(seen, has_user=user is not None)
            if suspicion is not None:
                return _held(action, "revoke", suspicion)
        return evolve(action, kind=ActionKind.REVOKE, reason=SyncReason.NOT_DESIRED)


_Suspicion = tuple[SyncReason, tuple[int, ...], int]
"""What a removal waits for, the positions of the people who hold it back, and their number."""


class _Suspects:
    """The open identities, and who may be behind them."""

    def __init__(self, identities: Iterable[_Open]) -> None:
        # Those whom nothing in this plan resolves first.
        self._identities = sorted(identities, key=lambda each: (each.is_asked, each.position))
        self._found: dict[object, _Suspicion | None] = {}

    def of_member(self, since: int) -> _Suspicion | None:
        """Return whom a member may be who came at an epoch."""
        return self._cached(
            ("member", since), lambda each: each.after < since and not each.has_user
        )

    def of_invitation(self, seen: int | None, *, has_user: bool) -> _Suspicion | None:
        """Return whom a pending invitation without an address may belong to.

        ``seen`` is an epoch in which it was pending, if one is known. Nobody has two pending
        invitations at a time.
        """

        def may_be(each: _Open) -> bool:
            if each.is_pending or (has_user and each.has_user):
                return False
            return seen is None or each.gone is None or seen >= each.gone

        return self._cached(("invitation", seen, has_user), may_be)

    def _cached(self, key: object, may_be: Callable[[_Open], bool]) -> _Suspicion | None:
        if key not in self._found:
            self._found[key] = self._find(may_be)
        return self._found[key]

    def _find(self, may_be: Callable[[_Open], bool]) -> _Suspicion | None:
        suspects = [each for each in self._identities if may_be(each)]
        if not suspects:
            return None
        is_asked = suspects[0].is_asked
        found = [each.position for each in suspects if each.is_asked is is_asked]
        positions = tuple(position for position in found if position != NOT_IN_LIST)
        reason = SyncReason.WAITS_FOR_INVITATIONS if is_asked else SyncReason.WAITS_FOR_LINK
        return reason, positions[:MAX_LISTED], len(found)


def _held(action: SyncAction, held: Literal["revoke", "remove"], why: _Suspicion) -> SyncAction:
    reason, waits_for, count = why
    return evolve(
        action,
        kind=ActionKind.HELD,
        held=held,
        reason=reason,
        waits_for=waits_for,
        waits_for_count=count,
    )
