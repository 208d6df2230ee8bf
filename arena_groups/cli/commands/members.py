"""The command ``arena-groups members``: list, remove, join and leave."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.main import (
    CommandGroup,
    example,
    run_async,
    show_help_without_command,
    shows,
)
from arena_groups.cli.options import (
    Settings,
    as_reference,
    as_users,
    by,
    common_options,
    complete_group,
    group_argument,
    limit_option,
    optional_group_argument,
    sort_option,
)
from arena_groups.cli.web_page import web_option

if TYPE_CHECKING:
    from arena_groups._api import GroupReference, Secret
    from arena_groups.cli.batch import BatchFailure
    from arena_groups.cli.options import Arrange

# ruff: noqa: PLC0415 - keeps --help fast


def _oldest_first(members: Sequence[arena_groups.GroupMember]) -> list[arena_groups.GroupMember]:
    """Return members who are sorted newest first, after the owner, the other way round."""
    owners = [each for each in members if each.role is arena_groups.GroupRole.OWNER]
    return [*owners, *(each for each in reversed(members) if each not in owners)]


MEMBERS = ("member", "members")
ORDERS: dict[str, Arrange[arena_groups.GroupMember]] = {
    "oldest": _oldest_first,
    "name": by(lambda member: member.name.casefold()),
    "slug": by(lambda member: member.slug),
}


@example("Join a group with an invite code", "members join GROUP")
@example("List the members of a group", "members list GROUP")
@click.group("members", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """List and remove members, join and leave groups."""
    show_help_without_command(context)


@example("Print one slug per line", "members list GROUP --format ndjson | jq -r .slug")
@example("List the owner and the newest members", "members list GROUP --limit 10")
@shows(lambda: output.MEMBERS)
@command.command("list", short_help="List the members of a group: the owner, then newest first.")
@optional_group_argument
@sort_option("newest", "oldest", "name", "slug", default="newest")
@limit_option
@web_option
@common_options
@click.pass_obj
def list_(settings: Settings, *, group: str, sort: str, limit: int | None, web: bool) -> None:
    """List the members of GROUP, a slug, an id or a URL: the owner, then newest first.

    With another order, all members are read before the first is printed.
    """
    from arena_groups.cli.web_page import open_group

    work = open_group(settings, group) if web else list_members(settings, group, sort, limit=limit)
    run_async(settings, work)


async def list_members(settings: Settings, group: str, sort: str, *, limit: int | None) -> None:
    """Write the members of a group: as they arrive, unless they are sorted."""
    async with connected(settings) as arena:
        await output.write_all(
            settings,
            output.MEMBERS,
            arena.groups.members(group),
            MEMBERS,
            limit=limit,
            arrange=ORDERS.get(sort),
        )


@example("Remove several members, by slug or id", "members remove GROUP mara-lindqvist 4711")
@example("Remove a member, after a confirmation", "members remove GROUP mara-lindqvist")
@shows(lambda: output.ACTIONS)
@command.command("remove")
@group_argument
@click.argument("users", metavar="USER...", nargs=-1, required=True, callback=as_users)
@common_options
@click.pass_obj
def remove(settings: Settings, group: str, users: tuple[str, ...]) -> None:
    """Remove each USER from GROUP. Both are given by slug, id or URL."""
    run_async(settings, remove_members(settings, group, users))


async def remove_members(settings: Settings, group: str, users: Sequence[str]) -> None:
    """Remove members after a confirmation, and write the result of each."""
    from arena_groups.cli.batch import raise_first_failure, run_batch

    output.require_confirmation(settings)
    async with connected(settings, background=True) as arena:
        members = await _resolve_members(settings, arena, group, users)
        labels = [member.label for member in members]
        count = f"{len(members)} members" if len(members) > 1 else labels[0]
        output.confirm(settings, f"Remove {count} from {group}?", labels)

        async def remove(member: _MemberRef) -> output.ActionRow:
            await arena.groups.remove_member(group, member.id)
            return _row("removed", member)

        failures = await run_batch(
            settings, members, output.ACTIONS, MEMBERS, act=remove, failed=_failed_row
        )
    raise_first_failure(failures, len(members), MEMBERS, "removed")


@example("With the URL of the invite", "members join https://www.are.na/group/SLUG/invite/CODE")
@example("With a code from a file", "members join GROUP < invite-code.txt")
@example("With a code or its URL, typed at the prompt", "members join GROUP")
@shows(lambda: output.MEMBERS)
@command.command("join")
@click.argument("group", callback=as_reference, shell_complete=complete_group)
@common_options
@click.pass_obj
def join(settings: Settings, group: GroupReference) -> None:
    """Join GROUP, a slug, an id or a URL, with its invite code.

    The code, or the URL that contains it, is typed at a prompt, or read from standard input if
    that is not a terminal. It is a secret, so there is no option for it; only if GROUP is the URL
    of the invite, the code is taken from there.
    """
    name = str(group.name)
    code = group.invite_code or extract_invite_code(output.ask_secret("Invite code"))
    run_async(settings, join_group(settings, name, code))


async def join_group(settings: Settings, group: str, code: Secret) -> None:
    """Join a group with its invite code, and write the new membership."""
    if problem := code.validation_error():
        hint = "type it at the prompt, or pipe it in"
        raise CliError("usage", f"the invite code {problem}", hint=hint)
    async with connected(settings) as arena:
        member = await arena.groups.join(group, invite_token=code.reveal())
        output.write_one(settings, output.MEMBERS, member)


@example("Leave a group, after a confirmation", "members leave GROUP")
@shows(lambda: output.ACTIONS)
@command.command("leave")
@group_argument
@common_options
@click.pass_obj
def leave(settings: Settings, group: str) -> None:
    """Leave GROUP, a slug, an id or a URL."""
    run_async(settings, leave_group(settings, group))


async def leave_group(settings: Settings, group: str) -> None:
    """Leave a group, after a confirmation."""
    output.require_confirmation(settings)
    async with connected(settings) as arena:
        if not settings.yes:
            found = await arena.groups.get(group)
            affected = (
                f"{found.name} ({found.slug}): you need an invitation or the invite code to return"
            )
            output.confirm(settings, f"Leave {found.name}?", [affected])
        await arena.groups.leave(group)
    output.write_one(
        settings, output.ACTIONS, output.ActionRow(outcome="left", type="Group", target=group)
    )


@dataclass(frozen=True)
class _MemberRef:
    id: int
    label: str


def extract_invite_code(text: str) -> Secret:
    """Return the invite code in an input: the code, or the URL that ends in it."""
    from arena_groups._api import Secret

    if "://" in text:
        return Secret(urlsplit(text).path.rstrip("/").rpartition("/")[2])
    return Secret(text)


async def _resolve_members(
    settings: Settings, arena: arena_groups.ArenaClient, group: str, users: Sequence[str]
) -> list[_MemberRef]:
    if settings.yes and all(user.isdecimal() for user in users):
        return [_MemberRef(int(user), user) for user in dict.fromkeys(users)]
    from arena_groups._api import UserReference

    for user in users:
        _ = UserReference(user).name  # raises an error for what cannot be a user
    with output.progress(settings):
        found = await _find(arena.groups.members(group, confirm=True), set(users))
    missing = [user for user in dict.fromkeys(users) if user not in found]
    if missing:
        raise CliError(
            "not_found",
            f"not a member of {group}: {', '.join(missing)}",
            ExitCode.NOT_FOUND,
            f"arena-groups members list {group}",
        )
    members = {found[user].id: found[user] for user in users}
    return [_MemberRef(member.id, output.user_label(member)) for member in members.values()]


async def _find(
    members: AsyncIterable[arena_groups.GroupMember], users: set[str]
) -> dict[str, arena_groups.GroupMember]:
    found: dict[str, arena_groups.GroupMember] = {}
    async for member in members:
        found.update({name: member for name in (str(member.id), member.slug) if name in users})
        if len(found) == len(users):
            break
    return found


def _row(outcome: str, member: _MemberRef, error: str | None = None) -> output.ActionRow:
    return output.ActionRow(
        outcome=outcome, type="GroupMember", id=member.id, target=member.label, error=error
    )


def _failed_row(member: _MemberRef, failure: BatchFailure) -> output.ActionRow:
    return _row("failed", member, failure.cli_error.message)
