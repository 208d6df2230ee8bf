"""What ``arena-groups groups`` does."""

from collections.abc import Callable

from arena_groups import Group, GroupSort
from arena_groups._types import UNSET, Unset
from arena_groups.cli.connect import connected, needs_token
from arena_groups.cli.prompts import confirm, require_answer
from arena_groups.cli.records import Change
from arena_groups.cli.results import (
    counted,
    gather,
    write_all,
    write_each,
    write_one,
)
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import CHANGES, CONTENTS, FOLLOWERS, GROUPS

ORDERS: dict[str, tuple[Callable[[Group], object], bool]] = {
    "name": (lambda group: group.name.casefold(), False),
    "newest": (lambda group: group.created_at, True),
    "oldest": (lambda group: group.created_at, False),
    "updated": (lambda group: group.updated_at, True),
}
CONTENT_SORTS = {
    "newest": None,
    "oldest": "created_at_asc",
    "updated": "updated_at_desc",
}
FOLLOWER_SORTS = {"newest": None, "oldest": "created_at_asc"}


async def list_groups(settings: Settings, user: str | None, sort: str) -> None:
    """Write the groups of a user, or of the token's own."""
    async with connected(settings) as arena:
        if user is None:
            needs_token(settings)
        owner = user or (await arena.me()).id
        # In this order the walk misses nothing, whatever changes meanwhile.
        walk = arena.users.groups(owner, sort=GroupSort.CREATED_AT_DESC)
        groups = await gather(settings, walk)
    key, descending = ORDERS[sort]
    groups.sort(key=key, reverse=descending)  # type: ignore[arg-type]
    write_each(settings, GROUPS, groups, ("group", "groups"))


async def show_group(settings: Settings, group: str) -> None:
    """Write one group."""
    async with connected(settings) as arena:
        write_one(settings, GROUPS, await arena.groups.get(group))


async def create_group(
    settings: Settings, name: str, description: str | None, avatar_url: str | None
) -> None:
    """Create a group, and write it."""
    async with connected(settings) as arena:
        made = await arena.groups.create(name, description=description, avatar_url=avatar_url)
        write_one(settings, GROUPS, made)


async def update_group(
    settings: Settings,
    group: str,
    *,
    name: str | None,
    description: str | Unset | None,
    avatar_url: str | None,
) -> None:
    """Change a group, and write it as it is then."""
    async with connected(settings) as arena:
        changed = await arena.groups.update(
            group,
            name=UNSET if name is None else name,
            description=description,
            avatar_url=UNSET if avatar_url is None else avatar_url,
        )
        write_one(settings, GROUPS, changed)


async def delete_group(settings: Settings, group: str) -> None:
    """Delete a group, after asking, and write that it is gone."""
    require_answer(settings)
    async with connected(settings) as arena:
        number, what = None, group
        if not settings.yes:
            found = await arena.groups.get(group)
            number, what = found.id, found.slug
            confirm(settings, f"Delete {found.name} for good?", [_loss(found)])
        # By id where it is known: the slug may be another group's by now.
        await arena.groups.delete(number or group)
    write_one(settings, CHANGES, Change(outcome="deleted", type="Group", id=number, what=what))


async def list_contents(
    settings: Settings, group: str, *, sort: str, kind: str | None, limit: int | None
) -> None:
    """Write a group's blocks and channels as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.contents(group, sort=CONTENT_SORTS[sort], type=kind)
        await write_all(settings, CONTENTS, items, ("item", "items"), limit=limit)


async def list_followers(settings: Settings, group: str, *, sort: str, limit: int | None) -> None:
    """Write the people who follow a group as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.followers(group, sort=FOLLOWER_SORTS[sort])
        await write_all(settings, FOLLOWERS, items, ("follower", "followers"), limit=limit)


def _loss(group: Group) -> str:
    return (
        f"{group.name} ({group.slug}), since {group.created_at.date()}: "
        f"{counted(group.counts.users, ('person', 'people'))}, "
        f"{counted(group.counts.channels, ('channel', 'channels'))}"
    )
