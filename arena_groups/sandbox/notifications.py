"""Notifications of users: those of the seed, and of additions to groups since."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import AdditionRecord, GroupRecord, JSONObject, UserRecord
from arena_groups.sandbox.rendering import JSONRenderer, timestamp

READ_NOTIFICATIONS = 30
"""Notifications that every user has read."""
ADDED = "added_user_to_group"
_KINDS = ("followed_user", "followed_group", ADDED)


def notify_of_addition(
    backend: Backend, group: GroupRecord, actor: UserRecord, added: UserRecord
) -> None:
    """Notify the user who was added, and everybody else in the group but the actor."""
    addition = AdditionRecord(
        id=backend.next_id("notification"),
        actor_id=actor.id,
        user_id=added.id,
        group_id=group.id,
        created_at=backend.clock.now(),
    )
    for user_id in {group.owner_id, *group.members} - {actor.id}:
        backend.users[user_id].additions.append(addition)


def notifications_of(
    backend: Backend, renderer: JSONRenderer, user: UserRecord
) -> list[JSONObject]:
    """Return all notifications of a user, newest first: the unread ones, then the others."""
    return [*_additions(backend, renderer, user), *_seeded(backend, renderer, user)]


def _additions(backend: Backend, renderer: JSONRenderer, user: UserRecord) -> Iterator[JSONObject]:
    for each in reversed(user.additions):
        group = backend.groups.get(each.group_id)
        if group is not None:  # not deleted since
            yield _notification(
                each.id,
                each.created_at,
                ADDED,
                actor=renderer.embedded_user(backend.users[each.actor_id]),
                item=renderer.embedded_user(backend.users[each.user_id]),
                target=renderer.embedded_group(group),
                is_read=False,
            )


def _seeded(backend: Backend, renderer: JSONRenderer, user: UserRecord) -> Iterator[JSONObject]:
    count = user.notifications + READ_NOTIFICATIONS
    people, groups = list(backend.users.values()), list(backend.groups.values())
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        group = renderer.embedded_group(groups[number % len(groups)])
        someone = renderer.embedded_user(people[number % len(people)])
        yield _notification(
            user.id * 1000 + count - number,
            user.created_at + timedelta(hours=count - number),
            kind,
            actor=someone,
            item=group if kind == "followed_group" else someone,
            target=group if kind == ADDED else None,
            is_read=number >= user.notifications,
        )


def _notification(
    number: int,
    at: datetime,
    kind: str,
    *,
    actor: JSONObject,
    item: JSONObject,
    target: JSONObject | None,
    is_read: bool,
) -> JSONObject:
    return {
        "id": number,
        "type": "Notification",
        "created_at": timestamp(at),
        "kind": kind,
        "actor": actor,
        "item": item,
        "target": target,
        "parent": None,
        "is_read": is_read,
    }
