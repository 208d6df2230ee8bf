"""``arena-groups invitations``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, needs_token
from arena_groups.cli.errors import ExitCode, Problem, ProblemError
from arena_groups.cli.main import CommandGroup, example, help_without_command, wait_for
from arena_groups.cli.options import (
    Settings,
    WholeNumber,
    common_options,
    group_argument,
    limit_option,
    parse_age,
    short_age,
    sort_option,
    utc_now,
)
from arena_groups.cli.prompts import confirm, require_answer

if TYPE_CHECKING:
    from arena_groups.cli.batch import Failure

    Walk = AsyncGenerator[arena_groups.MembershipInvitation, None]
    # A key, and whether the largest comes first.
    Order = tuple[Callable[[arena_groups.MembershipInvitation], str | datetime], bool]

# ruff: noqa: PLC0415 - help loads nothing that takes time

ID = WholeNumber(1)
PENDING = ("pending invitation", "pending invitations")
INVITATIONS = ("invitation", "invitations")
ORDERS: dict[str, Order] = {
    "newest": (lambda each: each.created_at, True),
    "oldest": (lambda each: each.created_at, False),
    "invitee": (lambda each: output.invitee(each).casefold(), False),
    "inviter": (lambda each: each.invited_by.name.casefold(), False),
    "group": (lambda each: each.target.name.casefold(), False),
}


def _parsed_age(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> timedelta | None:
    try:
        return None if text is None else parse_age(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@example("Let those lapse that are older than a month", "invitations expire GROUP --older-than 30d")
@example("Who has not answered yet?", "invitations list GROUP")
@click.group("invitations", cls=CommandGroup, invoke_without_command=True)
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
    selection = Selection(older_than=older_than, email=email, invited_by=invited_by)
    wait_for(settings, list_invitations(settings, group, selection, sort=sort, limit=limit))


async def list_invitations(
    settings: Settings,
    group: str | None,
    selection: Selection,
    *,
    sort: str | None,
    limit: int | None,
) -> None:
    """Write the pending invitations of a group, or of all that may be managed.

    They go out as they arrive, unless an order other than the API's was asked for.
    """
    view = output.invitations(utc_now(), with_group=group is None)
    async with connected(settings) as arena:
        walk = _of_all(settings, arena) if group is None else _of_one(arena, group)
        async with aclosing(_selected(walk, selection)) as chosen:
            if sort is None:
                await output.write_all(settings, view, chosen, PENDING, limit=limit)
                return
            found = in_order(await output.gather(settings, chosen), sort)
    output.write_each(settings, view, found[:limit], PENDING)


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
        wait_for(settings, send_invitations(settings, group, emails, user_ids))
        return
    if emails or user_ids:
        raise click.UsageError("--from excludes --email and --user-id")
    from arena_groups.cli.invite_import import Sending, send_from

    sending = Sending(file=file, column=column, result=result, journal=journal, dry_run=dry_run)
    wait_for(settings, send_from(settings, group, sending))


async def send_invitations(
    settings: Settings, group: str, emails: Sequence[str], user_ids: Sequence[int]
) -> None:
    """Invite people, and write what became of each."""
    from arena_groups.cli.batch import in_turn, raise_first

    people = _checked(emails, user_ids)
    async with connected(settings) as arena:

        async def send(someone: _Invitee) -> output.Sent:
            result = await arena.groups.invite(group, email=someone.email, user_id=someone.user_id)
            return output.Sent.of(someone.email, someone.user_id, result)

        failures = await in_turn(
            settings, people, output.SENT, INVITATIONS, act=send, failed=_not_sent
        )
    raise_first(failures, len(people), INVITATIONS, "sent")


@example("Two invitations, after a question", "invitations revoke GROUP 50001 50002")
@command.command("revoke")
@group_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ID)
@common_options
@click.pass_obj
def revoke(settings: Settings, group: str, ids: tuple[int, ...]) -> None:
    """Revoke the pending invitations of GROUP with these IDs."""
    wait_for(settings, revoke_invitations(settings, group, ids))


async def revoke_invitations(settings: Settings, group: str, ids: Sequence[int]) -> None:
    """Revoke invitations by id, after asking; write what became of each."""
    from arena_groups.cli.batch import raise_first, revoke_all

    require_answer(settings)
    async with connected(settings) as arena:
        if settings.yes:
            things = [(number, None) for number in dict.fromkeys(ids)]
            failures = await revoke_all(settings, arena, group, things)
        else:
            found = await _find(settings, arena, group, ids)
            confirm(
                settings, f"Revoke {output.counted(len(found), INVITATIONS)}?", output.losses(found)
            )
            failures = await revoke_all(
                settings, arena, group, [(i.id, output.invitee(i)) for i in found]
            )
    raise_first(failures, len(set(ids)), INVITATIONS, "revoked")


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
    wait_for(settings, expire_invitations(settings, group, older_than, dry_run=dry_run))


async def expire_invitations(
    settings: Settings, group: str, age: timedelta, *, dry_run: bool
) -> None:
    """Revoke the invitations that are older, after asking; write what became of each.

    One that was answered meanwhile is told, and no failure. A dry run only writes which
    invitations would be lost.
    """
    from arena_groups.cli.batch import raise_first, revoke_all

    if not dry_run:
        require_answer(settings)
    now = utc_now()
    async with connected(settings) as arena:
        async with aclosing(_selected(_of_one(arena, group), Selection(older_than=age))) as chosen:
            old = in_order(await output.gather(settings, chosen), "oldest")
        if dry_run:
            output.write_each(settings, output.invitations(now), old, PENDING)
            return
        if old:
            question = f"Revoke {output.counted(len(old), INVITATIONS)} of {group}?"
            confirm(settings, question, output.losses(old))
        else:
            output.note_none(settings, f"no invitation is older than {short_age(age)}")
        failures = await revoke_all(
            settings, arena, group, [(i.id, output.invitee(i)) for i in old]
        )
    left = [failure for failure in failures if not failure.gone_meanwhile]
    raise_first(left, len(old), INVITATIONS, "revoked")


@dataclass(frozen=True)
class _Invitee:
    email: str | None = field(default=None, repr=False)
    user_id: int | None = None


async def _of_one(arena: arena_groups.ArenaClient, group: str | int) -> Walk:
    async for invitation in arena.groups.invitations(group):
        yield invitation


async def _of_all(settings: Settings, arena: arena_groups.ArenaClient) -> Walk:
    needs_token(settings)
    skipped: list[str] = []
    async for group in _own_groups(arena):
        if not group.can.manage_invitations:
            skipped.append(group.slug)
            continue
        try:
            async for invitation in _of_one(arena, group.id):
                yield invitation
        except (arena_groups.ForbiddenError, arena_groups.NotFoundError):
            skipped.append(group.slug)
    if skipped:
        output.note(
            settings, f"skipped, as you may not manage its invitations: {', '.join(skipped)}"
        )


async def _own_groups(arena: arena_groups.ArenaClient) -> AsyncGenerator[arena_groups.Group, None]:
    me = await arena.me()
    async for group in arena.users.groups(me.id, sort=arena_groups.GroupSort.CREATED_AT_DESC):
        yield group


async def _selected(walk: Walk, selection: Selection) -> Walk:
    now = utc_now()
    async with aclosing(walk):
        async for invitation in walk:
            if selection.accepts(invitation, now):
                yield invitation


async def _find(
    settings: Settings, arena: arena_groups.ArenaClient, group: str, ids: Sequence[int]
) -> list[arena_groups.MembershipInvitation]:
    """Return the invitations with these ids. Raises a problem that names those not there."""
    wanted = set(ids)
    found: dict[int, arena_groups.MembershipInvitation] = {}
    with output.progress(settings):
        async for invitation in arena.groups.invitations(group):
            if invitation.id in wanted:
                found[invitation.id] = invitation
            if len(found) == len(wanted):
                break
    missing = [str(number) for number in dict.fromkeys(ids) if number not in found]
    if missing:
        raise ProblemError(
            Problem(
                "not_found",
                f"not among the pending invitations of {group}: {', '.join(missing)}",
                ExitCode.NOT_FOUND,
                f"arena-groups invitations list {group}",
            )
        )
    return [found[number] for number in dict.fromkeys(ids)]


def _checked(emails: Sequence[str], user_ids: Sequence[int]) -> list[_Invitee]:
    """Return everybody once. Raises ``ValueError`` before anything is sent for a bad one."""
    from arena_groups._api import Secret
    from arena_groups._api import invitee as check_invitee

    for number, email in enumerate(emails, start=1):
        try:
            check_invitee(Secret(email), None)
        except ValueError as error:
            raise ValueError(f"--email number {number}: {error}") from None
    for user_id in user_ids:
        check_invitee(None, user_id)
    addresses: dict[str, str] = {}
    for email in emails:
        addresses.setdefault(email.casefold(), email)
    people = [_Invitee(email=email) for email in addresses.values()]
    return [*people, *(_Invitee(user_id=user_id) for user_id in dict.fromkeys(user_ids))]


def _not_sent(someone: _Invitee, failure: Failure) -> output.Sent:
    return output.Sent(
        email=someone.email,
        user_id=someone.user_id,
        outcome="failed",
        problem=failure.problem.message,
    )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Filters on invitations; ``None`` lets every one through.

    ``older_than`` is the least time since an invitation was sent, ``email`` a pattern with
    ``*`` and ``?``, ``invited_by`` the slug or id of whoever sent it.
    """

    older_than: timedelta | None = None
    email: str | None = field(default=None, repr=False)
    invited_by: str | None = None

    def accepts(self, invitation: arena_groups.MembershipInvitation, now: datetime) -> bool:
        """Whether this is one of those meant."""
        return (
            self._is_old(invitation, now)
            and self._has_address(invitation)
            and self._has_sender(invitation)
        )

    def _is_old(self, invitation: arena_groups.MembershipInvitation, now: datetime) -> bool:
        return self.older_than is None or now - invitation.created_at >= self.older_than

    def _has_address(self, invitation: arena_groups.MembershipInvitation) -> bool:
        if self.email is None:
            return True
        address = invitation.invitee_email
        return address is not None and fnmatchcase(address.casefold(), self.email.casefold())

    def _has_sender(self, invitation: arena_groups.MembershipInvitation) -> bool:
        sender = invitation.invited_by
        return self.invited_by is None or self.invited_by in {sender.slug, str(sender.id)}


def in_order(
    invitations: list[arena_groups.MembershipInvitation], sort: str
) -> list[arena_groups.MembershipInvitation]:
    """Return invitations in one of the orders of :data:`ORDERS`."""
    key, descending = ORDERS[sort]
    return sorted(invitations, key=key, reverse=descending)
