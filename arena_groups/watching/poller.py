"""Reading a group: all of it at first, and then no more than shows that nothing has changed.

Lists are newest first. Where page 1 and the total are as they were at the last complete reading,
nothing was added, and so nothing was removed either. An unchanged page 1 costs an answer without
a body. What can change beyond it without a trace (a role, a name) is found by a deep look.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.walk import Identified, Walk
from arena_groups._types import UNSET
from arena_groups.errors import (
    ArenaError,
    AuthenticationError,
    ClientStateError,
    ForbiddenError,
    NotFoundError,
    PaginationError,
)
from arena_groups.models import (
    EmbeddedGroup,
    Group,
    GroupMember,
    MembershipInvitation,
    Page,
)
from arena_groups.watching.diff import Code, Snapshot

__all__ = ["Look", "embedded", "fingerprint"]

ItemT = TypeVar("ItemT", bound=Identified)
Fetch = Callable[[int], Paginator[ItemT]]

PER = 100
MEMBER_READINGS = 3

logger = logging.getLogger("arena_groups")


@frozen
class _Reading(Generic[ItemT]):
    """A list, newest first; ``None`` where it is as it was.

    ``first`` is its first page, if later ones can be compared with it.
    """

    items: list[ItemT] | None
    first: Page[ItemT] | None


class Look:
    """Looks at one group again and again, by its id.

    An invite code that cannot be read holds nothing else back: ``code_error`` is why, and
    ``code_failures`` how often in a row.
    """

    def __init__(self, arena: ArenaClient, group: Group) -> None:
        self._arena = arena
        self.group = embedded(group)
        self.code_error: ArenaError | None = None
        self.code_failures = 0
        self._invitations: Page[MembershipInvitation] | None = None
        self._members: Page[GroupMember] | None = None
        self._taken: tuple[Page[MembershipInvitation] | None, Page[GroupMember] | None]
        self._taken = None, None
        self._may_see_code = True

    @property
    def requests(self) -> int:
        """How many requests a look takes where nothing has changed."""
        return 2 + self._may_see_code

    async def take(self, *, deep: bool) -> Snapshot:
        """What is to be seen now, ``deep`` on every page. Raises what the client raises.

        It is compared with the last look that was kept.
        """
        if deep:
            self.group = embedded(await self._arena.groups.get(self.group.id))
        # Whoever accepts between the two readings is still pending and already a member, and
        # the next look tells the rest. The other way round they would be neither.
        invitations = await _read(self._invitation_page, self._invitations, deep=deep)
        members = await self._read_members(deep=deep)
        code = await self._try_code(deep=deep)
        self._taken = invitations.first, members.first
        return Snapshot(
            group=self.group,
            invitations=_by_id(invitations.items),
            members=_by_id(members.items),
            code=code,
        )

    def keep(self) -> None:
        """Compare the looks to come with the last one, now that nothing of it can be lost."""
        self._invitations, self._members = self._taken

    def _invitation_page(self, number: int) -> Paginator[MembershipInvitation]:
        return self._arena.groups.invitations(self.group.id, per=PER, start_page=number)

    def _member_page(self, number: int) -> Paginator[GroupMember]:
        return self._arena.groups.members(self.group.id, per=PER, start_page=number)

    async def _read_members(self, *, deep: bool) -> _Reading[GroupMember]:
        # The owner comes first, whenever they joined. Where that becomes somebody else, the
        # new one moves ahead of the reader and would be missed.
        for _ in range(MEMBER_READINGS):
            reading = await _read(self._member_page, self._members, deep=deep)
            if reading.items is None or len(reading.items) <= _length(reading.first):
                return reading
            if _head((await self._member_page(1)).data) == _head(reading.items):
                return reading
        raise PaginationError("the owner changed again and again while members were read")

    async def _try_code(self, *, deep: bool) -> Code:
        try:
            code = await self._read_code(deep=deep)
        except (AuthenticationError, ClientStateError):
            raise
        except ArenaError as error:
            self.code_error = error
            self.code_failures += 1
            return UNSET
        self.code_error, self.code_failures = None, 0
        return code

    async def _read_code(self, *, deep: bool) -> Code:
        if not self._may_see_code and not deep:
            return UNSET
        try:
            invite = await self._arena.groups.invite_code(self.group.id)
        except NotFoundError:
            self._may_see_code = True
            return None
        except ForbiddenError:
            if self._may_see_code:
                logger.info("the invite code of group %d is not for this token", self.group.id)
            self._may_see_code = False
            return UNSET
        self._may_see_code = True
        return fingerprint(self.group.id, invite.code)


def embedded(group: Group) -> EmbeddedGroup:
    """A group without what events need not repeat."""
    return EmbeddedGroup(
        id=group.id,
        type=group.type,
        name=group.name,
        slug=group.slug,
        avatar=group.avatar,
        initials=group.initials,
    )


async def _read(fetch: Fetch[ItemT], known: Page[ItemT] | None, *, deep: bool) -> _Reading[ItemT]:
    first = await fetch(1)
    whole = not first.meta.has_more_pages
    if known is not None and _same(first, known) and (whole or not deep):
        return _Reading(None, known)
    walk: Walk[ItemT] = Walk()
    items = list(walk.accept(first))
    steady = True
    while not walk.done:
        page = await fetch(walk.next_page)
        items += walk.accept(page)
        steady = steady and page.meta.total_count == first.meta.total_count
    # Of a list that changed meanwhile, page 1 may be older than what was read after it.
    return _Reading(items, first if steady else None)


def _same(page: Page[ItemT], known: Page[ItemT]) -> bool:
    return page.meta.total_count == known.meta.total_count and page.data == known.data


def _by_id(items: list[ItemT] | None) -> Mapping[int, ItemT] | None:
    return None if items is None else {item.id: item for item in reversed(items)}


def _length(page: Page[ItemT] | None) -> int:
    return 0 if page is None else len(page.data)


def _head(members: list[GroupMember]) -> int | None:
    return members[0].id if members else None


def fingerprint(group_id: int, code: str) -> str:
    """What stands for an invite code where the code itself need not be kept."""
    return hashlib.sha256(f"{group_id} {code}".encode()).hexdigest()[:16]
