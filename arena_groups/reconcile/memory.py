"""Memory of the facts about a group in a store, under keyed digests.

No record has an address, a note or the name of a person. Records change by compare-and-set
alone, so that runs that overlap learn from each other.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, TypeVar

import msgspec
from attrs import evolve, field, frozen

from arena_groups._api import GroupRef, UserRef, UserReference, address_problem, mailbox
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups.errors import StoreError, SyncError, SyncPermissionError
from arena_groups.models import InviteResult
from arena_groups.reconcile.facts import (
    USER,
    FactChanges,
    GroupFacts,
    IntentState,
    InvitationFact,
    MemberFact,
    SyncSnapshot,
    intend,
    learn,
    observe,
    user_key,
)
from arena_groups.reconcile.sync_key import SyncKey, try_find_sync_key
from arena_groups.stores import Store
from arena_groups.stores.base import NO_CONDITIONS, check_store

__all__ = ["GroupMemory", "link", "read_snapshot"]

T = TypeVar("T")
Records = Mapping[str, str]
Updates = dict[str, str | None]

LINKS: Final = "reconcile/links"
VERSION: Final = "version"
CURRENT_VERSION: Final = "1"
KEY: Final = "key"
SERVER: Final = "server"
EPOCH: Final = "epoch"
MEMBER: Final = "member/"
INVITED: Final = "invited/"
SLUG: Final = "slug/"
PLAN: Final = "plan/"
LINK: Final = "link/"

MAX_PLANS: Final = 100  # more are only needed to apply very old plans again


@frozen
class AddressLink:
    """Users that an address belongs to, as the API has shown, and as the caller has said."""

    shown: tuple[int, ...] = ()
    said: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys([*self.shown, *self.said]))


@frozen
class _Loaded:
    """Records of both namespaces, and the facts in them."""

    records: Records = field(repr=False)
    links: Records = field(repr=False)
    facts: GroupFacts = field(repr=False)


class GroupMemory:
    """Facts about one group in a store.

    Every method that reads or writes raises :class:`StoreError`, and :class:`SyncError` if the
    store belongs to another key or to another server, whose ids mean other people.
    """

    def __init__(self, store: Store, group_id: int, key: SyncKey, *, server: str) -> None:
        self._store = store
        self._namespace = f"reconcile/{group_id}"
        self._key = key
        self._server = server
        self._loaded = _Loaded({}, {}, GroupFacts())

    @property
    def facts(self) -> GroupFacts:
        """The facts as they were last read or written here."""
        return self._loaded.facts

    @property
    def begun_plans(self) -> frozenset[str]:
        """The ids of the plans whose application has begun."""
        return frozenset(
            name.removeprefix(PLAN) for name in self._loaded.records if name.startswith(PLAN)
        )

    def digest(self, mailbox: str) -> str:
        """Return the digest of an address in the form that ``mailbox()`` returns."""
        return self._key.digest(mailbox)

    async def load(self) -> GroupFacts:
        """Read the facts, and check that the store belongs to the key and the server."""
        links = await self._store.read(LINKS)
        records = await self._store.read(self._namespace)
        for each in (links, records):
            _check_records(each, self._key, self._server)
        self._loaded = _Loaded(records, links, _read_facts(records, links))
        return self.facts

    async def observe(self, read: Callable[[], Awaitable[SyncSnapshot]]) -> SyncSnapshot:
        """Take a snapshot, and record what it teaches.

        If another run records a snapshot meanwhile, this one is taken again: the order of the
        snapshots is the order of their epochs.

        Args:
            read: The function that reads the group and its lists.

        Returns:
            The snapshot; :attr:`facts` are those after it.
        """
        facts = before = await self.load()
        snapshot = await read()
        while not await self._write(observe(facts, snapshot, self.digest, before=before)):
            facts = await self.load()
            if facts.epoch != before.epoch:
                before, snapshot = facts, await read()
        return snapshot

    async def begin(self, plan_id: str, rounds: Mapping[str, int]) -> None:
        """Record that a plan begins, with the intents to invite people, by key."""
        while True:
            plan = {**_old_plans(self._loaded.records), PLAN + plan_id: str(self.facts.epoch)}
            if await self._write(intend(self.facts, rounds), plan):
                return
            await self.load()

    async def say(self, users: Mapping[str, int]) -> None:
        """Record which user an address belongs to, by digest, as a list has said it."""
        while True:
            loaded = self._loaded
            updates: Updates = {}
            for digest, user_id in users.items():
                known = _read_link(loaded.links, LINK + digest)
                if known.said != (user_id,) and user_id not in known.shown:
                    updates[LINK + digest] = _text(evolve(known, said=(user_id,)))
            links = await self._set(LINKS, loaded.links, updates)
            if links is not None:
                self._loaded = _Loaded(loaded.records, links, _read_facts(loaded.records, links))
                return
            await self.load()

    async def learn(self, key: str, result: InviteResult, *, epoch: int) -> None:
        """Record what the response to an invitation teaches."""
        await self._change(lambda facts: learn(facts, key, result, epoch=epoch))

    async def settle(self, key: str, fact: InvitationFact | None) -> None:
        """Replace the intent to invite a person, if it is still one, by what is known."""

        def changes(facts: GroupFacts) -> FactChanges:
            current = facts.invited.get(key)
            is_intent = current is not None and current.state is IntentState.INVITING
            return FactChanges(epoch=facts.epoch, invited={key: fact} if is_intent else {})

        await self._change(changes)

    async def _change(self, change: Callable[[GroupFacts], FactChanges]) -> None:
        while not await self._write(change(self.facts)):
            await self.load()

    async def _write(
        self,
        changes: FactChanges,
        more: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        """Write changes of the loaded facts; ``False`` if the records have changed since."""
        loaded = self._loaded
        # The links first: if the process ends in between, nothing else refers to them.
        links = await self._set(LINKS, loaded.links, _link_updates(loaded.links, changes))
        if links is None:
            return False
        updates = {**_fact_updates(loaded.facts, changes), **more}
        records = await self._set(self._namespace, loaded.records, updates)
        if records is None:
            return False
        self._loaded = _Loaded(records, links, loaded.facts.apply(changes))
        return True

    async def _set(self, namespace: str, records: Records, updates: Updates) -> Records | None:
        """Set records, and return all of them; ``None`` if one has changed since."""
        if not updates:
            return records
        updates = {**_header(self._key, self._server), **updates}
        expected = {name: records.get(name) for name in updates}
        if not await self._store.compare_and_set(namespace, updates, expected=expected):
            return None
        merged = {**records, **updates}
        return {name: text for name, text in merged.items() if text is not None}


async def read_snapshot(arena: ArenaClient, group: GroupRef) -> SyncSnapshot:
    """Read a group, its invitations and its members, in the background.

    Args:
        arena: The client.
        group: The group.

    Returns:
        The snapshot.

    Raises:
        SyncPermissionError: The token's user may not manage members and invitations, and so would
            see only a part of them.
    """
    arena = in_background(arena)
    own = await arena.me()
    found = await arena.groups.get(group)
    if not (found.can.manage_members and found.can.manage_invitations):
        raise SyncPermissionError(
            f"the token's user may not manage the members and invitations of {found.slug}, and"
            " sees only a part of them: use the token of somebody who may"
        )
    # In this order, a person who accepts in between is in both lists instead of neither.
    invitations = [each async for each in arena.groups.invitations(found.id, confirm=True)]
    members = [each async for each in arena.groups.members(found.id, confirm=True)]
    again = invitations
    if any(each.invitee is None for each in invitations):
        again = [each async for each in arena.groups.invitations(found.id)]
    pending = {each.id: each for each in (*invitations, *again)}
    return SyncSnapshot(
        own_id=own.id,
        own_email=own.email,
        group=found,
        invitations=tuple(pending.values()),
        members=tuple(members),
        still_pending=frozenset(each.id for each in again),
    )


async def link(
    email: str,
    user: UserRef,
    *,
    store: Store,
    arena: ArenaClient | None = None,
    key: str | bytes | None = None,
) -> int:
    """Remember that an address belongs to a user, so that plans know the member by it.

    It replaces what this function said about the address before. What the API has shown stays:
    if it differs, both users count as the person.

    Args:
        email: The address. Only its digest is stored.
        user: The user, by id, slug or URL, or a model of it.
        store: The store of the plans.
        arena: The client; needed for a slug or URL, to look the id up.
        key: The key of the digests; by default ``ARENA_SYNC_KEY``, or a private file.

    Returns:
        The id of the user.

    Raises:
        ValueError: ``email`` is not an address, ``key`` is too short, or a user is named by slug
            without ``arena``.
        SyncError: The store belongs to another key, or to another server than that of ``arena``.
        StoreError: The store cannot be read or written.
    """
    sync_key = try_find_sync_key(key)
    problem = address_problem(email)
    digest = "" if problem or isinstance(sync_key, Exception) else sync_key.digest(mailbox(email))
    del email, key  # the traceback of an error shows what this frame has
    if isinstance(sync_key, Exception):
        raise sync_key
    if problem:
        del user  # it may be the address
        raise ValueError(f"email {problem}")
    check_store(store)
    user_id = await _find_user_id(UserReference(user), arena)
    server = None if arena is None else arena.base_url
    while True:
        records = await store.read(LINKS)
        _check_records(records, sync_key, server)
        name = LINK + digest
        text = _text(evolve(_read_link(records, name), said=(user_id,)))
        updates = {**_header(sync_key, server), name: text}
        expected = {each: records.get(each) for each in updates}
        if await store.compare_and_set(LINKS, updates, expected=expected):
            return user_id


async def _find_user_id(user: UserReference, arena: ArenaClient | None) -> int:
    if isinstance(user.name, int):
        return user.name
    if arena is None:
        raise ValueError("a user by slug or URL needs arena=, to look the id up; or pass the id")
    return (await arena.users.get(user.name)).id


def _header(key: SyncKey, server: str | None) -> Updates:
    """Return the records that say whose the others are; without a server if none is known."""
    header: Updates = {VERSION: CURRENT_VERSION, KEY: key.fingerprint}
    return header if server is None else {**header, SERVER: server}


def _check_records(records: Records, key: SyncKey, server: str | None) -> None:
    version = records.get(VERSION, CURRENT_VERSION)
    if version != CURRENT_VERSION:
        raise StoreError(
            f"what the store remembers has version {version}, and this version of arena-groups"
            f" reads version {CURRENT_VERSION}: upgrade arena-groups, or use another store"
        )
    if records.get(KEY, key.fingerprint) != key.fingerprint:
        raise SyncError(
            "the store was written with another key, so nobody in it would be recognized:"
            " set ARENA_SYNC_KEY to the earlier key, or use another store"
        )
    if server is not None and (known := records.get(SERVER, server)) != server:
        raise SyncError(
            f"the store is about people of {known}, and their ids mean others at {server}:"
            " use another store"
        )


def _read_facts(records: Records, links: Records) -> GroupFacts:
    facts = GroupFacts(
        epoch=_parse(records.get(EPOCH, "0"), int, EPOCH),
        members={
            _parse(name, int, MEMBER): _parse(text, MemberFact, MEMBER)
            for name, text in _named(records, MEMBER)
        },
        invited={
            _invited_key(name): _parse(text, InvitationFact, INVITED)
            for name, text in _named(records, INVITED)
        },
        links={name: _read_link(links, LINK + name).ids for name, _ in _named(links, LINK)},
        slugs={name: _parse(text, tuple[int, ...], SLUG) for name, text in _named(records, SLUG)},
    )
    # With a lower epoch, members who come now would look as if they had been there before.
    if facts.latest_epoch > facts.epoch:
        raise _damaged(EPOCH)
    return facts


def _invited_key(name: str) -> str:
    is_user = name.startswith(USER)
    return user_key(_parse(name.removeprefix(USER), int, INVITED)) if is_user else name


def _fact_updates(facts: GroupFacts, changes: FactChanges) -> Updates:
    updates: Updates = {f"{MEMBER}{key}": _text(fact) for key, fact in changes.members.items()}
    for key, fact in changes.invited.items():
        updates[INVITED + key] = None if fact is None else _text(fact)
    for slug, ids in changes.slugs.items():
        updates[SLUG + slug] = _text([*facts.slugs.get(slug, ()), *ids])
    if changes.epoch != facts.epoch:
        updates[EPOCH] = str(changes.epoch)
    return updates


def _link_updates(records: Records, changes: FactChanges) -> Updates:
    updates: Updates = {}
    for digest, ids in changes.links.items():
        known = _read_link(records, LINK + digest)
        shown = tuple(dict.fromkeys([*known.shown, *ids]))
        updates[LINK + digest] = _text(evolve(known, shown=shown))
    return updates


def _old_plans(records: Records) -> Updates:
    """Return the updates that forget all but the last plans."""
    epochs = {PLAN + name: _parse(text, int, PLAN) for name, text in _named(records, PLAN)}
    return dict.fromkeys(sorted(epochs, key=lambda name: epochs[name])[:-MAX_PLANS], None)


def _named(records: Records, prefix: str) -> Iterable[tuple[str, str]]:
    """Return the records of a kind, by name without its prefix."""
    return [
        (name.removeprefix(prefix), text)
        for name, text in records.items()
        if name.startswith(prefix)
    ]


def _read_link(records: Records, name: str) -> AddressLink:
    return _parse(records[name], AddressLink, LINK) if name in records else AddressLink()


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _parse(text: str, kind: type[T], what: str) -> T:
    with suppress(msgspec.MsgspecError, ValueError):
        return msgspec.json.decode(text, type=kind)
    # Outside of the handler, as the cause shows the record.
    raise _damaged(what)


def _damaged(what: str) -> StoreError:
    return StoreError(f"a record {what} in the store is damaged: use another store")


set_public_module(globals(), ["link"], "arena_groups.reconcile")
