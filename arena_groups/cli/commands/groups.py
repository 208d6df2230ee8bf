"""``arena-groups groups``."""

import click

from arena_groups.cli.app import help_without_command
from arena_groups.cli.base import Group, example
from arena_groups.cli.options import group_argument, limit_option, sort_option
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Settings, common_options

# ruff: noqa: PLC0415

KINDS = ("Text", "Image", "Link", "Attachment", "Embed", "Channel", "Block")


@example("All that is in a group, for a spreadsheet", "groups contents GROUP --format csv")
@example("Which groups am I in?", "groups list")
@click.group("groups", cls=Group, invoke_without_command=True)
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
    from arena_groups.cli.actions.groups import list_groups

    wait_for(settings, list_groups(settings, user, sort))


@example("Its id, whatever its slug is", "groups show GROUP --format json | jq .id")
@example("Who owns it, and what may I do with it?", "groups show GROUP")
@command.command("show")
@group_argument
@common_options
@click.pass_obj
def show(settings: Settings, group: str) -> None:
    """Show GROUP, a slug or an id."""
    from arena_groups.cli.actions.groups import show_group

    wait_for(settings, show_group(settings, group))


@example("A new group", 'groups create "Research Studio" --description "We meet on *Mondays*."')
@command.command("create")
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What it is for; may be Markdown.")
@click.option("--avatar-url", metavar="URL", help="Where to fetch its image from.")
@common_options
@click.pass_obj
def create(settings: Settings, name: str, description: str | None, avatar_url: str | None) -> None:
    """Create a group of your own called NAME, and show it."""
    from arena_groups.cli.actions.groups import create_group

    wait_for(settings, create_group(settings, name, description, avatar_url))


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
    from arena_groups.cli.actions.groups import update_group

    cleared = None if no_description else UNSET
    work = update_group(
        settings,
        group,
        name=name,
        description=cleared if description is None else description,
        avatar_url=avatar_url,
    )
    wait_for(settings, work)


@example("Delete a group, after a look at what is lost", "groups delete GROUP")
@command.command("delete")
@group_argument
@common_options
@click.pass_obj
def delete(settings: Settings, group: str) -> None:
    """Delete GROUP, a slug or an id, for good."""
    from arena_groups.cli.actions.groups import delete_group

    wait_for(settings, delete_group(settings, group))


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
    from arena_groups.cli.actions.groups import list_contents

    wait_for(settings, list_contents(settings, group, sort=sort, kind=kind, limit=limit))


@example("Who follows a group", "groups followers GROUP")
@command.command("followers")
@group_argument
@sort_option("newest", "oldest", default="newest")
@limit_option
@common_options
@click.pass_obj
def followers(settings: Settings, *, group: str, sort: str, limit: int | None) -> None:
    """List the people who follow GROUP, a slug or an id."""
    from arena_groups.cli.actions.groups import list_followers

    wait_for(settings, list_followers(settings, group, sort=sort, limit=limit))
