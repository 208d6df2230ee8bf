"""Identities of people: who is the same person, by the addresses and users that are linked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from attrs import frozen

from arena_groups._api import mailbox
from arena_groups.reconcile.desired import Person, join_people
from arena_groups.reconcile.facts import Digest, GroupFacts, user_key

__all__ = ["Identity", "digests_by_user", "identify", "merge_identities"]

T = TypeVar("T")


@frozen(kw_only=True)
class Identity:
    """A person with all that is known about who it is.

    Attributes:
        person: The person.
        digests: The digests of the addresses.
        user_ids: The ids of the user: those of the list, else those that the addresses are
            linked to. Without any, the person is open.
        linked_ids: The ids that the addresses are linked to.
        linked_digests: The digests of more addresses that are linked to the user.
    """

    person: Person
    digests: tuple[str, ...]
    user_ids: tuple[int, ...]
    linked_ids: tuple[int, ...] = ()
    linked_digests: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether no user is known."""
        return not self.user_ids

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys under which the person's invitations are known."""
        return (*self.digests, *self.linked_digests, *map(user_key, self.user_ids))

    @property
    def protected_keys(self) -> tuple[str, ...]:
        """Keys of everybody who is not removed because of this person."""
        return (*self.keys, *map(user_key, self.linked_ids))

    @property
    def position(self) -> int:
        """The first position in the list that names the person."""
        return self.person.positions[0]


def digests_by_user(facts: GroupFacts) -> Mapping[int, Sequence[str]]:
    """Return the digests of the addresses that each user is linked to."""
    found: dict[int, list[str]] = {}
    for digest, ids in facts.links.items():
        for user_id in ids:
            found.setdefault(user_id, []).append(digest)
    return found


def identify(
    person: Person, facts: GroupFacts, digest: Digest, linked: Mapping[int, Sequence[str]]
) -> Identity:
    """Return a person with the users that the addresses are linked to, and their addresses."""
    digests = tuple(digest(mailbox(email)) for email in person.emails)
    ids = tuple(dict.fromkeys(number for each in digests for number in facts.users_of(each)))
    user_ids = person.user_ids or ids
    others = [each for number in user_ids for each in linked.get(number, ())]
    return Identity(
        person=person,
        digests=digests,
        user_ids=user_ids,
        linked_ids=ids,
        linked_digests=tuple(each for each in dict.fromkeys(others) if each not in digests),
    )


def merge_identities(identities: Iterable[Identity]) -> list[Identity]:
    """Merge people who turn out to be the same user.

    Those whose user the list names are different people, even if an address is linked to both.
    """
    merged: list[Identity] = []
    homes: dict[int, int] = {}
    for each in sorted(identities, key=_merge_order):
        home = next((homes[number] for number in each.user_ids if number in homes), None)
        if home is None or each.person.user_ids:
            home = len(merged)
            merged.append(each)
        else:
            merged[home] = _joined(merged[home], each)
        for number in each.user_ids:
            homes.setdefault(number, home)
    return merged


def _merge_order(identity: Identity) -> tuple[bool, int, tuple[int, ...]]:
    is_from_links = not identity.person.user_ids
    return is_from_links, len(identity.user_ids), identity.user_ids


def _joined(one: Identity, other: Identity) -> Identity:
    ids = one.user_ids if one.person.user_ids else _union(one.user_ids, other.user_ids)
    return Identity(
        person=join_people([one.person, other.person]),
        digests=_union(one.digests, other.digests),
        user_ids=ids,
        linked_ids=_union(one.linked_ids, other.linked_ids),
        linked_digests=_union(one.linked_digests, other.linked_digests),
    )


def _union(one: Iterable[T], other: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys([*one, *other]))
