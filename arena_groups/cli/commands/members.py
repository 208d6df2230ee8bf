"""``arena-groups members``."""

import click

from arena_groups.cli.app import help_without_command
from arena_groups.cli.base import Group, example
from arena_groups.cli.options import group_argument, limit_option
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Settings, common_options

# ruff: noqa: PLC0415


@example("Join with the code that somebody gave you", "members join GROUP")
@example("Who is in a group?", "members list GROUP")
@click.group("members", cls=Group, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """The people in a group."""
    help_without_command(context)


@example("Their slugs, one a line", "members list GROUP --format ndjson | jq -r .slug")
@example("The owner, then the newest", "members list GROUP --limit 10")
@command.command("list", short_help="List the members of a group: the owner, then the newest.")
@group_argument
@limit_option
@common_options
@click.pass_obj
def list_(settings: Settings, group: str, limit: int | None) -> None:
    """List the members of GROUP, a slug or an id: the owner, then the newest first."""
    from arena_groups.cli.actions.members import list_members

    wait_for(settings, list_members(settings, group, limit=limit))


@example("Several at once", "members remove GROUP mara-lindqvist 4711")
@example("One person, after a question", "members remove GROUP mara-lindqvist")
@command.command("remove")
@group_argument
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@common_options
@click.pass_obj
def remove(settings: Settings, group: str, users: tuple[str, ...]) -> None:
    """Remove each USER, a slug or an id, from GROUP."""
    from arena_groups.cli.actions.members import remove_members

    wait_for(settings, remove_members(settings, group, users))


@example("From a file", "members join GROUP < invite-code.txt")
@example("With a code or its URL, pasted when asked for", "members join GROUP")
@command.command("join")
@group_argument
@common_options
@click.pass_obj
def join(settings: Settings, group: str) -> None:
    """Join GROUP, a slug or an id, with its invite code.

    The code, or the URL that ends in it, is asked for at a terminal and read from standard
    input elsewhere. It is a secret, so it is no argument.
    """
    from arena_groups.cli.actions.members import code_in, join_group
    from arena_groups.cli.prompts import ask_secret

    code = code_in(ask_secret("Invite code"))
    wait_for(settings, join_group(settings, group, code))


@example("Leave a group, after a question", "members leave GROUP")
@command.command("leave")
@group_argument
@common_options
@click.pass_obj
def leave(settings: Settings, group: str) -> None:
    """Leave GROUP, a slug or an id."""
    from arena_groups.cli.actions.members import leave_group

    wait_for(settings, leave_group(settings, group))
