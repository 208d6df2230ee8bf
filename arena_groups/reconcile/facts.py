"""Remembered facts about a group: members, invitations, and links of addresses to users.

A member has no address in the API, so who accepted an invitation by address is only known if a
response named the user. What is remembered narrows it down: an *epoch* counts the snapshots of
the group, and a person who was certainly absent at an epoch can only be a member who came after
it. Addresses appear as digests (keyed hashes), never in clear.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum
from typing import Final

from attrs import evolve, field, frozen

from arena_groups._api import mailbox
from arena_groups._types import hidden
from arena_groups.models import (
    EmbeddedUser,
    Group,
    GroupMember,
    InviteOutcome,
    InviteResult,
    MembershipInvitation,
)

__all__ = [
    "USER",
    "Digest",
    "FactChanges",
    "GroupFacts",
    "IntentState",
    "InvitationFact",
    "MemberFact",
    "SyncSnapshot",
    "intend",
    "learn",
    "observe",
    "pending_keys",
    "user_key",
]

FIRST_EPOCH: Final = 1
USER: Final = "user:"

Digest = Callable[[str], str]
"""Function that returns the digest of a mailbox, as ``mailbox()`` returns it."""


class IntentState(StrEnum):
    """State of a remembered invitation."""

    INVITING = "inviting"
    """A run is about to send it, or was when it ended: nobody knows whether it did."""
    INVITED = "invited"


@frozen(kw_only=True)
class SyncSnapshot:
    """Group as it is: its invitations, then its members, each list read to its end.

    In this order, a person who accepts in between is in both lists instead of neither. The
    invitations are read again after the members: so none is missing that was sent before.
    """

    own_id: int
    """Id of the token's user."""
    own_email: str | None = field(default=None, repr=hidden)
    """Address of the token's user."""
    group: Group
    invitations: tuple[MembershipInvitation, ...]
    members: tuple[GroupMember, ...]
    still_pending: frozenset[int] = frozenset()
    """Ids of the invitations that were pending again after the members were read."""


@frozen(kw_only=True)
class MemberFact:
    """Membership of a user: the last one, if there were several."""

    since: int
    """Epoch of the first snapshot that had the user in this membership."""
    left: int | None = None
    """Epoch of the first snapshot without the user; ``None`` for a member."""


@frozen(kw_only=True)
class InvitationFact:
    """Invitation of a person, who is known by the digest of an address or by user id."""

    after: int
    """Last epoch at which the person was certainly not a member: whoever accepted came later."""
    gone: int | None = None
    """Epoch of the first snapshot in which it was no longer pending; ``None`` before."""
    invitation_id: int | None = None
    round: int = 0
    """How many invitations earlier plans have sent to the person."""
    state: IntentState = IntentState.INVITED


def _no_members() -> dict[int, MemberFact]:
    return {}


def _no_invitations() -> dict[str, InvitationFact]:
    return {}


def _no_ids() -> dict[str, tuple[int, ...]]:
    return {}


@frozen(kw_only=True)
class FactChanges:
    """Facts that are new or different; ``None`` deletes an invitation."""

    epoch: int
    members: Mapping[int, MemberFact] = field(factory=_no_members)
    invited: Mapping[str, InvitationFact | None] = field(factory=_no_invitations)
    links: Mapping[str, tuple[int, ...]] = field(factory=_no_ids)
    slugs: Mapping[str, tuple[int, ...]] = field(factory=_no_ids)


@frozen(kw_only=True)
class GroupFacts:
    """All that is remembered about a group.

    Attributes:
        epoch: Number of the last snapshot; 0 before the first.
        members: Memberships by user id, former ones among them.
        invited: Invitations by key: the digest of the address, or :func:`user_key`.
        links: Ids of the users that an address is known to belong to, by digest. There is more
            than one only if sources contradict each other.
        slugs: Ids of the users by slug, earlier slugs among them. There is more than one if a
            slug has changed hands.
    """

    epoch: int = 0
    members: Mapping[int, MemberFact] = field(factory=_no_members)
    invited: Mapping[str, InvitationFact] = field(factory=_no_invitations)
    links: Mapping[str, tuple[int, ...]] = field(factory=_no_ids)
    slugs: Mapping[str, tuple[int, ...]] = field(factory=_no_ids)

    @property
    def latest_epoch(self) -> int:
        """The last epoch that a fact is about."""
        memberships = [each.left or each.since for each in self.members.values()]
        invitations = [each.gone or each.after for each in self.invited.values()]
        return max([*memberships, *invitations], default=0)

    def apply(self, changes: FactChanges) -> "GroupFacts":
        """Return the facts with changes."""
        invited = {**self.invited, **changes.invited}
        return GroupFacts(
            epoch=changes.epoch,
            members={**self.members, **changes.members},
            invited={key: fact for key, fact in invited.items() if fact is not None},
            links=_merged(self.links, changes.links),
            slugs=_merged(self.slugs, changes.slugs),
        )

    def with_links(self, links: Mapping[str, Iterable[int]]) -> "GroupFacts":
        """Return the facts with more links, such as those of rows with an address and a user."""
        return evolve(self, links=_merged(self.links, links))

    def users_of(self, digest: str) -> tuple[int, ...]:
        """Return the ids of the users whom an address is known to belong to."""
        return self.links.get(digest, ())

    def was_member(self, user_id: int) -> bool:
        """Return whether a user is a member or ever was one."""
        return user_id in self.members

    def candidates(self, keys: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Return the ids of the members who may be the person behind each invited address.

        They came after the person was certainly absent, and are not known by another address.
        There is no upper bound: who declined may join later with the invite code. An address
        without an invitation is left out.
        """
        linked = {user_id for ids in self.links.values() for user_id in ids}
        unlinked = [
            (user_id, member.since)
            for user_id, member in sorted(self.members.items())
            if member.left is None and user_id not in linked
        ]
        return {
            key: tuple(user_id for user_id, since in unlinked if since > self.invited[key].after)
            for key in keys
            if key in self.invited
        }


def user_key(user_id: int) -> str:
    """Return the key of the invitation of a user."""
    return f"{USER}{user_id}"


def pending_keys(
    facts: GroupFacts, invitations: Iterable[MembershipInvitation], digest: Digest
) -> dict[int, tuple[str, ...]]:
    """Return the keys of pending invitations by invitation id.

    An invitation has also the keys under which its id is remembered: it may hide its address, or
    have been sent before its invitee signed up. There may be none.
    """
    remembered: dict[int, list[str]] = {}
    for key, fact in facts.invited.items():
        if fact.invitation_id is not None:
            remembered.setdefault(fact.invitation_id, []).append(key)
    found: dict[int, tuple[str, ...]] = {}
    for each in invitations:
        keys = list(remembered.get(each.id, ()))
        if each.invitee_email is not None:
            keys.append(digest(mailbox(each.invitee_email)))
        if each.invitee is not None:
            keys.append(user_key(each.invitee.id))
        found[each.id] = tuple(dict.fromkeys(keys))
    return found


def observe(
    facts: GroupFacts,
    snapshot: SyncSnapshot,
    digest: Digest,
    *,
    before: GroupFacts | None = None,
) -> FactChanges:
    """Return what a new snapshot changes in the facts.

    No other snapshot may have been recorded since this one was begun: else a member of the other
    one could look like one who came later, or earlier.

    Args:
        facts: The facts as they are now.
        snapshot: The snapshot.
        digest: The function for addresses.
        before: The facts before the snapshot was begun, if others have changed since: an
            invitation that another run has sent meanwhile may be missing in the snapshot.

    Returns:
        The changes, with the next epoch.
    """
    epoch = facts.epoch + 1
    users = [each.invitee for each in snapshot.invitations if each.invitee is not None]
    pending = _newest_ids(pending_keys(facts, snapshot.invitations, digest))
    return FactChanges(
        epoch=epoch,
        members=_member_changes(facts, snapshot.members, epoch),
        invited={
            **_closed_invitations(facts, before or facts, pending, epoch),
            **_accepted_intents(facts, {each.id for each in snapshot.members}, epoch),
            **_pending_invitations(facts, pending, epoch, snapshot.still_pending),
        },
        links=_additions(facts.links, _shown_links(snapshot, digest)),
        slugs=_additions(facts.slugs, _slugs_of([*users, *snapshot.members])),
    )


def intend(facts: GroupFacts, rounds: Mapping[str, int]) -> FactChanges:
    """Return the intents to write before invitations are sent.

    An intent does not show that the person is absent: they may be a member already.

    Args:
        facts: The facts.
        rounds: The round of each person to invite, by key.

    Returns:
        The changes. Whoever another run has invited meanwhile, or is about to invite, stays as
        they are.
    """
    return FactChanges(
        epoch=facts.epoch,
        invited={
            key: InvitationFact(
                after=known.after if (known := facts.invited.get(key)) else 0,
                round=number,
                state=IntentState.INVITING,
            )
            for key, number in rounds.items()
            if key not in facts.invited or facts.invited[key].round < number
        },
    )


def learn(facts: GroupFacts, key: str, result: InviteResult, *, epoch: int) -> FactChanges:
    """Return what the API's response to an invitation changes in the facts.

    Args:
        facts: The facts.
        key: The key of the person: the digest of the address, or :func:`user_key`.
        result: The response.
        epoch: Epoch of the last snapshot before the request was sent.

    Returns:
        The changes. A user in the response is certainly the one with the address. Without one,
        nobody in the group has the address.
    """
    is_absent = result.outcome in {InviteOutcome.INVITED, InviteOutcome.INVITATION_PENDING}
    user = result.user
    keys = (key,) if user is None else (key, user_key(user.id))
    fact = InvitationFact(
        after=epoch if is_absent else 0,
        # The larger one: the journals of all rounds before have entries of the person.
        round=max((facts.invited[each].round for each in keys if each in facts.invited), default=0),
        invitation_id=None if result.invitation is None else result.invitation.id,
    )
    shown = {} if user is None or key.startswith(USER) else {key: (user.id,)}
    return FactChanges(
        epoch=facts.epoch,
        invited=dict.fromkeys(keys, fact),
        links=_additions(facts.links, shown),
        slugs=_additions(facts.slugs, _slugs_of([] if user is None else [user])),
    )


def _member_changes(
    facts: GroupFacts, members: Iterable[GroupMember], epoch: int
) -> dict[int, MemberFact]:
    ids = {each.id for each in members}
    current = {user_id for user_id, fact in facts.members.items() if fact.left is None}
    came = {user_id: MemberFact(since=epoch) for user_id in ids - current}
    left = {user_id: evolve(facts.members[user_id], left=epoch) for user_id in current - ids}
    return {**came, **left}


def _newest_ids(keys_by_id: Mapping[int, Iterable[str]]) -> dict[str, int]:
    """Return the id of the pending invitation of each key; the newest of several."""
    return {key: number for number in sorted(keys_by_id) for key in keys_by_id[number]}


def _closed_invitations(
    facts: GroupFacts, before: GroupFacts, pending: Mapping[str, int], epoch: int
) -> dict[str, InvitationFact]:
    return {
        key: evolve(fact, gone=epoch)
        for key, fact in facts.invited.items()
        if key not in pending
        and fact.gone is None
        and fact.state is IntentState.INVITED
        and before.invited.get(key) == fact
    }


def _accepted_intents(
    facts: GroupFacts, members: Container[int], epoch: int
) -> dict[str, InvitationFact]:
    """Return the intents to invite somebody who is a member: nothing more is sent for them."""
    return {
        key: evolve(fact, state=IntentState.INVITED, gone=epoch)
        for key, fact in facts.invited.items()
        if fact.state is IntentState.INVITING
        and any(user_id in members for user_id in _users_behind(facts, key))
    }


def _users_behind(facts: GroupFacts, key: str) -> tuple[int, ...]:
    return (int(key.removeprefix(USER)),) if key.startswith(USER) else facts.users_of(key)


def _pending_invitations(
    facts: GroupFacts, pending: Mapping[str, int], epoch: int, still_pending: Container[int]
) -> dict[str, InvitationFact]:
    # It was sent after the last snapshot, or before the first. The latter are assumed to belong to
    # none of the members who were there, unless they may have been accepted meanwhile.
    seen = {
        key: _pending_fact(
            facts.invited.get(key),
            number,
            FIRST_EPOCH if epoch == FIRST_EPOCH and number in still_pending else epoch - 1,
        )
        for key, number in pending.items()
    }
    return {key: fact for key, fact in seen.items() if fact != facts.invited.get(key)}


def _pending_fact(known: InvitationFact | None, invitation_id: int, absent: int) -> InvitationFact:
    """Return the fact of a pending invitation; ``absent`` counts if it was not seen before.

    Nobody is invited who is a member. Somebody who signs up later may join with the invite code
    while the invitation stays pending, so that it shows nothing when it is seen again.
    """
    if known is None:
        return InvitationFact(after=absent, invitation_id=invitation_id)
    fact = evolve(known, gone=None, invitation_id=invitation_id, state=IntentState.INVITED)
    # Of two that are pending at once, the older one may show again when the newer one is gone.
    is_known = known.invitation_id is not None and invitation_id <= known.invitation_id
    return fact if is_known else evolve(fact, after=max(known.after, absent))


def _shown_links(snapshot: SyncSnapshot, digest: Digest) -> dict[str, tuple[int, ...]]:
    links: dict[str, tuple[int, ...]] = {}
    if snapshot.own_email is not None:
        links[digest(mailbox(snapshot.own_email))] = (snapshot.own_id,)
    for each in snapshot.invitations:
        if each.invitee is not None and each.invitee_email is not None:
            links |= _merged(links, {digest(mailbox(each.invitee_email)): [each.invitee.id]})
    return links


def _slugs_of(users: Iterable[EmbeddedUser]) -> dict[str, tuple[int, ...]]:
    return {each.slug: (each.id,) for each in users}


def _additions(
    known: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """Return what was found and not known."""
    return {name: ids for name, ids in found.items() if not set(ids) <= set(known.get(name, ()))}


def _merged(
    links: Mapping[str, tuple[int, ...]], more: Mapping[str, Iterable[int]]
) -> dict[str, tuple[int, ...]]:
    merged = dict(links)
    for digest, ids in more.items():
        merged[digest] = tuple(dict.fromkeys([*merged.get(digest, ()), *ids]))
    return merged
