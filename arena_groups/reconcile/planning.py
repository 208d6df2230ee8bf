"""Planning of a sync: reads the list, the group and what is remembered, and makes the plan."""

import math
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import uuid4

from attrs import evolve, fields, frozen

from arena_groups._api import GroupRef, GroupReference
from arena_groups._arguments import check_flag, check_instance, check_range
from arena_groups._client import ArenaClient, in_background
from arena_groups._exports import set_public_module
from arena_groups.errors import NotFoundError
from arena_groups.models import EmbeddedGroup, EmbeddedUser
from arena_groups.reconcile.desired import (
    DesiredLike,
    DesiredRow,
    Person,
    embedded_user,
    listed_positions,
    merge_rows,
    read_rows,
)
from arena_groups.reconcile.facts import SyncSnapshot
from arena_groups.reconcile.last_seen import record_snapshot
from arena_groups.reconcile.memory import GroupMemory, read_snapshot
from arena_groups.reconcile.plan import SyncPlan
from arena_groups.reconcile.planner import PlanSettings, make_plan
from arena_groups.reconcile.sync_key import SyncKey, try_find_sync_key
from arena_groups.stores import MemoryStore, Store
from arena_groups.stores.base import check_store

__all__ = ["plan_sync"]

ALL: Final = "all"

People = Iterable[DesiredLike] | AsyncIterable[DesiredLike]


async def plan_sync(
    arena: ArenaClient,
    group: GroupRef,
    desired: People,
    *,
    store: Store | None = None,
    key: str | bytes | None = None,
    add_only: bool = False,
    remove_only: bool = False,
    max_removals: float = 0.25,
    keep: People = (),
    reinvite: Literal["all"] | People = (),
) -> SyncPlan:
    """Plan how to bring a group in step with a list of people. The group is not changed.

    A member has no address in the API. So an address is known to belong to a member only if an
    earlier response showed it, or a row names both. As long as it is not known whether a member
    or an invitation belongs to a desired address, they are ``held``: neither removed nor revoked.

    Nobody is invited twice. Who has a pending invitation is kept, and who has left, was removed,
    or did not accept is skipped, unless ``reinvite`` names them. The owner of the group and the
    token's user are always kept.

    With a ``store``, what a plan sees is remembered for later plans, under digests of the
    addresses; also if the plan is not applied.

    Args:
        arena: The client. Its token's user needs the right to manage members and invitations. Its
            calls are in the background, unless it is a view with ``priority="foreground"``.
        group: The group, by slug, id or URL, or a model of it.
        desired: The people who should be in the group: what ``invite_many`` takes, and rows: a
            :class:`DesiredPerson`, or a dict with ``email``, ``user_id`` or ``user``, and ``note``.
            It is read to its end before anything is requested.
        store: Where people are remembered. Applying a plan that invites addresses needs one.
        key: The key of the digests, at least 16 bytes; by default ``ARENA_SYNC_KEY``, or a
            private file. It is not used without a store.
        add_only: Only invite. Removes and revokes nothing.
        remove_only: Only remove and revoke. Invites nobody.
        max_removals: The largest number of removals and revocations, or as a float the largest
            fraction of members and pending invitations together. One is always within a fraction
            above 0. What is held counts too, except that of those that wait for a link only as
            many count as are more than the people whom they may be. A plan above it cannot be
            applied.
        keep: People who are never removed and whose invitations are not revoked.
        reinvite: People who are invited although they were before, or ``"all"``.

    Returns:
        The plan.

    Raises:
        ValueError: ``desired`` is empty, or has rows of a roster without the pending invitations
            (``pending_visible`` is false) and ``add_only`` is not set; a list has an invalid or
            unknown person, or gives one address to different users (the message has the
            positions); or another argument is out of range.
        TypeError: An argument has the wrong type.
        SyncPermissionError: The token's user may not manage members and invitations.
        SyncError: The store belongs to another key, or to another server.
        StoreError: The store cannot be read or written.
    """
    reference = GroupReference(group)
    given = {"desired": desired, "keep": keep, "reinvite": () if _is_all(reinvite) else reinvite}
    lists, is_all = _Given(given), _is_all(reinvite)
    sync_key = try_find_sync_key(key) if store is not None or key is not None else SyncKey.random()
    del group, desired, key, keep, reinvite, given  # a traceback shows what this frame has
    if not isinstance(sync_key, SyncKey):
        raise sync_key
    check_instance(arena, "arena", ArenaClient)
    name = reference.name
    check_store(store)
    settings = _checked_settings(add_only, remove_only, max_removals)
    rows = await _read(lists, add_only=settings.add_only)
    del lists
    if not isinstance(rows, Mapping):
        raise rows
    found = await in_background(arena).groups.get(name)
    used = MemoryStore() if store is None else store
    memory = GroupMemory(used, found.id, sync_key, server=arena.base_url)
    snapshot = await memory.observe(lambda: read_snapshot(arena, found.id))
    await record_snapshot(store, snapshot)
    users = await _find_users(arena, rows, snapshot, memory.facts.slugs)
    people = _merge(rows, users)
    if not isinstance(people, Mapping):
        raise people
    settings = evolve(settings, keep=people["keep"], reinvite=ALL if is_all else people["reinvite"])
    return SyncPlan(
        id=uuid4().hex,
        server=arena.base_url,
        group=_embedded_group(snapshot.group),
        created_at=datetime.now(UTC),
        actions=make_plan(people["desired"], snapshot, memory.facts, settings, memory.digest),
        settings=settings,
        people=people["desired"],
        member_count=len(snapshot.members),
        pending_count=len(snapshot.invitations),
        arena=arena,
        store=store,
        key=sync_key,
    )


@frozen(repr=False)
class _Given:
    """Lists as they were given, by argument. The ``repr`` hides them."""

    lists: Mapping[str, object]


@frozen(repr=False)
class _Users:
    """Users whom rows name by slug.

    Attributes:
        ids: The ids; ``None`` for an unknown user.
        users: The users who were found.
        reassigned: The slugs that other users had before.
    """

    ids: Mapping[str, int | None]
    users: Mapping[str, EmbeddedUser]
    reassigned: frozenset[str]


Rows = Mapping[str, Sequence[DesiredRow]]


def _is_all(reinvite: object) -> bool:
    return isinstance(reinvite, str) and str.__str__(reinvite) == ALL


def _checked_settings(add_only: object, remove_only: object, max_removals: object) -> PlanSettings:
    adds, removes = check_flag(add_only, "add_only"), check_flag(remove_only, "remove_only")
    if adds and removes:
        raise ValueError("add_only and remove_only exclude each other: pass one of them")
    check_instance(max_removals, "max_removals", int | float)
    if not isinstance(max_removals, float):
        number: float = check_range(max_removals, "max_removals", 0)
    elif math.isnan(max_removals) or not 0 <= max_removals <= 1:
        raise ValueError(
            f"max_removals must be an int, or a fraction from 0.0 to 1.0, not {max_removals}"
        )
    else:
        number = float(max_removals)
    return PlanSettings(add_only=adds, remove_only=removes, max_removals=number)


async def _read(given: _Given, *, add_only: bool) -> Rows | ValueError | TypeError:
    """Read all lists to their ends."""
    rows: dict[str, Sequence[DesiredRow]] = {}
    for what in given.lists:
        found = await read_rows(given.lists[what], what)
        if not isinstance(found, list):
            return found
        contradiction = merge_rows([row for row in found if row.slug is None], {}, what)
        if isinstance(contradiction, ValueError):
            return contradiction
        rows[what] = found
    if not rows["desired"]:
        return ValueError("desired is empty: nobody would stay in the group. Check the list")
    if not add_only and not all(row.pending_visible for row in rows["desired"]):
        return ValueError(
            "desired is a roster without the pending invitations, which would all be revoked: take"
            " it as somebody who may manage invitations, or pass add_only=True"
        )
    return rows


async def _find_users(
    arena: ArenaClient,
    rows: Rows,
    snapshot: SyncSnapshot,
    earlier: Mapping[str, tuple[int, ...]],
) -> _Users:
    """Find the users whom rows name by slug: in the lists, by a request, by an earlier slug."""
    invitees = [each.invitee for each in snapshot.invitations if each.invitee is not None]
    listed = {each.slug: each for each in (*invitees, *snapshot.members)}
    ids: dict[str, int | None] = {}
    users: dict[str, EmbeddedUser] = {}
    for slug in dict.fromkeys(row.slug for each in rows.values() for row in each if row.slug):
        user: EmbeddedUser | None = listed.get(slug)
        if user is None:
            try:
                user = await in_background(arena).users.get(slug)
            except NotFoundError:
                known = earlier.get(slug, ())
                ids[slug] = known[0] if len(known) == 1 else None
                continue
        ids[slug] = user.id
        users[slug] = embedded_user(user)
    reassigned = frozenset(slug for slug in users if set(earlier.get(slug, ())) - {ids[slug]})
    return _Users(ids, users, reassigned)


def _merge(rows: Rows, users: _Users) -> Mapping[str, tuple[Person, ...]] | ValueError:
    """Return the people of all lists, or an error if a user is unknown or rows contradict."""
    people: dict[str, tuple[Person, ...]] = {}
    known = {slug: number for slug, number in users.ids.items() if number is not None}
    for what, each in rows.items():
        unknown = [row.position for row in each if row.slug and row.slug not in known]
        if unknown:
            return ValueError(f"{what} names users who do not exist: {listed_positions(unknown)}")
        reassigned = [row.position for row in each if row.slug in users.reassigned]
        if reassigned:
            return ValueError(
                f"{what} names users by slugs that others had before, at"
                f" {listed_positions(reassigned)}: use their ids"
            )
        named = [evolve(row, user=row.user or users.users.get(row.slug or "")) for row in each]
        found = merge_rows(named, known, what)
        if not isinstance(found, list):
            return found
        people[what] = tuple(found)
    return people


def _embedded_group(group: EmbeddedGroup) -> EmbeddedGroup:
    names = [each.name for each in fields(EmbeddedGroup)]
    return EmbeddedGroup(**{name: getattr(group, name) for name in names})


set_public_module(globals(), __all__)
