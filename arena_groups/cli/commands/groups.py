"""The command ``arena-groups groups``: groups, their contents and their followers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, require_token
from arena_groups.cli.main import (
    CommandGroup,
    example,
    run_async,
    show_help_without_command,
    shows,
)
from arena_groups.cli.options import (
    Settings,
    as_user,
    by,
    common_options,
    group_argument,
    limit_option,
    optional_group_argument,
    sort_option,
)
from arena_groups.cli.web_page import web_option

if TYPE_CHECKING:
    from arena_groups import Unset
    from arena_groups.cli.options import Arrange

# ruff: noqa: PLC0415 - keeps --help fast

CONTENT_TYPES = ("Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block")
GROUPS = ("group", "groups")
# Orders that the API does not have, or in which it would miss groups if the list changes.
ORDERS: dict[str, Arrange[arena_groups.Group]] = {
    "name": by(lambda group: group.name.casefold()),
    "updated": by(lambda group: group.updated_at, descending=True),
}
API_ORDERS = {"oldest": "created_at_asc"}
CONTENT_SORTS = {"oldest": "created_at_asc", "updated": "updated_at_desc"}
CONTENT_ORDERS: dict[str, Arrange[arena_groups.Content]] = {
    "title": by(lambda content: output.title_of(content).casefold())
}
FOLLOWER_SORTS = {"oldest": "created_at_asc"}
FOLLOWER_ORDERS: dict[str, Arrange[arena_groups.User]] = {
    "name": by(lambda user: user.name.casefold()),
    "slug": by(lambda user: user.slug),
}


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
@shows(lambda: output.GROUPS)
@command.command("list")
@click.option(
    "--user",
    metavar="USER",
    callback=as_user,
    help="List the groups of another user, by slug, id or URL.",
)
@sort_option("name", "newest", "oldest", "updated", default="name")
@limit_option
@web_option
@common_options
@click.pass_obj
def list_(settings: Settings, *, user: str | None, sort: str, limit: int | None, web: bool) -> None:
    """List the groups that you own or belong to."""
    work = open_user(settings, user) if web else list_groups(settings, user, sort, limit)
    run_async(settings, work)


async def list_groups(settings: Settings, user: str | None, sort: str, limit: int | None) -> None:
    """Write the groups of a user; ``None`` is the user of the token."""
    async with connected(settings) as arena:
        if user is None:
            require_token(settings)
        owner = user or (await arena.me()).id
        # In the default order no group is missed if the list changes meanwhile.
        walk = arena.users.groups(owner, sort=API_ORDERS.get(sort, "created_at_desc"))
        await output.write_all(
            settings, output.GROUPS, walk, GROUPS, limit=limit, arrange=ORDERS.get(sort)
        )


async def open_user(settings: Settings, user: str | None) -> None:
    """Open the page of a user, which leads to their groups; ``None`` is the user of the token."""
    from arena_groups.cli.web_page import open_page, refuse_sandbox

    refuse_sandbox(settings)
    async with connected(settings) as arena:
        if user is None:
            require_token(settings)
        found = await (arena.me() if user is None else arena.users.get(user))
    await open_page(settings, found.url)


@example("Print the id of a group", "groups show GROUP --format json | jq .id")
@example("Show the owner, the counts and your permissions", "groups show GROUP")
@shows(lambda: output.GROUPS)
@command.command("show")
@optional_group_argument
@web_option
@common_options
@click.pass_obj
def show(settings: Settings, *, group: str, web: bool) -> None:
    """Show GROUP, a slug, an id or a URL."""
    work = _open(settings, group) if web else show_group(settings, group)
    run_async(settings, work)


async def show_group(settings: Settings, group: str) -> None:
    """Write one group."""
    async with connected(settings) as arena:
        output.write_one(settings, output.GROUPS, await arena.groups.get(group))


@example("Print the address without a browser", "groups open GROUP | cat")
@example("Open the page of a group in a browser", "groups open GROUP")
@command.command("open")
@optional_group_argument
@common_options
@click.pass_obj
def open_(settings: Settings, group: str) -> None:
    """Open the page of GROUP, a slug, an id or a URL, in a browser.

    BROWSER names another browser than the default one. In a pipe, the command prints the address.
    """
    run_async(settings, _open(settings, group))


async def _open(settings: Settings, group: str) -> None:
    from arena_groups.cli.web_page import open_group

    await open_group(settings, group)


@example("Create a group", 'groups create "Research Studio" --description "We meet on *Mondays*."')
@shows(lambda: output.GROUPS)
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
@shows(lambda: output.GROUPS)
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
@shows(lambda: output.ACTIONS)
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
                settings,
                f"Delete {found.name}? This cannot be undone.",
                [_summary(found, utc=settings.utc)],
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
@shows(lambda: output.CONTENTS)
@command.command("contents")
@optional_group_argument
@click.option(
    "--type",
    "kind",
    type=click.Choice(CONTENT_TYPES),
    help="List only this type (Block: everything except channels).",
)
@sort_option("newest", "oldest", "updated", "title", default="newest")
@limit_option
@web_option
@common_options
@click.pass_obj
def contents(
    settings: Settings, *, group: str, kind: str | None, sort: str, limit: int | None, web: bool
) -> None:
    """List the blocks and channels of GROUP, a slug, an id or a URL."""
    work = (
        _open(settings, group)
        if web
        else list_contents(settings, group, sort=sort, kind=kind, limit=limit)
    )
    run_async(settings, work)


async def list_contents(
    settings: Settings, group: str, *, sort: str, kind: str | None, limit: int | None
) -> None:
    """Write the contents of a group as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.contents(group, sort=CONTENT_SORTS.get(sort), type=kind)
        await output.write_all(
            settings,
            output.CONTENTS,
            items,
            ("item", "items"),
            limit=limit,
            arrange=CONTENT_ORDERS.get(sort),
        )


@example("List the followers of a group", "groups followers GROUP")
@shows(lambda: output.FOLLOWERS)
@command.command("followers")
@optional_group_argument
@sort_option("newest", "oldest", "name", "slug", default="newest")
@limit_option
@web_option
@common_options
@click.pass_obj
def followers(settings: Settings, *, group: str, sort: str, limit: int | None, web: bool) -> None:
    """List the followers of GROUP, a slug, an id or a URL."""
    work = (
        _open(settings, group) if web else list_followers(settings, group, sort=sort, limit=limit)
    )
    run_async(settings, work)


async def list_followers(settings: Settings, group: str, *, sort: str, limit: int | None) -> None:
    """Write the followers of a group as they arrive."""
    async with connected(settings) as arena:
        items = arena.groups.followers(group, sort=FOLLOWER_SORTS.get(sort))
        await output.write_all(
            settings,
            output.FOLLOWERS,
            items,
            ("follower", "followers"),
            limit=limit,
            arrange=FOLLOWER_ORDERS.get(sort),
        )


def _summary(group: arena_groups.Group, *, utc: bool) -> str:
    return (
        f"{group.name} ({group.slug}), since {output.day_text(group.created_at, utc=utc)}: "
        f"{output.counted(group.counts.users, ('person', 'people'))}, "
        f"{output.counted(group.counts.channels, ('channel', 'channels'))}"
    )
