"""The command ``arena-groups groups``: groups, their contents and their followers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, require_token
from arena_groups.cli.main import CommandGroup, example, run_async, show_help_without_command
from arena_groups.cli.options import (
    Settings,
    as_user,
    common_options,
    group_argument,
    limit_option,
    sort_option,
)

if TYPE_CHECKING:
    from arena_groups import Unset

# ruff: noqa: PLC0415 - keeps --help fast

CONTENT_TYPES = ("Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block")
ORDERS: dict[str, tuple[Callable[[arena_groups.Group], object], bool]] = {
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


@example("Export the contents of a group as CSV", "groups contents GROUP --format csv")
@example("List your groups", "groups list")
@click.group("groups", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """List, create, change and delete groups."""
    show_help_without_command(context)


@example("List another user's groups, newest first", "groups list --user SLUG --sort newest")
@example("List the groups that you own or belong to", "groups list")
@command.command("list")
@click.option(
    "--user",
    metavar="USER",
    callback=as_user,
    help="List the groups of another user, by slug, id or URL.",
)
@sort_option("name", "newest", "oldest", "updated", default="name")
@common_options
@click.pass_obj
def list_(settings: Settings, user: str | None, sort: str) -> None:
    """List the groups that you own or belong to."""
    run_async(settings, list_groups(settings, user, sort))


async def list_groups(settings: Settings, user: str | None, sort: str) -> None:
    """Write the groups of a user; ``None`` is the user of the token."""
    async with connected(settings) as arena:
        if user is None:
            require_token(settings)
        owner = user or (await arena.me()).id
        # In this order no group is missed if the list changes meanwhile.
        walk = arena.users.groups(owner, sort=arena_groups.GroupSort.CREATED_AT_DESC)
        groups = await output.collect(settings, walk)
    key, descending = ORDERS[sort]
    groups.sort(key=key, reverse=descending)  # type: ignore[arg-type]
    output.write_each(settings, output.GROUPS, groups, ("group", "groups"))


@example("Print the id of a group", "groups show GROUP --format json | jq .id")
@example("Show the owner, the counts and your permissions", "groups show GROUP")
@command.command("show")
@group_argument
@common_options
@click.pass_obj
def show(settings: Settings, group: str) -> None:
    """Show GROUP, a slug, an id or a URL."""
    run_async(settings, show_group(settings, group))


async def show_group(settings: Settings, group: str) -> None:
    """Write one group."""
    async with connected(settings) as arena:
        output.write_one(settings, output.GROUPS, await arena.groups.get(group))


@example("Create a group", 'groups create "Research Studio" --description "We meet on *Mondays*."')
@command.command("create")
@click.argument("name")
@click.option("--description", metavar="TEXT", help="Description, in Markdown.")
@click.option("--avatar-url", metavar="URL", help="URL of an image to copy.")
@common_options
@click.pass_obj
def create(settings: Settings, name: str, description: str | None, avatar_url: str | None) -> None:
    """Create a group called NAME, and show it."""
    run_async(settings, create_group(settings, name, description, avatar_url))


async def create_group(
    settings: Settings, name: str, description: str | None, avatar_url: str | None
) -> None:
    """Create a group, and write it."""
    async with connected(settings) as arena:
        created = await arena.groups.create(name, description=description, avatar_url=avatar_url)
        output.write_one(settings, output.GROUPS, created)


@example("Remove the description", "groups update GROUP --no-description")
@example("Rename a group, which also changes its slug", 'groups update GROUP --name "Reading Room"')
@command.command("update")
@group_argument
@click.option("--name", metavar="NAME", help="New name. Also changes the slug.")
@click.option("--description", metavar="TEXT", help="New description, in Markdown.")
@click.option("--no-description", is_flag=True, help="Remove the description.")
@click.option("--avatar-url", metavar="URL", help="URL of a new image to copy.")
@common_options
@click.pass_obj
def update(
    settings: Settings,
    *,
    group: str,
    name: str | None,
    description: str | None,
    no_description: bool,
    avatar_url: str | None,
) -> None:
    """Change GROUP, a slug, an id or a URL, and show the result."""
    if no_description and description is not None:
        raise click.UsageError("--description and --no-description cannot be combined")
    if name is None and description is None and avatar_url is None and not no_description:
        raise click.UsageError(
            "nothing to change: give --name, --description, --no-description or --avatar-url"
        )
    from arena_groups._types import UNSET

    cleared = None if no_description else UNSET
    work = update_group(
        settings,
        group,
        name=name,
        description=cleared if description is None else description,
        avatar_url=avatar_url,
    )
    run_async(settings, work)


async def update_group(
    settings: Settings,
    group: str,
    *,
    name: str | None,
    description: str | Unset | None,
    avatar_url: str | None,
) -> None:
    """Change a group, and write the result."""
    from arena_groups._types import UNSET

    async with connected(settings) as arena:
        changed = await arena.groups.update(
            group,
            name=UNSET if name is None else name,
            description=description,
            avatar_url=UNSET if avatar_url is None else avatar_url,
        )
        output.write_one(settings, output.GROUPS, changed)


@example("Delete a group, after a confirmation", "groups delete GROUP")
@command.command("delete")
@group_argument
@common_options
@click.pass_obj
def delete(settings: Settings, group: str) -> None:
    """Delete GROUP, a slug, an id or a URL. This cannot be undone."""
    run_async(settings, delete_group(settings, group))


async def delete_group(settings: Settings, group: str) -> None:
    """Delete a group, after a confirmation."""
    output.require_confirmation(settings)
    async with connected(settings) as arena:
        number, target = None, group
        if not settings.yes:
            found = await arena.groups.get(group)
            number, target = found.id, found.slug
            output.confirm(
                settings, f"Delete {found.name}? This cannot be undone.", [_summary(found)]
            )
        # By id if known: the slug could belong to another group by now.
        await arena.groups.delete(number or group)
    output.write_one(
        settings,
        output.ACTIONS,
        output.ActionRow(outcome="deleted", type="Group", id=number, target=target),
    )


@example("List the last ten changes", "groups contents GROUP --sort updated --limit 10")
@example("List only channels", "groups contents GROUP --type Channel")
@command.command("contents")
@group_argument
@click.option(
    "--type",
    "kind",
    type=click.Choice(CONTENT_TYPES),
    help="List only this type (Block: everything except channels).",
)
@sort_option("newest", "oldest", "updated", default="newest")
@limit_option
@common_options
@click.pass_obj
def contents(
    settings: Settings, *, group: str, kind: str | None, sort: str, limit: int | None
) -> None:
    """List the blocks and channels of GROUP, a slug, an id or a URL."""
    run_async(settings, list_contents(settings, group, sort=sort, kind=kind, limit=limit))


async def list_contents(
    settings: Settings, group: str, *, sort: str, kind: str | None, limit: int | None
) -> None:
    """Write the contents of a group as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.contents(group, sort=CONTENT_SORTS[sort], type=kind)
        await output.write_all(settings, output.CONTENTS, items, ("item", "items"), limit=limit)


@example("List the followers of a group", "groups followers GROUP")
@command.command("followers")
@group_argument
@sort_option("newest", "oldest", default="newest")
@limit_option
@common_options
@click.pass_obj
def followers(settings: Settings, *, group: str, sort: str, limit: int | None) -> None:
    """List the followers of GROUP, a slug, an id or a URL."""
    run_async(settings, list_followers(settings, group, sort=sort, limit=limit))


async def list_followers(settings: Settings, group: str, *, sort: str, limit: int | None) -> None:
    """Write the followers of a group as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.followers(group, sort=FOLLOWER_SORTS[sort])
        await output.write_all(
            settings, output.FOLLOWERS, items, ("follower", "followers"), limit=limit
        )


def _summary(group: arena_groups.Group) -> str:
    return (
        f"{group.name} ({group.slug}), since {group.created_at.date()}: "
        f"{output.counted(group.counts.users, ('person', 'people'))}, "
        f"{output.counted(group.counts.channels, ('channel', 'channels'))}"
    )
