"""Pending invitations: listed, filtered, sorted, and found by the people they are for."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, require_token
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.options import Settings
from arena_groups.cli.output.times import utc_now

if TYPE_CHECKING:
    from arena_groups._api import Secret

    Walk = AsyncGenerator[arena_groups.MembershipInvitation, None]
    # A sort key, and True for descending order.
    Order = tuple[Callable[[arena_groups.MembershipInvitation], str | datetime], bool]

# ruff: noqa: PLC0415 - keeps --help fast

MAX_NEAR = 4
MAX_DIGITS = 19  # of an id; longer numbers are not ids
_FILE = re.compile(r"(?:.*/)?[^@/]+\.(?:csv|tsv|txt|xlsx?|ods|numbers)", re.IGNORECASE)
PENDING = ("pending invitation", "pending invitations")
ORDERS: dict[str, Order] = {
    "newest": (lambda each: each.created_at, True),
    "oldest": (lambda each: each.created_at, False),
    "invitee": (lambda each: output.invitee(each).casefold(), False),
    "inviter": (lambda each: each.invited_by.name.casefold(), False),
    "group": (lambda each: each.target.name.casefold(), False),
}


async def list_invitations(
    settings: Settings,
    group: str | None,
    conditions: InvitationFilter,
    *,
    sort: str | None,
    limit: int | None,
) -> None:
    """Write the pending invitations of a group; ``None`` is every group that the user manages.

    They are written as they arrive, unless ``sort`` is given.

    Raises:
        CliError: If ``conditions`` name an inviter whom neither the invitations nor the group have.
    """
    view = output.invitations(utc_now(), with_group=group is None)
    reading = Reading()
    async with connected(settings) as arena:
        walk = (
            reading.of_all(_all_invitations(settings, arena))
            if group is None
            else reading.of_group(arena.groups.invitations(group))
        )
        chosen = filtered(walk, conditions)
        if conditions.invited_by is not None:
            chosen = _known_inviter(chosen, arena, group, conditions.invited_by, reading)
        async with aclosing(chosen):
            await output.write_all(
                settings,
                view,
                chosen,
                PENDING,
                limit=limit,
                arrange=None if sort is None else partial(sort_invitations, sort=sort),
                extent=lambda: reading.extent(conditions),
            )


@dataclass
class Reading:
    """What is known of a list of invitations while it is read.

    Attributes:
        count: Number of invitations read so far.
        total: Number of invitations in the list; ``None`` if it is not known.
        inviters: The users who sent them, by id.
        is_complete: All were read.
    """

    count: int = 0
    total: int | None = None
    inviters: dict[int, arena_groups.EmbeddedUser] = field(
        default_factory=dict[int, "arena_groups.EmbeddedUser"]
    )
    is_complete: bool = False

    async def of_group(
        self, invitations: arena_groups.Paginator[arena_groups.MembershipInvitation]
    ) -> Walk:
        """Yield the invitations of a group."""
        items = aiter(invitations)
        async for invitation in items:
            self.total = output.total_of(items)
            self._note(invitation)
            yield invitation
        self.is_complete = True

    async def of_all(self, walk: Walk) -> Walk:
        """Yield the invitations of all groups."""
        async with aclosing(walk):
            async for invitation in walk:
                self._note(invitation)
                yield invitation
        self.is_complete, self.total = True, self.count

    def _note(self, invitation: arena_groups.MembershipInvitation) -> None:
        self.count += 1
        self.inviters[invitation.invited_by.id] = invitation.invited_by

    def extent(self, conditions: InvitationFilter) -> output.Extent:
        """Return what is known of the list."""
        total = self.count if self.is_complete else self.total
        return output.Extent(total=total, is_filtered=conditions != InvitationFilter())


async def _known_inviter(
    chosen: Walk,
    arena: arena_groups.ArenaClient,
    group: str | None,
    name: str,
    reading: Reading,
) -> Walk:
    """Yield invitations. At the end, raise an error if nobody has the name of the inviter.

    Who may be meant is whoever has sent one of the invitations, and the members of the group.
    """
    async with aclosing(chosen):
        async for invitation in chosen:
            yield invitation
    if any(is_called(user, name) for user in reading.inviters.values()):
        return
    known: dict[int, arena_groups.EmbeddedUser] = {**reading.inviters}
    if group is not None:
        async for member in arena.groups.members(group):
            if is_called(member, name):
                return
            known.setdefault(member.id, member)
    near = ", ".join(user.slug for user in near_users(name, [*known.values()]))
    where = "in your groups" if group is None else f"in {group}"
    raise CliError(
        "not_found",
        f"nobody called {name!r} has invited anybody {where}",
        ExitCode.NOT_FOUND,
        f"inviters are for example {near}" if near else "",
    )


def is_called(user: arena_groups.EmbeddedUser, name: str) -> bool:
    """Return whether a text is the slug, the id or the name of a user."""
    return name in {user.slug, str(user.id)} or _folded(name) == _folded(user.name)


def near_users(
    name: str, users: Sequence[arena_groups.EmbeddedUser]
) -> list[arena_groups.EmbeddedUser]:
    """Return the users whose slug, name or a word of it is like a text; without one, the first."""
    found: dict[str, arena_groups.EmbeddedUser] = {}
    for user in users:
        words = _folded(user.name)
        for text in (user.slug.casefold(), words, *words.split()):
            found.setdefault(text, user)
    close = get_close_matches(_folded(name), found, MAX_NEAR)
    near = {found[text].id: found[text] for text in close}
    return [*near.values()] or [*users[:MAX_NEAR]]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


async def group_invitations(
    arena: arena_groups.ArenaClient, group: str | int, *, confirm: bool = False
) -> Walk:
    """Yield the pending invitations of a group."""
    async for invitation in arena.groups.invitations(group, confirm=confirm):
        yield invitation


async def _all_invitations(settings: Settings, arena: arena_groups.ArenaClient) -> Walk:
    require_token(settings)
    skipped: list[str] = []
    async for group in _own_groups(arena):
        if not group.can.manage_invitations:
            skipped.append(group.slug)
            continue
        try:
            async for invitation in group_invitations(arena, group.id):
                yield invitation
        except arena_groups.BlockedError:
            raise  # the other groups would meet it too
        except (arena_groups.ForbiddenError, arena_groups.NotFoundError):
            skipped.append(group.slug)
    if skipped:
        output.info(settings, f"skipped, no permission to manage invitations: {', '.join(skipped)}")


async def _own_groups(arena: arena_groups.ArenaClient) -> AsyncGenerator[arena_groups.Group, None]:
    me = await arena.me()
    async for group in arena.users.groups(me.id, sort=arena_groups.GroupSort.CREATED_AT_DESC):
        yield group


async def filtered(walk: Walk, conditions: InvitationFilter) -> Walk:
    """Yield the invitations of a walk that meet the conditions, and close it."""
    now = utc_now()
    async with aclosing(walk):
        async for invitation in walk:
            if conditions.accepts(invitation, now):
                yield invitation


@dataclass(frozen=True, kw_only=True)
class InvitationFilter:
    """Filter of invitations. A condition that is ``None`` accepts every invitation.

    Attributes:
        older_than: Minimum time since the invitation was sent.
        email: Pattern of the address, with ``*`` and ``?``.
        invited_by: Slug, id or name of the user who sent it.
    """

    older_than: timedelta | None = None
    email: str | None = field(default=None, repr=False)
    invited_by: str | None = None

    def accepts(self, invitation: arena_groups.MembershipInvitation, now: datetime) -> bool:
        """Return ``True`` if an invitation meets all conditions."""
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
        from arena_groups._api import address_matches

        address = invitation.invitee_email
        return address is not None and address_matches(address, self.email)

    def _has_sender(self, invitation: arena_groups.MembershipInvitation) -> bool:
        return self.invited_by is None or is_called(invitation.invited_by, self.invited_by)


def sort_invitations(
    invitations: Sequence[arena_groups.MembershipInvitation], sort: str
) -> list[arena_groups.MembershipInvitation]:
    """Return invitations in one of the orders in ``ORDERS``."""
    key, descending = ORDERS[sort]
    return sorted(invitations, key=key, reverse=descending)


def parse_recipients(texts: Sequence[Secret], what: str) -> list[arena_groups.InviteTarget]:
    """Return the recipients in arguments called ``what``. Raise ``ValueError`` for an invalid one.

    A number is the id of a user, a text with ``@`` an address, and any other text a slug or URL;
    the option ``--email`` takes addresses only. The name of a file is none of them.
    """
    for number, text in enumerate(texts, start=1):
        if _FILE.fullmatch(text.reveal()):
            raise ValueError(f"{what} number {number} is the name of a file: read it with --from")
    return [
        _person(text, f"{what} number {number}", addresses_only=what == "--email")
        for number, text in enumerate(texts, start=1)
    ]


def parse_wanted(texts: Sequence[Secret]) -> dict[int | arena_groups.InviteTarget, int]:
    """Return the ids of invitations and the people that the arguments of ``revoke`` name.

    Each has the number of its first argument. Raise ``ValueError`` for an invalid one.
    """
    from arena_groups._api import check_id

    wanted: dict[int | arena_groups.InviteTarget, int] = {}
    for place, text in enumerate(texts, start=1):
        number = _number(text)
        if number == 0:
            raise ValueError(f"WHO number {place}: 0 is too low: the minimum is 1")
        if number is None:
            wanted.setdefault(_person(text, f"WHO number {place}"), place)
        else:
            wanted.setdefault(check_id(number, f"WHO number {place}: invitation id"), place)
    return wanted


def _person(text: Secret, what: str, *, addresses_only: bool = False) -> arena_groups.InviteTarget:
    from arena_groups.bulk import normalize_invite_target
    from arena_groups.cli.people_file import plain_address

    number = None if addresses_only else _number(text)
    try:
        if number is not None:
            return normalize_invite_target(number)
        if addresses_only or _has_address(text):
            return normalize_invite_target(plain_address(text.reveal()))
        return normalize_invite_target(arena_groups.InviteTarget(user=text.reveal()))
    except ValueError as error:
        is_name = number is None and not any(mark in text.reveal() for mark in "/@")
        advice = "; an email address has an @" if is_name else ""
        raise ValueError(f"{what}: {error}{advice}") from None


async def find_invitations(
    settings: Settings,
    arena: arena_groups.ArenaClient,
    group: str,
    wanted: Mapping[int | arena_groups.InviteTarget, int],
) -> list[arena_groups.MembershipInvitation]:
    """Return the invitations with these ids or for these people, in the order of ``wanted``.

    Raise an error if there is none for one of them, which does not show addresses.
    """
    found: dict[int | arena_groups.InviteTarget, list[arena_groups.MembershipInvitation]] = {
        each: [] for each in wanted
    }
    by_id = all(isinstance(each, int) for each in wanted)
    with output.progress(settings):
        async for invitation in arena.groups.invitations(group, confirm=True):
            for name in _names(invitation):
                if name in found:
                    found[name].append(invitation)
            if by_id and all(found.values()):
                break
    missing = [_shown(each, number) for each, number in wanted.items() if not found[each]]
    if missing:
        raise CliError(
            "not_found",
            f"not a pending invitation of {group}: {', '.join(missing)}",
            ExitCode.NOT_FOUND,
            f"arena-groups invitations list {group}",
        )
    every = [invitation for each in wanted for invitation in found[each]]
    return list({invitation.id: invitation for invitation in every}.values())


def _names(
    invitation: arena_groups.MembershipInvitation,
) -> list[int | arena_groups.InviteTarget]:
    names: list[int | arena_groups.InviteTarget] = [invitation.id]
    if invitation.invitee_email is not None:
        names.append(arena_groups.InviteTarget(email=invitation.invitee_email))
    if invitation.invitee is not None:
        names.append(arena_groups.InviteTarget(user=invitation.invitee.slug))
    return names


def _shown(wanted: int | arena_groups.InviteTarget, number: int) -> str:
    if isinstance(wanted, int):
        return str(wanted)
    return wanted.user or f"the address at number {number}"


def _has_address(text: Secret) -> bool:
    return "@" in text.reveal() and "://" not in text.reveal()


def _number(text: Secret) -> int | None:
    value = text.reveal()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS else None
