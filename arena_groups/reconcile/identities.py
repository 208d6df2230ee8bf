"""Identities of people: who is the same person, by the addresses and users that are linked."""

from collections.abc import Iterable
from typing import TypeVar

from attrs import frozen

from arena_groups._api import mailbox
from arena_groups.reconcile.desired import Person, join_people
from arena_groups.reconcile.facts import Digest, GroupFacts, user_key

__all__ = ["Identity", "identify", "merge_identities"]

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
    """

    person: Person
    digests: tuple[str, ...]
    user_ids: tuple[int, ...]
    linked_ids: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether no user is known."""
        return not self.user_ids

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys under which the person's invitations are known."""
        return (*self.digests, *map(user_key, self.user_ids))

    @property
    def protected_keys(self) -> tuple[str, ...]:
        """Keys of everybody who is not removed because of this person."""
        return (*self.keys, *map(user_key, self.linked_ids))

    @property
    def position(self) -> int:
        """The first position in the list that names the person."""
        return self.person.positions[0]


def identify(person: Person, facts: GroupFacts, digest: Digest) -> Identity:
    """Return a person with the users that the addresses are linked to."""
    digests = tuple(digest(mailbox(email)) for email in person.emails)
    linked = tuple(dict.fromkeys(number for each in digests for number in facts.users_of(each)))
    return Identity(
        person=person, digests=digests, user_ids=person.user_ids or linked, linked_ids=linked
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
    )


def _union(one: Iterable[T], other: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys([*one, *other]))
