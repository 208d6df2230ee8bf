"""``arena-groups invitations``."""

from datetime import timedelta

import click

from arena_groups.cli.ages import parse_age
from arena_groups.cli.app import help_without_command
from arena_groups.cli.base import Group, example
from arena_groups.cli.options import WholeNumber, group_argument, limit_option, sort_option
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Settings, common_options

# ruff: noqa: PLC0415

ID = WholeNumber(1)


def _parsed_age(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> timedelta | None:
    try:
        return None if text is None else parse_age(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@example("Let those lapse that are older than a month", "invitations expire GROUP --older-than 30d")
@example("Who has not answered yet?", "invitations list GROUP")
@click.group("invitations", cls=Group, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Pending invitations."""
    help_without_command(context)


@example(
    "Addresses at one place, longest waiting first",
    'invitations list GROUP --email "*@example.org" --sort oldest',
)
@example(
    "Who has waited for a month, in all groups?", "invitations list --all-groups --older-than 30d"
)
@example("Who has not answered yet?", "invitations list GROUP")
@command.command("list", short_help="List the pending invitations of a group, or of all groups.")
@click.argument("group", required=False)
@click.option("--all-groups", is_flag=True, help="In every group whose invitations you manage.")
@click.option(
    "--older-than", callback=_parsed_age, metavar="AGE", help="Such as 90m, 12h, 30d or 8w."
)
@click.option("--email", metavar="GLOB", help="Sent to such an address, as *@example.org.")
@click.option("--invited-by", metavar="USER", help="Sent by this person, a slug or an id.")
@sort_option("newest", "oldest", "invitee", "inviter", "group")
@limit_option
@common_options
@click.pass_obj
def list_(
    settings: Settings,
    *,
    group: str | None,
    all_groups: bool,
    older_than: timedelta | None,
    email: str | None,
    invited_by: str | None,
    sort: str | None,
    limit: int | None,
) -> None:
    """List the pending invitations of GROUP, a slug or an id, as they arrive.

    They are newest first, group by group; with --sort all are read before the first is shown.
    """
    if (group is None) is not all_groups:
        raise click.UsageError("name a GROUP, or give --all-groups")
    from arena_groups.cli.actions.invitations import list_invitations
    from arena_groups.cli.selection import Selection

    selection = Selection(older_than=older_than, email=email, invited_by=invited_by)
    wait_for(settings, list_invitations(settings, group, selection, sort=sort, limit=limit))


@example(
    "Everybody in a spreadsheet; the same line again finishes what was left",
    "invitations send GROUP --from people.csv --journal spring.sqlite",
)
@example("Somebody who is at Are.na", "invitations send GROUP --user-id 4711")
@example(
    "Two people by address", "invitations send GROUP --email a@example.org --email b@example.org"
)
@command.command("send", short_help="Invite people to a group, by address or by id.")
@group_argument
@click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="Whom to invite.")
@click.option("--user-id", "user_ids", multiple=True, type=ID, metavar="ID", help="Whom to invite.")
@click.option("--from", "file", metavar="FILE", help="A CSV file, or one a line; - for stdin.")
@click.option("--column", metavar="TITLE", help="Where they are, if not in email or user_id.")
@click.option("--result", metavar="FILE", help="Write what became of each line, as CSV.")
@click.option("--journal", metavar="FILE", help="Keep what was sent, to go on after a failure.")
@click.option("--dry-run", is_flag=True, help="Only tell how many would be invited.")
@common_options
@click.pass_obj
def send(
    settings: Settings,
    *,
    group: str,
    emails: tuple[str, ...],
    user_ids: tuple[int, ...],
    file: str | None,
    column: str | None,
    result: str | None,
    journal: str | None,
    dry_run: bool,
) -> None:
    """Invite people to GROUP, a slug or an id; --email and --user-id may be repeated.

    Whoever follows you and is given by id is added at once; others get an email. With --from
    everybody in a file is invited who is not yet, once all lines were checked.
    """
    if file is None:
        if any((column, result, journal, dry_run)):
            raise click.UsageError("--column, --result, --journal and --dry-run need --from")
        if not emails and not user_ids:
            raise click.UsageError("say whom to invite, with --email, --user-id or --from")
        from arena_groups.cli.actions.invitations import send_invitations

        wait_for(settings, send_invitations(settings, group, emails, user_ids))
        return
    if emails or user_ids:
        raise click.UsageError("--from excludes --email and --user-id")
    from arena_groups.cli.actions.sending import Sending, send_from

    sending = Sending(file=file, column=column, result=result, journal=journal, dry_run=dry_run)
    wait_for(settings, send_from(settings, group, sending))


@example("Two invitations, after a question", "invitations revoke GROUP 50001 50002")
@command.command("revoke")
@group_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ID)
@common_options
@click.pass_obj
def revoke(settings: Settings, group: str, ids: tuple[int, ...]) -> None:
    """Revoke the pending invitations of GROUP with these IDs."""
    from arena_groups.cli.actions.invitations import revoke_invitations

    wait_for(settings, revoke_invitations(settings, group, ids))


@example("Which ones would that be?", "invitations expire GROUP --older-than 30d --dry-run")
@example("Every night, without a question", "invitations expire GROUP --older-than 30d --yes")
@command.command("expire", short_help="Revoke the pending invitations that are too old.")
@group_argument
@click.option(
    "--older-than",
    callback=_parsed_age,
    required=True,
    metavar="AGE",
    help="Since they were sent, such as 12h, 30d or 8w.",
)
@click.option("--dry-run", is_flag=True, help="Only list those that would be revoked.")
@common_options
@click.pass_obj
def expire(settings: Settings, *, group: str, older_than: timedelta, dry_run: bool) -> None:
    """Revoke the pending invitations of GROUP, a slug or an id, that are too old."""
    from arena_groups.cli.actions.invitations import expire_invitations

    wait_for(settings, expire_invitations(settings, group, older_than, dry_run=dry_run))
