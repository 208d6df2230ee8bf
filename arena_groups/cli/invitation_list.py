"""Lists of pending invitations: filtered, sorted, of one group or of all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, require_token
from arena_groups.cli.options import Settings, utc_now

if TYPE_CHECKING:
    Walk = AsyncGenerator[arena_groups.MembershipInvitation, None]
    # A sort key, and True for descending order.
    Order = tuple[Callable[[arena_groups.MembershipInvitation], str | datetime], bool]

# ruff: noqa: PLC0415 - keeps --help fast

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
    """
    view = output.invitations(utc_now(), with_group=group is None)
    async with connected(settings) as arena:
        walk = (
            _all_invitations(settings, arena) if group is None else group_invitations(arena, group)
        )
        async with aclosing(filtered(walk, conditions)) as chosen:
            if sort is None:
                await output.write_all(settings, view, chosen, PENDING, limit=limit)
                return
            found = sort_invitations(await output.collect(settings, chosen), sort)
    output.write_each(settings, view, found[:limit], PENDING)


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
        invited_by: Slug or id of the user who sent it.
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
        sender = invitation.invited_by
        return self.invited_by is None or self.invited_by in {sender.slug, str(sender.id)}


def sort_invitations(
    invitations: list[arena_groups.MembershipInvitation], sort: str
) -> list[arena_groups.MembershipInvitation]:
    """Return invitations in one of the orders in ``ORDERS``."""
    key, descending = ORDERS[sort]
    return sorted(invitations, key=key, reverse=descending)
