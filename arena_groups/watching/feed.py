"""Notifications of the token's user, which say who added a member to a group."""

import logging
from collections.abc import Sequence
from typing import Final, cast

from attrs import evolve, frozen

from arena_groups._api.plain_data import from_dict
from arena_groups._client import ArenaClient
from arena_groups.errors import (
    ArenaError,
    AuthenticationError,
    ClientStateError,
    DecodeError,
)
from arena_groups.models import EmbeddedUser
from arena_groups.watching.events import MemberJoined, WatchEvent

__all__ = ["FeedPage", "Notification", "NotificationFeed", "name_adders"]

ROUTE: Final = "/v3/me/notifications"
LIMIT: Final = 100
ADDED: Final = "added_user_to_group"

logger = logging.getLogger("arena_groups")


@frozen
class Notification:
    """One notification. Its subjects are JSON objects of many types, or null."""

    id: int
    kind: str
    actor: object
    item: object
    target: object


@frozen
class FeedPage:
    """The newest notifications, newest first."""

    data: list[Notification]

    @property
    def newest(self) -> int:
        """Id of the newest notification; 0 if there is none."""
        return max((each.id for each in self.data), default=0)


class NotificationFeed:
    """Reader of the newest notifications. An unchanged page is answered with an empty 304."""

    def __init__(self, arena: ArenaClient) -> None:
        self._arena = arena

    async def read(self) -> FeedPage | None:
        """Return the newest notifications; ``None`` if they cannot be read, which is logged.

        Raises:
            AuthenticationError: The token is not valid.
            ClientStateError: The client cannot be used.
        """
        try:
            return await self._arena.request("GET", ROUTE, query={"limit": LIMIT}, returns=FeedPage)
        except (AuthenticationError, ClientStateError):
            raise
        except ArenaError as error:
            logger.warning("who added members is not known: the notifications failed: %s", error)
            return None


def name_adders(
    events: Sequence[WatchEvent], page: FeedPage, *, after: int
) -> tuple[list[WatchEvent], dict[str, int]]:
    """Return the events, with those who added the new members as far as notifications say.

    Args:
        events: The events of one group.
        page: The newest notifications.
        after: Id of the newest notification that an earlier event has used. It and older ones are
            of earlier memberships.

    Returns:
        The events, and the ids of the notifications that were used, by the keys of their events.
    """
    new = [each for each in page.data if each.id > after and each.kind == ADDED]
    named: list[WatchEvent] = []
    used: dict[str, int] = {}
    for event in events:
        found = _addition(event, new) if isinstance(event, MemberJoined) else None
        if found is None or not isinstance(event, MemberJoined):
            named.append(event)
            continue
        named.append(evolve(event, added_by=_adder(event, found)))
        used[event.key] = found.id
    return named, used


def _addition(event: MemberJoined, notifications: Sequence[Notification]) -> Notification | None:
    """Return the newest notification about the addition of a member."""
    for each in notifications:
        is_of_member = _is(each.item, "User", event.member.id)
        if is_of_member and _is(each.target, "Group", event.group.id):
            return each
    return None


def _adder(event: MemberJoined, addition: Notification) -> EmbeddedUser | None:
    actor = _as_user(addition.actor)
    # Somebody who joined without help is the actor, too.
    return None if actor is None or actor.id == event.member.id else actor


def _is(subject: object, kind: str, number: int) -> bool:
    return _value(subject, "type") == kind and _value(subject, "id") == number


def _value(subject: object, name: str) -> object:
    return cast("dict[str, object]", subject).get(name) if isinstance(subject, dict) else None


def _as_user(actor: object) -> EmbeddedUser | None:
    if _value(actor, "type") != "User":
        return None
    try:
        return from_dict(EmbeddedUser, cast("dict[str, object]", actor))
    except DecodeError:
        return None
