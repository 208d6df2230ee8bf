"""People of a group that is kept in step with a list, what a client can know, and killed runs."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field, frozen

from arena_groups import MemoryStore
from arena_groups.sandbox.faults import FaultContext, ListFault, ListPage, MiddlewareFault
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.server_protocol import SerializedResponse
from arena_groups.stores.base import NO_CONDITIONS

INVITE: Final = "createGroupInvitation"
REVOKE: Final = "revokeGroupInvitation"
REMOVE: Final = "removeGroupMember"
WRITES: Final = frozenset({INVITE, REVOKE, REMOVE})

BY_ADDRESS: Final = ("address", "spelled", "row_address")
BY_USER: Final = ("id", "slug", "url", "row_user", "old_slug")
BY_BOTH: Final = ("row",)


@define(eq=False)
class Person:
    """Somebody who may be on a list.

    Attributes:
        address: The address on the lists.
        account: The id of the account, if there is one.
        account_address: The address of the account; another one than ``address`` for people who
            are invited at one address, and accept with the account of another.
        slug: The slug of the account.
        old_slug: An earlier slug, which a client saw.
        seen_slug: The last slug that a client saw.
    """

    address: str
    account: int | None = None
    account_address: str | None = None
    slug: str = ""
    old_slug: str | None = None
    seen_slug: str | None = None

    @property
    def is_same(self) -> bool:
        """Whether the server knows the account by the address on the lists."""
        return self.account_address in {None, self.address}


@define
class Knowledge:
    """What a client can know from the lists that it was shown and the outcomes it was sent.

    Attributes:
        tick: Number of the current moment; it goes up with every run.
        invited_at: Last moment at which an address was pending, by index of the person.
        accounts: People whose account was seen in the group, or invited by id.
        links: People of whom it is known that account and address belong together.
        perhaps_links: The same, if a run that was killed has come so far.
        joined_at: Moment at which each account joined.
        emailed_again: Plans with ``reinvite``, and the addresses that they sent one more email.
    """

    tick: int = 0
    invited_at: dict[int, int] = field(factory=dict[int, int])
    accounts: set[int] = field(factory=set[int])
    links: set[int] = field(factory=set[int])
    perhaps_links: set[int] = field(factory=set[int])
    joined_at: dict[int, int] = field(factory=dict[int, int])
    emailed_again: set[tuple[str, str]] = field(factory=set[tuple[str, str]])

    def knew(self, index: int, *, address: bool, account: bool, linked: bool) -> bool:
        """Return whether somebody was invited or a member before, under each of these names.

        If the names are ``linked``, one of them is enough.
        """
        if linked or index in self.links:
            return index in self.invited_at or index in self.accounts
        return (not address or index in self.invited_at) and (not account or index in self.accounts)


@frozen
class HiddenAddresses(ListFault):
    """The list of invitations shows no address for some of them."""

    ids: set[int]

    def transform_page(self, page: ListPage) -> SandboxResponse | None:
        """Return the page without these addresses."""
        items = [
            {**each, "invitee_email": None} if each["id"] in self.ids else each
            for each in page.items()
        ]
        return page.with_meta(page.meta, items)


class MortalStore(MemoryStore):
    """View of a store that a process has; it ends with the process.

    Attributes:
        dies_at: Number of the write at which the process is killed; ``None`` for never.
        done: Whether that write still reaches the store.
        kill: Called at that write.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store
        self.dies_at: int | None = None
        self.done = False
        self.dead = False
        self.kill: Callable[[], object] = lambda: None

    async def read(self, namespace: str) -> dict[str, str]:
        self._check()
        return await self._store.read(namespace)

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        self._check()
        if self.dies_at is None or self.dies_at > 0:
            self.dies_at = None if self.dies_at is None else self.dies_at - 1
            return await self._store.compare_and_set(namespace, updates, expected=expected)
        if self.done:
            await self._store.compare_and_set(namespace, updates, expected=expected)
        self.die()
        await asyncio.sleep(0)
        raise asyncio.CancelledError  # nothing of the process goes on

    def die(self) -> None:
        """End the process that has this view."""
        self.dead = True
        self.kill()

    def _check(self) -> None:
        if self.dead:
            raise asyncio.CancelledError  # nothing of the process goes on


@frozen(eq=False)
class KillClient(MiddlewareFault):
    """Kills the process of a run at a request, before or after its execution."""

    executed: bool
    kill: Callable[[], Any]

    async def handle(self, context: FaultContext) -> SerializedResponse:
        """Kill the client; it never has the response."""
        if self.executed:
            await context.call_next()
        self.kill()
        return await context.hang()
