"""Helpers for tests of bulk calls: addresses, results, and what a sandbox received."""

import asyncio
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any, Final

from arena_groups import ArenaClient, BulkResult, NoPacer, Priority, RetryPolicy, Store, bulk
from arena_groups._pacing.window import FOREVER, Permit
from arena_groups.bulk.journal import InviteJournal
from arena_groups.bulk.targets import normalize_invite_target
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock

GROUP: Final = "spring"
INVITE: Final = "createGroupInvitation"
BULK_FOLDER: Final = str(Path(bulk.__file__).parent)


def addresses(count: int, start: int = 0) -> list[str]:
    """Return different email addresses, numbered from ``start``."""
    return [f"p{number}@example.org" for number in range(start, start + count)]


def make_client(sandbox: Sandbox, token: str | None = None, **options: Any) -> ArenaClient:
    """Return a client without pacing that sends a request at most twice."""
    options.setdefault("retry", RetryPolicy(attempts=2, backoff=0))
    options.setdefault("pacer", NoPacer())
    return ArenaClient(token or sandbox.tokens.owner, base_url=sandbox.url, **options)


def sent_emails(sandbox: Sandbox) -> list[str]:
    """Return the addresses that the sandbox sent an invitation to, in order."""
    return [email.address for email in sandbox.emails]


def invite_requests(sandbox: Sandbox) -> int:
    """Return how many requests to invite the sandbox received."""
    return sum(request.operation == INVITE for request in sandbox.requests)


def executed_invites(sandbox: Sandbox) -> int:
    """Return how many requests to invite the sandbox carried out, whatever they had for effect."""
    return sum(request.operation == INVITE and request.executed for request in sandbox.requests)


def list_requests(sandbox: Sandbox) -> int:
    """Return how many requests for pages of invitations or members the sandbox received."""
    lists = {"getGroupInvitations", "getGroupMembers"}
    return sum(request.operation in lists for request in sandbox.requests)


def bulk_tasks() -> list[asyncio.Task[Any]]:
    """Return the unfinished tasks of bulk calls."""
    return [task for task in asyncio.all_tasks() if _file_of(task).startswith(BULK_FOLDER)]


async def outcomes_of(run: AsyncIterable[BulkResult[Any]]) -> list[str]:
    """Return the outcome of each result as a string."""
    return [result.outcome.value async for result in run]


def journal_namespace(sandbox: Sandbox, journal: str = "invitations") -> str:
    """Return the namespace of a journal for :data:`GROUP`."""
    return f"invite_many/{sandbox.groups[GROUP]}/{journal}"


async def claim_elsewhere(
    sandbox: Sandbox, store: Store, person: str | int, *, claim_timeout: float = 120
) -> InviteJournal:
    """Claim a person as another process would, and return that process's journal."""
    namespace = journal_namespace(sandbox)
    journal = InviteJournal(store, namespace, claim_timeout=claim_timeout, clock=AutoAdvanceClock())
    await journal.load()
    key = normalize_invite_target(person).key
    assert await journal.claim(key, replacing=journal.find(key))
    return journal


class GatedPacer(NoPacer):
    """Rate limiter that grants permits for writes only while its gate is open.

    Attributes:
        gate: The gate.
        queued: Number of writes that have asked for a permit so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.queued = 0

    async def acquire(
        self,
        *,
        write: bool,
        max_wait: float = FOREVER,
        deadline: float = FOREVER,
        priority: Priority = "foreground",
    ) -> Permit | None:
        """Wait for the gate, if the request is a write."""
        if write:
            self.queued += 1
            await self.gate.wait()
        return await super().acquire(write=write, max_wait=max_wait)


def _file_of(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return "" if code is None else str(code.co_filename)
