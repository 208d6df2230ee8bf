"""The command ``arena-groups invitations``: list, send, revoke and expire."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.durations import format_age, parse_age
from arena_groups.cli.invitation_list import (
    PENDING,
    InvitationFilter,
    filtered,
    find_invitations,
    group_invitations,
    list_invitations,
    parse_recipients,
    parse_wanted,
    sort_invitations,
)
from arena_groups.cli.main import (
    CommandGroup,
    example,
    run_async,
    show_help_without_command,
    shows,
)
from arena_groups.cli.options import (
    InputFile,
    Settings,
    WholeNumber,
    as_group,
    as_secrets,
    as_user,
    common_options,
    complete_group,
    default_group,
    encoding_option,
    group_argument,
    limit_option,
    sort_option,
)
from arena_groups.cli.output.times import utc_now
from arena_groups.cli.output_file import OutputFile
from arena_groups.cli.web_page import web_option

if TYPE_CHECKING:
    from pathlib import Path

    from arena_groups._api import Secret
    from arena_groups.cli.batch import BatchFailure

# ruff: noqa: PLC0415 - keeps --help fast

ID = WholeNumber(1)
INVITATIONS = ("invitation", "invitations")


def _age_option(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> timedelta | None:
    try:
        return None if text is None else parse_age(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@example("Revoke invitations older than a month", "invitations expire GROUP --older-than 30d")
@example("List the pending invitations of a group", "invitations list GROUP")
@click.group("invitations", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """List, send and revoke invitations."""
    show_help_without_command(context)


@example(
    "List addresses of one domain, oldest first",
    'invitations list GROUP --email "*@example.org" --sort oldest',
)
@example(
    "List invitations older than a month, in all your groups",
    "invitations list --all-groups --older-than 30d",
)
@example("List the pending invitations of a group", "invitations list GROUP")
@shows(lambda: output.invitations(utc_now(), with_group=True))
@command.command("list", short_help="List the pending invitations of a group, or of all groups.")
@click.argument("group", required=False, callback=as_group, shell_complete=complete_group)
@click.option(
    "--all-groups", is_flag=True, help="List those of every group whose invitations you manage."
)
@click.option(
    "--older-than",
    callback=_age_option,
    metavar="AGE",
    help="Minimum age, such as 90m, 12h, 30d or 8w.",
)
@click.option("--email", metavar="GLOB", help="Pattern of the address, such as *@example.org.")
@click.option(
    "--invited-by", metavar="USER", callback=as_user, help="Name, slug, id or URL of the inviter."
)
@sort_option("newest", "oldest", "invitee", "inviter", "group")
@limit_option
@web_option
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
    web: bool,
) -> None:
    """List the pending invitations of GROUP, a slug, an id or a URL.

    They are printed as they arrive, newest first, group by group. With --sort, all are read
    first.
    """
    if group is None and not all_groups:
        group = default_group(settings)
    if (group is None) is not all_groups:
        raise click.UsageError("give either GROUP or --all-groups")
    if web:
        from arena_groups.cli.web_page import open_group

        if group is None:
            raise click.UsageError("--web needs GROUP")
        run_async(settings, open_group(settings, group))
        return
    conditions = InvitationFilter(older_than=older_than, email=email, invited_by=invited_by)
    run_async(settings, list_invitations(settings, group, conditions, sort=sort, limit=limit))


@example(
    "Invite everyone in a CSV file; after a failure, run the same line again",
    "invitations send GROUP --from people.csv --journal spring.sqlite",
)
@example("Invite Are.na users by slug, URL and id", "invitations send GROUP mara-lindqvist 4711")
@example(
    "Show what would happen to each line", "invitations send GROUP --from people.csv --dry-run"
)
@example("Invite two people by address", "invitations send GROUP a@example.org b@example.org")
@command.command("send", short_help="Invite people to a group, by address, slug, URL or user id.")
@click.argument("group", required=False, callback=as_group, shell_complete=complete_group)
@click.argument("who", metavar="[WHO]...", nargs=-1, callback=as_secrets)
@click.option(
    "--email",
    "emails",
    multiple=True,
    callback=as_secrets,
    metavar="ADDRESS",
    help="Address to invite.",
)
@click.option("--user-id", "user_ids", multiple=True, type=ID, metavar="ID", help="User to invite.")
@click.option(
    "--from",
    "file",
    type=InputFile(),
    metavar="FILE",
    help="CSV file, or one recipient per line; - for stdin.",
)
@click.option("--column", metavar="TITLE", help="CSV column, if not email, user_id or user.")
@encoding_option
@click.option("--skip-invalid", is_flag=True, help="Invite the others if lines are not valid.")
@click.option(
    "--result", type=OutputFile(), metavar="FILE", help="Write the result of each line, as CSV."
)
@click.option(
    "--journal",
    type=click.Path(readable=False),
    metavar="FILE",
    help="Record progress here, so that the same command can resume.",
)
@click.option("--dry-run", is_flag=True, help="Send nothing; show what would be sent.")
@click.option(
    "--predict", is_flag=True, help="With --dry-run, also show who would be added at once."
)
@common_options
@click.pass_context
def send(
    context: click.Context,
    *,
    group: str | None,
    who: tuple[Secret, ...],
    emails: tuple[Secret, ...],
    user_ids: tuple[int, ...],
    file: str | None,
    column: str | None,
    encoding: str | None,
    skip_invalid: bool,
    result: Path | None,
    journal: str | None,
    dry_run: bool,
    predict: bool,
) -> None:
    """Invite people to GROUP, a slug, an id or a URL.

    Each WHO is an email address, or the slug, the id or the URL of an Are.na user. A user who
    follows you becomes a member at once; everyone else gets an email. With --from, all lines are
    checked first, and people who are members or already invited are skipped. With --dry-run,
    nothing is sent: the outcomes are would_invite and, with --predict, would_add. More than 50
    emails are sent after a confirmation.
    """
    settings = context.ensure_object(Settings)
    if predict and not dry_run:
        raise click.UsageError("--predict needs --dry-run")
    group = default_group(settings) if group is None and file is not None else group
    if group is None:
        from arena_groups.cli.words import missing_group

        raise missing_group(context)
    if file is None:
        if any((column, encoding, skip_invalid, result, journal)):
            names = "--column, --encoding, --skip-invalid, --result and --journal"
            raise click.UsageError(f"{names} need --from")
        if not (who or emails or user_ids):
            raise click.UsageError(
                "nobody to invite: give WHO, --email, --user-id or --from (- for standard input)"
            )
        from arena_groups.bulk import normalize_invite_target

        people = [*parse_recipients(who, "WHO"), *parse_recipients(emails, "--email")]
        recipients = list(dict.fromkeys([*people, *map(normalize_invite_target, user_ids)]))
        work = (
            preview_invitations(settings, group, recipients, predict=predict)
            if dry_run
            else send_invitations(settings, group, recipients)
        )
        run_async(settings, work)
        return
    if who or emails or user_ids:
        raise click.UsageError("--from cannot be combined with WHO, --email or --user-id")
    from arena_groups.cli.invite_import import ImportOptions, import_invitations

    options = ImportOptions(
        file=file,
        column=column,
        encoding=encoding,
        skip_invalid=skip_invalid,
        result=result,
        journal=journal,
        dry_run=dry_run,
        predict=predict,
    )
    run_async(settings, import_invitations(settings, group, options))


async def preview_invitations(
    settings: Settings,
    group: str,
    recipients: Sequence[arena_groups.InviteTarget],
    *,
    predict: bool,
) -> None:
    """Write what would happen to each recipient. Send nothing."""
    from arena_groups.cli.batch import ITEM_ERRORS, BatchFailure, raise_first_failure
    from arena_groups.cli.run_progress import OutcomeCounts

    failures: list[BatchFailure] = []
    counts = OutcomeCounts()
    results = output.Results(settings, output.INVITE_RESULTS, None)
    async with connected(settings, background=True) as arena:
        run = arena_groups.invite_many(arena, group, recipients, dry_run=True, predict=predict)
        with output.progress(settings, beside_results=True) as shown:
            async with run:
                async for result in run:
                    recipient = recipients[result.position]
                    if isinstance(result.error, ITEM_ERRORS):
                        failures.append(BatchFailure(result.error))
                        results.write(_failed_row(recipient, failures[-1]))
                    elif result.error is not None:
                        raise result.error
                    else:
                        results.write(_preview_row(recipient, result))
                    counts.add(result.outcome.value)
                    shown.update(f"{results.count} of {len(recipients)}")
    results.close()
    counts.write(settings)
    raise_first_failure(failures, len(recipients), INVITATIONS, "checked")


async def send_invitations(
    settings: Settings, group: str, recipients: Sequence[arena_groups.InviteTarget]
) -> None:
    """Invite people, and write the result of each."""
    from arena_groups.cli.batch import confirm_emails, raise_first_failure, run_batch

    async with connected(settings, background=True) as arena:
        await confirm_emails(settings, arena, group, len(recipients))

        async def send(recipient: arena_groups.InviteTarget) -> output.InviteRow:
            email, user_id = recipient.email, recipient.user_id
            result = await arena.groups.invite(
                group, email=email, user_id=user_id, user=recipient.user
            )
            return output.InviteRow.from_result(email, user_id, result)

        failures = await run_batch(
            settings, recipients, output.INVITE_RESULTS, INVITATIONS, act=send, failed=_failed_row
        )
    raise_first_failure(failures, len(recipients), INVITATIONS, "sent")


@example("Revoke the invitation of an address", "invitations revoke GROUP ada@example.org")
@example("Revoke two invitations, after a confirmation", "invitations revoke GROUP 50001 50002")
@shows(lambda: output.ACTIONS)
@command.command("revoke")
@group_argument
@click.argument("who", metavar="WHO...", nargs=-1, required=True, callback=as_secrets)
@common_options
@click.pass_obj
def revoke(settings: Settings, group: str, who: tuple[Secret, ...]) -> None:
    """Revoke pending invitations of GROUP, a slug, an id or a URL.

    Each WHO is the id of an invitation, or whom it is for: the address, or the slug or the URL of
    an Are.na user.
    """
    run_async(settings, revoke_invitations(settings, group, who))


async def revoke_invitations(settings: Settings, group: str, who: Sequence[Secret]) -> None:
    """Revoke invitations after a confirmation, and write the result of each."""
    from arena_groups.cli.batch import PendingItem, raise_first_failure, revoke_all

    wanted = parse_wanted(who)
    output.require_confirmation(settings)
    async with connected(settings, background=True) as arena:
        if settings.yes and all(isinstance(each, int) for each in wanted):
            things: list[PendingItem] = [
                (number, None) for number in wanted if isinstance(number, int)
            ]
        else:
            found = await find_invitations(settings, arena, group, wanted)
            output.confirm(
                settings,
                f"Revoke {output.counted(len(found), INVITATIONS)}?",
                output.loss_lines(found, utc=settings.utc),
            )
            things = [(i.id, output.invitee(i)) for i in found]
        failures = await revoke_all(settings, arena, group, things)
    raise_first_failure(failures, len(things), INVITATIONS, "revoked")


@example("List what would be revoked", "invitations expire GROUP --older-than 30d --dry-run")
@example(
    "Revoke from a scheduled job, without a prompt",
    "invitations expire GROUP --older-than 30d --yes",
)
@command.command("expire", short_help="Revoke pending invitations that are too old.")
@group_argument
@click.option(
    "--older-than",
    callback=_age_option,
    required=True,
    metavar="AGE",
    help="Minimum age, such as 12h, 30d or 8w.",
)
@click.option("--dry-run", is_flag=True, help="Revoke nothing; list what would be revoked.")
@common_options
@click.pass_obj
def expire(settings: Settings, *, group: str, older_than: timedelta, dry_run: bool) -> None:
    """Revoke pending invitations of GROUP, a slug, an id or a URL, that are too old."""
    run_async(settings, expire_invitations(settings, group, older_than, dry_run=dry_run))


async def expire_invitations(
    settings: Settings, group: str, age: timedelta, *, dry_run: bool
) -> None:
    """Revoke invitations older than ``age`` after a confirmation, and write the result of each.

    An invitation that was answered meanwhile gets a result, but is not a failure. A dry run
    writes the invitations that would be revoked.
    """
    from arena_groups.cli.batch import raise_first_failure, revoke_all

    if not dry_run:
        output.require_confirmation(settings)
    now = utc_now()
    async with connected(settings, background=True) as arena:
        async with aclosing(
            filtered(
                group_invitations(arena, group, confirm=True), InvitationFilter(older_than=age)
            )
        ) as chosen:
            old = sort_invitations(await output.collect(settings, chosen), "oldest")
        if dry_run:
            output.write_each(settings, output.invitations(now), old, PENDING)
            return
        if old:
            question = f"Revoke {output.counted(len(old), INVITATIONS)} of {group}?"
            output.confirm(settings, question, output.loss_lines(old, utc=settings.utc))
        else:
            output.info_at_terminal(settings, f"no invitation is older than {format_age(age)}")
        failures = await revoke_all(
            settings, arena, group, [(i.id, output.invitee(i)) for i in old]
        )
    left = [failure for failure in failures if not failure.already_gone]
    raise_first_failure(left, len(old), INVITATIONS, "revoked")


def _preview_row(
    recipient: arena_groups.InviteTarget,
    result: arena_groups.BulkResult[arena_groups.InviteTarget],
) -> output.InviteRow:
    return output.InviteRow(
        email=recipient.email,
        user_id=result.target.user_id,
        slug=recipient.user,
        outcome=result.outcome.value,
    )


def _failed_row(recipient: arena_groups.InviteTarget, failure: BatchFailure) -> output.InviteRow:
    return output.InviteRow(
        email=recipient.email,
        user_id=recipient.user_id,
        slug=recipient.user,
        outcome="failed",
        error=failure.cli_error.message,
    )
