"""What lists contain, for whom, and in which order."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from arena_groups.sandbox.entities import Block, Channel, Content, Group, Person
from arena_groups.sandbox.rules import is_owner, may_see
from arena_groups.sandbox.state import World
from arena_groups.sandbox.validate import choice

_T = TypeVar("_T", Content, Group)

_TIMES = ("created_at_desc", "created_at_asc", "updated_at_desc", "updated_at_asc")
CONTENT_SORTS = _TIMES
GROUP_SORTS = ("name_asc", "name_desc", *_TIMES)
FOLLOWER_SORTS = ("created_at_desc", "created_at_asc")
CONTENT_TYPES = ("Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block")


def members(world: World, group: Group, *, viewer: Person | None) -> list[Person]:
    """The owner, then the members, newest first. Accounts not confirmed: for the owner only."""
    newest_first = [world.people[each] for each in reversed(group.members)]
    everyone = is_owner(group, viewer)
    shown = [person for person in newest_first if everyone or person.confirmed]
    return [world.people[group.owner_id], *shown]


def followers(world: World, group: Group, *, newest_first: bool) -> list[Person]:
    """The group's followers by the time they began to follow it."""
    ids = reversed(group.followers) if newest_first else iter(group.followers)
    return [world.people[each] for each in ids]


def newest_first(query: Mapping[str, str]) -> bool:
    """Whether a list of followers is wanted newest first."""
    return choice(query, "sort", FOLLOWER_SORTS) != "created_at_asc"


def contents(group: Group, *, viewer: Person | None) -> list[Content]:
    """The contents that this person may see."""
    return [each for each in group.contents if may_see(group, each, viewer)]


def content_filter(query: Mapping[str, str]) -> Callable[[Content], bool]:
    """Which contents the `type` parameter lets through."""
    wanted = choice(query, "type", CONTENT_TYPES)

    def keep(content: Content) -> bool:
        match wanted:
            case None:
                return True
            case "Channel":
                return isinstance(content, Channel)
            case "Block":
                return isinstance(content, Block)
            case kind:
                return isinstance(content, Block) and content.kind == kind

    return keep


def content_order(query: Mapping[str, str]) -> Callable[[Iterable[Content]], list[Content]]:
    """Sorts contents as the `sort` parameter says, by default newest first."""
    sort = choice(query, "sort", CONTENT_SORTS) or "created_at_desc"
    return lambda items: _by_time(items, sort)


def group_order(query: Mapping[str, str]) -> Callable[[Iterable[Group]], list[Group]]:
    """Sorts groups as the `sort` parameter says, by default by name."""
    sort = choice(query, "sort", GROUP_SORTS) or "name_asc"
    if sort.startswith("name"):
        return lambda items: sorted(items, key=_by_name, reverse=sort == "name_desc")
    return lambda items: _by_time(items, sort)


def _by_name(group: Group) -> tuple[str, int]:
    return group.name.casefold(), group.id


def _by_time(items: Iterable[_T], sort: str) -> list[_T]:
    field, direction = sort.rsplit("_", 1)

    def moment(item: _T) -> tuple[datetime, int]:
        return (item.created_at if field == "created_at" else item.updated_at), item.id

    # A block and a channel may tie in both, so the one order is the other turned around.
    rising = sorted(items, key=moment)
    return rising if direction == "asc" else rising[::-1]
