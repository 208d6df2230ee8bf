"""``arena-groups members``."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import ExitCode, Problem, ProblemError
from arena_groups.cli.main import CommandGroup, example, help_without_command, wait_for
from arena_groups.cli.options import Settings, common_options, group_argument, limit_option
from arena_groups.cli.prompts import ask_secret, confirm, require_answer

if TYPE_CHECKING:
    from arena_groups._api import Secret
    from arena_groups.cli.batch import Failure

# ruff: noqa: PLC0415 - help loads nothing that takes time

MEMBER_NOUN = ("member", "members")


@example("Join with the code that somebody gave you", "members join GROUP")
@example("Who is in a group?", "members list GROUP")
@click.group("members", cls=CommandGroup, invoke_without_command=True)
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
    wait_for(settings, list_members(settings, group, limit=limit))


async def list_members(settings: Settings, group: str, *, limit: int | None) -> None:
    """Write the members of a group as they arrive."""
    async with connected(settings) as arena:
        await output.write_all(
            settings, output.MEMBERS, arena.groups.members(group), MEMBER_NOUN, limit=limit
        )


@example("Several at once", "members remove GROUP mara-lindqvist 4711")
@example("One person, after a question", "members remove GROUP mara-lindqvist")
@command.command("remove")
@group_argument
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@common_options
@click.pass_obj
def remove(settings: Settings, group: str, users: tuple[str, ...]) -> None:
    """Remove each USER, a slug or an id, from GROUP."""
    wait_for(settings, remove_members(settings, group, users))


async def remove_members(settings: Settings, group: str, users: Sequence[str]) -> None:
    """Remove people, by slug or id, after asking; write what became of each."""
    from arena_groups.cli.batch import in_turn, raise_first

    require_answer(settings)
    async with connected(settings) as arena:
        leavers = await _leavers(settings, arena, group, users)
        count = f"{len(leavers)} people" if len(leavers) > 1 else leavers[0].what
        confirm(settings, f"Remove {count} from {group}?", [each.what for each in leavers])

        async def remove(leaver: _Leaver) -> output.Change:
            await arena.groups.remove_member(group, leaver.id)
            return _change("removed", leaver)

        failures = await in_turn(
            settings, leavers, output.CHANGES, MEMBER_NOUN, act=remove, failed=_not_removed
        )
    raise_first(failures, len(leavers), MEMBER_NOUN, "removed")


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
    code = code_in(ask_secret("Invite code"))
    wait_for(settings, join_group(settings, group, code))


async def join_group(settings: Settings, group: str, code: Secret) -> None:
    """Join a group with its invite code, and write what one is in it then."""
    if problem := code.validation_error():
        hint = "type or paste it when asked, or pipe it in"
        raise ProblemError(Problem("usage", f"the invite code {problem}", hint=hint))
    async with connected(settings) as arena:
        member = await arena.groups.join(group, invite_token=code.reveal())
        output.write_one(settings, output.MEMBERS, member)


@example("Leave a group, after a question", "members leave GROUP")
@command.command("leave")
@group_argument
@common_options
@click.pass_obj
def leave(settings: Settings, group: str) -> None:
    """Leave GROUP, a slug or an id."""
    wait_for(settings, leave_group(settings, group))


async def leave_group(settings: Settings, group: str) -> None:
    """Leave a group, after asking, and write that one has left."""
    require_answer(settings)
    async with connected(settings) as arena:
        if not settings.yes:
            found = await arena.groups.get(group)
            loss = f"{found.name} ({found.slug}): only an invitation brings you back"
            confirm(settings, f"Leave {found.name}?", [loss])
        await arena.groups.leave(group)
    output.write_one(
        settings, output.CHANGES, output.Change(outcome="left", type="Group", what=group)
    )


@dataclass(frozen=True)
class _Leaver:
    id: int
    what: str


def code_in(text: str) -> Secret:
    """Return the invite code in what somebody pasted: the code, or the URL that ends in it."""
    from arena_groups._api import Secret

    if "://" in text:
        return Secret(urlsplit(text).path.rstrip("/").rpartition("/")[2])
    return Secret(text)


async def _leavers(
    settings: Settings, arena: arena_groups.ArenaClient, group: str, users: Sequence[str]
) -> list[_Leaver]:
    if settings.yes and all(user.isdecimal() for user in users):
        return [_Leaver(int(user), user) for user in dict.fromkeys(users)]
    with output.progress(settings):
        found = await _find(arena.groups.members(group), set(users))
    missing = [user for user in users if user not in found]
    if missing:
        raise ProblemError(
            Problem(
                "not_found",
                f"not among the members of {group}: {', '.join(missing)}",
                ExitCode.NOT_FOUND,
                f"arena-groups members list {group}",
            )
        )
    members = {found[user].id: found[user] for user in users}
    return [_Leaver(member.id, output.person(member)) for member in members.values()]


async def _find(
    members: AsyncIterable[arena_groups.GroupMember], users: set[str]
) -> dict[str, arena_groups.GroupMember]:
    found: dict[str, arena_groups.GroupMember] = {}
    async for member in members:
        found.update({name: member for name in (str(member.id), member.slug) if name in users})
        if len(found) == len(users):
            break
    return found


def _change(outcome: str, leaver: _Leaver, problem: str | None = None) -> output.Change:
    return output.Change(
        outcome=outcome, type="GroupMember", id=leaver.id, what=leaver.what, problem=problem
    )


def _not_removed(leaver: _Leaver, failure: Failure) -> output.Change:
    return _change("failed", leaver, failure.problem.message)
