"""What ``arena-groups members`` does."""

from collections.abc import AsyncIterable, Sequence
from urllib.parse import urlsplit

from attrs import frozen

from arena_groups import ArenaClient, GroupMember
from arena_groups._api import Secret
from arena_groups.cli.actions.turns import Failure, in_turn, raise_first
from arena_groups.cli.connect import connected
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.cli.prompts import confirm, require_answer
from arena_groups.cli.records import Change
from arena_groups.cli.results import progress, write_all, write_one
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import CHANGES, MEMBERS, person

MEMBER_NOUN = ("member", "members")


@frozen
class _Leaver:
    id: int
    what: str


async def list_members(settings: Settings, group: str, *, limit: int | None) -> None:
    """Write the members of a group as they arrive."""
    async with connected(settings) as arena:
        await write_all(settings, MEMBERS, arena.groups.members(group), MEMBER_NOUN, limit=limit)


async def join_group(settings: Settings, group: str, code: Secret) -> None:
    """Join a group with its invite code, and write what one is in it then."""
    if problem := code.problem():
        hint = "type or paste it when asked, or pipe it in"
        raise ProblemError(Problem("usage", f"the invite code {problem}", hint=hint))
    async with connected(settings) as arena:
        member = await arena.groups.join(group, invite_token=code.reveal())
        write_one(settings, MEMBERS, member)


async def leave_group(settings: Settings, group: str) -> None:
    """Leave a group, after asking, and write that one has left."""
    require_answer(settings)
    async with connected(settings) as arena:
        if not settings.yes:
            found = await arena.groups.get(group)
            loss = f"{found.name} ({found.slug}): only an invitation brings you back"
            confirm(settings, f"Leave {found.name}?", [loss])
        await arena.groups.leave(group)
    write_one(settings, CHANGES, Change(outcome="left", type="Group", what=group))


async def remove_members(settings: Settings, group: str, users: Sequence[str]) -> None:
    """Remove people, by slug or id, after asking; write what became of each."""
    require_answer(settings)
    async with connected(settings) as arena:
        leavers = await _leavers(settings, arena, group, users)
        count = f"{len(leavers)} people" if len(leavers) > 1 else leavers[0].what
        confirm(settings, f"Remove {count} from {group}?", [each.what for each in leavers])

        async def remove(leaver: _Leaver) -> Change:
            await arena.groups.remove_member(group, leaver.id)
            return _change("removed", leaver)

        failures = await in_turn(
            settings, leavers, CHANGES, MEMBER_NOUN, act=remove, failed=_not_removed
        )
    raise_first(failures, len(leavers), MEMBER_NOUN, "removed")


def code_in(text: str) -> Secret:
    """Return the invite code in what somebody pasted: the code, or the URL that ends in it."""
    if "://" in text:
        return Secret(urlsplit(text).path.rstrip("/").rpartition("/")[2])
    return Secret(text)


async def _leavers(
    settings: Settings, arena: ArenaClient, group: str, users: Sequence[str]
) -> list[_Leaver]:
    if settings.yes and all(user.isdecimal() for user in users):
        return [_Leaver(int(user), user) for user in dict.fromkeys(users)]
    with progress(settings):
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
    return [_Leaver(member.id, person(member)) for member in members.values()]


async def _find(members: AsyncIterable[GroupMember], users: set[str]) -> dict[str, GroupMember]:
    found: dict[str, GroupMember] = {}
    async for member in members:
        found.update({name: member for name in (str(member.id), member.slug) if name in users})
        if len(found) == len(users):
            break
    return found


def _change(outcome: str, leaver: _Leaver, problem: str | None = None) -> Change:
    return Change(
        outcome=outcome, type="GroupMember", id=leaver.id, what=leaver.what, problem=problem
    )


def _not_removed(leaver: _Leaver, failure: Failure) -> Change:
    return _change("failed", leaver, failure.problem.message)
