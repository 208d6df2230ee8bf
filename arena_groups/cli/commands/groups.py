"""``arena-groups groups``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, needs_token
from arena_groups.cli.main import CommandGroup, example, help_without_command, wait_for
from arena_groups.cli.options import (
    Settings,
    common_options,
    group_argument,
    limit_option,
    sort_option,
)
from arena_groups.cli.prompts import confirm, require_answer

if TYPE_CHECKING:
    from arena_groups import Unset

# ruff: noqa: PLC0415 - help loads nothing that takes time

KINDS = ("Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block")
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


@example("All that is in a group, for a spreadsheet", "groups contents GROUP --format csv")
@example("Which groups am I in?", "groups list")
@click.group("groups", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Look at groups and look after your own."""
    help_without_command(context)


@example("Those of somebody else, newest first", "groups list --user SLUG --sort newest")
@example("Your own groups and those you belong to", "groups list")
@command.command("list")
@click.option("--user", metavar="USER", help="Somebody else's, by slug or id.")
@sort_option("name", "newest", "oldest", "updated", default="name")
@common_options
@click.pass_obj
def list_(settings: Settings, user: str | None, sort: str) -> None:
    """List the groups that you own or belong to."""
    wait_for(settings, list_groups(settings, user, sort))


async def list_groups(settings: Settings, user: str | None, sort: str) -> None:
    """Write the groups of a user, or of the token's own."""
    async with connected(settings) as arena:
        if user is None:
            needs_token(settings)
        owner = user or (await arena.me()).id
        # In this order the walk misses nothing, whatever changes meanwhile.
        walk = arena.users.groups(owner, sort=arena_groups.GroupSort.CREATED_AT_DESC)
        groups = await output.gather(settings, walk)
    key, descending = ORDERS[sort]
    groups.sort(key=key, reverse=descending)  # type: ignore[arg-type]
    output.write_each(settings, output.GROUPS, groups, ("group", "groups"))


@example("Its id, whatever its slug is", "groups show GROUP --format json | jq .id")
@example("Who owns it, and what may I do with it?", "groups show GROUP")
@command.command("show")
@group_argument
@common_options
@click.pass_obj
def show(settings: Settings, group: str) -> None:
    """Show GROUP, a slug or an id."""
    wait_for(settings, show_group(settings, group))


async def show_group(settings: Settings, group: str) -> None:
    """Write one group."""
    async with connected(settings) as arena:
        output.write_one(settings, output.GROUPS, await arena.groups.get(group))


@example("A new group", 'groups create "Research Studio" --description "We meet on *Mondays*."')
@command.command("create")
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What it is for; may be Markdown.")
@click.option("--avatar-url", metavar="URL", help="Where to fetch its image from.")
@common_options
@click.pass_obj
def create(settings: Settings, name: str, description: str | None, avatar_url: str | None) -> None:
    """Create a group of your own called NAME, and show it."""
    wait_for(settings, create_group(settings, name, description, avatar_url))


async def create_group(
    settings: Settings, name: str, description: str | None, avatar_url: str | None
) -> None:
    """Create a group, and write it."""
    async with connected(settings) as arena:
        made = await arena.groups.create(name, description=description, avatar_url=avatar_url)
        output.write_one(settings, output.GROUPS, made)


@example("Without a description", "groups update GROUP --no-description")
@example("Another name, and so another slug", 'groups update GROUP --name "Reading Room"')
@command.command("update")
@group_argument
@click.option("--name", metavar="NAME", help="Another name. The slug changes with it.")
@click.option("--description", metavar="TEXT", help="Another description; may be Markdown.")
@click.option("--no-description", is_flag=True, help="Remove the description.")
@click.option("--avatar-url", metavar="URL", help="Where to fetch another image from.")
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
    """Change GROUP, a slug or an id, and show it as it is then."""
    if no_description and description is not None:
        raise click.UsageError("--description and --no-description exclude each other")
    if name is None and description is None and avatar_url is None and not no_description:
        raise click.UsageError("say what to change")
    from arena_groups._types import UNSET

    cleared = None if no_description else UNSET
    work = update_group(
        settings,
        group,
        name=name,
        description=cleared if description is None else description,
        avatar_url=avatar_url,
    )
    wait_for(settings, work)


async def update_group(
    settings: Settings,
    group: str,
    *,
    name: str | None,
    description: str | Unset | None,
    avatar_url: str | None,
) -> None:
    """Change a group, and write it as it is then."""
    from arena_groups._types import UNSET

    async with connected(settings) as arena:
        changed = await arena.groups.update(
            group,
            name=UNSET if name is None else name,
            description=description,
            avatar_url=UNSET if avatar_url is None else avatar_url,
        )
        output.write_one(settings, output.GROUPS, changed)


@example("Delete a group, after a look at what is lost", "groups delete GROUP")
@command.command("delete")
@group_argument
@common_options
@click.pass_obj
def delete(settings: Settings, group: str) -> None:
    """Delete GROUP, a slug or an id, for good."""
    wait_for(settings, delete_group(settings, group))


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
    output.write_one(
        settings,
        output.CHANGES,
        output.Change(outcome="deleted", type="Group", id=number, what=what),
    )


@example("What was changed last", "groups contents GROUP --sort updated --limit 10")
@example("The channels only", "groups contents GROUP --type Channel")
@command.command("contents")
@group_argument
@click.option("--type", "kind", type=click.Choice(KINDS), help="One kind; Block: all but channels.")
@sort_option("newest", "oldest", "updated", default="newest")
@limit_option
@common_options
@click.pass_obj
def contents(
    settings: Settings, *, group: str, kind: str | None, sort: str, limit: int | None
) -> None:
    """List the blocks and channels of GROUP, a slug or an id."""
    wait_for(settings, list_contents(settings, group, sort=sort, kind=kind, limit=limit))


async def list_contents(
    settings: Settings, group: str, *, sort: str, kind: str | None, limit: int | None
) -> None:
    """Write a group's blocks and channels as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.contents(group, sort=CONTENT_SORTS[sort], type=kind)
        await output.write_all(settings, output.CONTENTS, items, ("item", "items"), limit=limit)


@example("Who follows a group", "groups followers GROUP")
@command.command("followers")
@group_argument
@sort_option("newest", "oldest", default="newest")
@limit_option
@common_options
@click.pass_obj
def followers(settings: Settings, *, group: str, sort: str, limit: int | None) -> None:
    """List the people who follow GROUP, a slug or an id."""
    wait_for(settings, list_followers(settings, group, sort=sort, limit=limit))


async def list_followers(settings: Settings, group: str, *, sort: str, limit: int | None) -> None:
    """Write the people who follow a group as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.followers(group, sort=FOLLOWER_SORTS[sort])
        await output.write_all(
            settings, output.FOLLOWERS, items, ("follower", "followers"), limit=limit
        )


def _loss(group: arena_groups.Group) -> str:
    return (
        f"{group.name} ({group.slug}), since {group.created_at.date()}: "
        f"{output.counted(group.counts.users, ('person', 'people'))}, "
        f"{output.counted(group.counts.channels, ('channel', 'channels'))}"
    )
