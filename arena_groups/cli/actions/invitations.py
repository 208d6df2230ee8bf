"""What ``arena-groups invitations`` does."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

from attrs import field, frozen

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ForbiddenError,
    Group,
    GroupSort,
    MembershipInvitation,
    NotFoundError,
    RateLimitError,
    revoke_many,
)
from arena_groups._api import Secret
from arena_groups._api import invitee as check_invitee
from arena_groups.cli import ages
from arena_groups.cli.actions.turns import (
    PARTICULAR,
    WAITS,
    Failure,
    in_turn,
    raise_first,
    wait_for_quota,
)
from arena_groups.cli.connect import connected, needs_token
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.notes import note
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.cli.prompts import confirm, require_answer
from arena_groups.cli.records import Change, Sent
from arena_groups.cli.results import (
    Results,
    counted,
    gather,
    note_none,
    progress,
    write_all,
    write_each,
)
from arena_groups.cli.selection import Selection, in_order
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import CHANGES, SENT, invitations, invitee, losses

PENDING = ("pending invitation", "pending invitations")
INVITATIONS = ("invitation", "invitations")

Walk = AsyncGenerator[MembershipInvitation, None]


@frozen
class _Invitee:
    email: str | None = field(default=None, repr=False)
    user_id: int | None = None


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
    view = invitations(ages.now(), with_group=group is None)
    async with connected(settings) as arena:
        walk = _of_all(settings, arena) if group is None else _of_one(arena, group)
        async with aclosing(_selected(walk, selection)) as chosen:
            if sort is None:
                await write_all(settings, view, chosen, PENDING, limit=limit)
                return
            found = in_order(await gather(settings, chosen), sort)
    write_each(settings, view, found[:limit], PENDING)


async def send_invitations(
    settings: Settings, group: str, emails: Sequence[str], user_ids: Sequence[int]
) -> None:
    """Invite people, and write what became of each."""
    people = _checked(emails, user_ids)
    async with connected(settings) as arena:

        async def send(someone: _Invitee) -> Sent:
            result = await arena.groups.invite(group, email=someone.email, user_id=someone.user_id)
            return Sent.of(someone.email, someone.user_id, result)

        failures = await in_turn(settings, people, SENT, INVITATIONS, act=send, failed=_not_sent)
    raise_first(failures, len(people), INVITATIONS, "sent")


async def revoke_invitations(settings: Settings, group: str, ids: Sequence[int]) -> None:
    """Revoke invitations by id, after asking; write what became of each."""
    require_answer(settings)
    async with connected(settings) as arena:
        if settings.yes:
            things = [(number, None) for number in dict.fromkeys(ids)]
            failures = await _revoke(settings, arena, group, things)
        else:
            found = await _find(settings, arena, group, ids)
            confirm(settings, f"Revoke {counted(len(found), INVITATIONS)}?", losses(found))
            failures = await _revoke(settings, arena, group, [(i.id, invitee(i)) for i in found])
    raise_first(failures, len(set(ids)), INVITATIONS, "revoked")


async def expire_invitations(
    settings: Settings, group: str, age: timedelta, *, dry_run: bool
) -> None:
    """Revoke the invitations that are older, after asking; write what became of each.

    One that was answered meanwhile is told, and no failure. A dry run only writes which
    invitations would be lost.
    """
    if not dry_run:
        require_answer(settings)
    now = ages.now()
    async with connected(settings) as arena:
        async with aclosing(_selected(_of_one(arena, group), Selection(older_than=age))) as chosen:
            old = in_order(await gather(settings, chosen), "oldest")
        if dry_run:
            write_each(settings, invitations(now), old, PENDING)
            return
        if old:
            question = f"Revoke {counted(len(old), INVITATIONS)} of {group}?"
            confirm(settings, question, losses(old))
        else:
            note_none(settings, f"no invitation is older than {ages.short_age(age)}")
        failures = await _revoke(settings, arena, group, [(i.id, invitee(i)) for i in old])
    left = [failure for failure in failures if not failure.gone_meanwhile]
    raise_first(left, len(old), INVITATIONS, "revoked")


async def _of_one(arena: ArenaClient, group: str | int) -> Walk:
    async for invitation in arena.groups.invitations(group):
        yield invitation


async def _of_all(settings: Settings, arena: ArenaClient) -> Walk:
    needs_token(settings)
    skipped: list[str] = []
    async for group in _own_groups(arena):
        if not group.can.manage_invitations:
            skipped.append(group.slug)
            continue
        try:
            async for invitation in _of_one(arena, group.id):
                yield invitation
        except (ForbiddenError, NotFoundError):
            skipped.append(group.slug)
    if skipped:
        note(settings, f"skipped, as you may not manage its invitations: {', '.join(skipped)}")


async def _own_groups(arena: ArenaClient) -> AsyncGenerator[Group, None]:
    me = await arena.me()
    async for group in arena.users.groups(me.id, sort=GroupSort.CREATED_AT_DESC):
        yield group


async def _selected(walk: Walk, selection: Selection) -> Walk:
    now = ages.now()
    async with aclosing(walk):
        async for invitation in walk:
            if selection.accepts(invitation, now):
                yield invitation


async def _find(
    settings: Settings, arena: ArenaClient, group: str, ids: Sequence[int]
) -> list[MembershipInvitation]:
    """Return the invitations with these ids. Raises a problem that names those not there."""
    wanted = set(ids)
    found: dict[int, MembershipInvitation] = {}
    with progress(settings):
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


async def _revoke(
    settings: Settings,
    arena: ArenaClient,
    group: str,
    things: Sequence[tuple[int, str | None]],
) -> list[Failure]:
    failures: list[Failure] = []
    results = Results(settings, CHANGES, INVITATIONS)
    with progress(settings, beside_results=True) as shown:
        left, waits = list(things), WAITS
        while left:
            try:
                async with revoke_many(arena, group, [number for number, _ in left]) as run:
                    async for result in run:
                        if result.error and not isinstance(result.error, PARTICULAR):
                            raise result.error
                        thing = left.pop(0)
                        results.write(_revoked(thing, result.error, failures))
                        shown.update(f"{results.count} of {len(things)}")
            except RateLimitError as error:
                waits -= 1
                if waits < 0 or not await wait_for_quota(settings, error, begun=results.count > 0):
                    raise
    results.close()
    return failures


def _revoked(
    thing: tuple[int, str | None], error: Exception | None, failures: list[Failure]
) -> Change:
    if not isinstance(error, ArenaAPIError):
        return _change("revoked", thing)
    failures.append(Failure(error))
    return _not_revoked(thing, failures[-1])


def _not_revoked(thing: tuple[int, str | None], failure: Failure) -> Change:
    outcome = "too late" if failure.gone_meanwhile else "failed"
    return _change(outcome, thing, failure.problem.message)


def _change(outcome: str, thing: tuple[int, str | None], problem: str | None = None) -> Change:
    number, what = thing
    return Change(
        outcome=outcome, type="MembershipInvitation", id=number, what=what, problem=problem
    )


def _checked(emails: Sequence[str], user_ids: Sequence[int]) -> list[_Invitee]:
    """Return everybody once. Raises ``ValueError`` before anything is sent for a bad one."""
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


def _not_sent(someone: _Invitee, failure: Failure) -> Sent:
    return Sent(
        email=someone.email,
        user_id=someone.user_id,
        outcome="failed",
        problem=failure.problem.message,
    )
