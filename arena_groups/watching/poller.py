"""Poller of one group: reads all pages at first, later only what shows that nothing changed.

Lists are newest first. If page 1 and the total are the same as at the last complete reading,
nothing was added, and so nothing was removed either. An unchanged page 1 is answered with an
empty 304 response. A change on a later page that leaves no trace on page 1 (a role, a name) is
found by the next full poll.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

from attrs import frozen

from arena_groups._client import ArenaClient
from arena_groups._pagination.paginator import Paginator
from arena_groups._pagination.passes import RepeatedWalk
from arena_groups._pagination.walk import Identified, Walk
from arena_groups._types import UNSET, utc_now
from arena_groups.errors import (
    ArenaError,
    AuthenticationError,
    BlockedError,
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
from arena_groups.watching.diff import Code, GroupSnapshot

__all__ = ["QUIET_POLL", "GroupPoller", "embedded", "fingerprint"]

ItemT = TypeVar("ItemT", bound=Identified)
Fetch = Callable[[int], Awaitable[Page[ItemT]]]

PAGE_SIZE = 100
QUIET_POLL: Final = 3
"""Requests of a poll that finds no difference: a page of each list, and the invite code."""

logger = logging.getLogger("arena_groups")


@frozen
class _Reading(Generic[ItemT]):
    """A list, newest first; ``items`` is ``None`` if it has not changed.

    ``first`` is the page to compare with the next poll's page 1; ``None`` if the list changed
    while it was read.
    """

    items: list[ItemT] | None
    first: Page[ItemT] | None


class GroupPoller:
    """Polls one group by its id.

    A failure to read the invite code does not fail the poll: ``code_error`` is its error, and
    ``code_failures`` the number of such failures in a row. ``on_progress`` is called for each
    page that was read.
    """

    def __init__(
        self, arena: ArenaClient, group: Group, on_progress: Callable[[], None] = lambda: None
    ) -> None:
        self._arena = arena
        self._on_progress = on_progress
        self.group = embedded(group)
        self.code_error: ArenaError | None = None
        self.code_failures = 0
        self._invitations: Page[MembershipInvitation] | None = None
        self._members: Page[GroupMember] | None = None
        self._uncommitted: tuple[Page[MembershipInvitation] | None, Page[GroupMember] | None]
        self._uncommitted = None, None
        self._can_read_code = True

    @property
    def requests(self) -> int:
        """How many requests a poll takes if nothing has changed."""
        return QUIET_POLL - (not self._can_read_code)

    async def poll(self, *, full: bool) -> GroupSnapshot:
        """Return a snapshot, in comparison with the last committed poll.

        Args:
            full: Read all pages, even if page 1 has not changed.

        Raises:
            ArenaError: A request failed.
            PaginationError: The owner changed each time that the members were read.
        """
        if full:
            self.group = embedded(await self._arena.groups.get(self.group.id))
        # Invitations first: an invitee who accepts between the two readings is both pending and
        # a member, which the next poll corrects. In the other order they would be neither.
        invitations = await _read_list(self._invitation_page, self._invitations, Walk(), full=full)
        members = await _read_list(
            self._member_page, self._members, RepeatedWalk(owner_first=True), full=full
        )
        code = await self._try_read_code(full=full)
        self._uncommitted = invitations.first, members.first
        return GroupSnapshot(
            group=self.group,
            invitations=_by_id(invitations.items),
            members=_by_id(members.items),
            code=code,
            observed_at=utc_now(),
        )

    def commit(self) -> None:
        """Compare later polls with the last one, whose changes are queued now."""
        self._invitations, self._members = self._uncommitted

    async def _invitation_page(self, number: int) -> Page[MembershipInvitation]:
        groups = self._arena.groups
        return await self._page(groups.invitations(self.group.id, per=PAGE_SIZE, start_page=number))

    async def _member_page(self, number: int) -> Page[GroupMember]:
        groups = self._arena.groups
        return await self._page(groups.members(self.group.id, per=PAGE_SIZE, start_page=number))

    async def _page(self, request: Paginator[ItemT]) -> Page[ItemT]:
        page = await request
        self._on_progress()
        return page

    async def _try_read_code(self, *, full: bool) -> Code:
        try:
            code = await self._read_code(full=full)
        except (AuthenticationError, ClientStateError):
            raise
        except ArenaError as error:
            self.code_error = error
            self.code_failures += 1
            return UNSET
        self.code_error, self.code_failures = None, 0
        return code

    async def _read_code(self, *, full: bool) -> Code:
        if not self._can_read_code and not full:
            return UNSET
        try:
            invite = await self._arena.groups.invite_code(self.group.id)
        except NotFoundError:
            self._can_read_code = True
            return None
        except BlockedError:
            raise  # says nothing about the permission
        except ForbiddenError:
            if self._can_read_code:
                logger.info("this token may not read the invite code of group %d", self.group.id)
            self._can_read_code = False
            return UNSET
        self._can_read_code = True
        return fingerprint(self.group.id, invite.code)


def embedded(group: Group) -> EmbeddedGroup:
    """Return the fields of a group that events contain."""
    return EmbeddedGroup(
        id=group.id,
        type=group.type,
        name=group.name,
        slug=group.slug,
        avatar=group.avatar,
        initials=group.initials,
    )


async def _read_list(
    fetch: Fetch[ItemT], known: Page[ItemT] | None, walk: Walk[ItemT], *, full: bool
) -> _Reading[ItemT]:
    first = await fetch(1)
    is_only_page = not first.meta.has_more_pages
    if known is not None and _same(first, known) and (is_only_page or not full):
        return _Reading(None, known)
    page, unchanged = first, True
    items: dict[int, ItemT] = {}
    while True:
        walk.accept(page)
        items.update((item.id, item) for item in page.data)  # the latest state of each
        if walk.done:
            break
        page = await fetch(walk.next_page)
        is_same = page.meta.total_count == first.meta.total_count
        if page.meta.current_page == 1:
            is_same = _same(page, first)
        unchanged = unchanged and is_same
    if walk.failure:
        raise PaginationError(walk.failure)
    # If the list changed meanwhile, page 1 may be older than the pages read after it.
    return _Reading(list(items.values()), first if unchanged else None)


def _same(page: Page[ItemT], known: Page[ItemT]) -> bool:
    return page.meta.total_count == known.meta.total_count and page.data == known.data


def _by_id(items: list[ItemT] | None) -> Mapping[int, ItemT] | None:
    return None if items is None else {item.id: item for item in reversed(items)}


def fingerprint(group_id: int, code: str) -> str:
    """Return a digest of an invite code, to save and compare instead of the code."""
    return hashlib.sha256(f"{group_id} {code}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
